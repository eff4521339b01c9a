"""The recorded calls to language models around one event, as answers for the decisions made again."""

from collections.abc import Iterator
from contextlib import contextmanager

from agent.llm.calls import Call
from agent.llm.recorded_model import RecordedModel
from agent.record.events import LlmCallBegan, LlmCallEnded
from agent.record.opened_run import Run
from agent.record.state import RunState

LlmCall = LlmCallBegan | LlmCallEnded


class RecordedAnswers:
    """Answers the questions of the decisions about one node, and keeps the state at the recorded time.

    Decisions depend on the elapsed time. So calls about other nodes, which decided nothing here, are applied
    to the state first; a call about this node is applied when its answer is read.
    """

    def __init__(self, run: Run, state: RunState, pending: list[LlmCall], node: int, at_s: float) -> None:
        """
        Args:
            run: the run, which holds the texts of the answers.
            state: the state before the event; calls are applied to it.
            pending: the calls before the event; applied calls are removed.
            node: the node that the decisions are about.
            at_s: seconds of work of the run at the event.
        """
        while pending and pending[0].node != node:
            state.apply(pending.pop(0))
        self._state = state
        self._pending = pending
        calls = [one.call for one in pending if isinstance(one, LlmCallEnded) and one.node == node]
        self.purposes = frozenset(call.purpose for call in calls)
        self.model = RecordedModel(calls, run.journal.text, self._in_progress)
        # A decision with calls was made before the first of them, any other at the time of its event.
        self.decided_at_s = state.elapsed_s if calls else at_s

    @contextmanager
    def _in_progress(self, call: Call) -> Iterator[None]:
        """Apply a call's start before the decision reads the answer, and its end afterwards."""
        while not (isinstance(self._pending[0], LlmCallEnded) and self._pending[0].call is call):
            self._state.apply(self._pending.pop(0))
        try:
            yield
        finally:
            self._state.apply(self._pending.pop(0))
