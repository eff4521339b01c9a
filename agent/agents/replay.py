"""Debugger and writer of a run that replays another run's ideas, with the recorded modules and fixes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.agents.debugger import ReadCommit
from agent.agents.writer import WritingError
from agent.planner.replay import RecordedIdea
from agent.record.events import NodeResult
from agent.record.state import Node, RunState
from agent.repository.edits import EditError, apply_edits
from agent.repository.idea import Fix, WrittenModule


@dataclass(frozen=True)
class ReplayDebugger:
    """Returns the recorded fixes of an idea in order, while it fails as in the source run."""

    ideas: Sequence[RecordedIdea]
    read_commit: ReadCommit

    def fix(self, state: RunState, node: Node, failed: NodeResult) -> Fix | None:
        """Return the recorded fix of this failure; None if the failure or the code differs."""
        attempts = next((recorded.attempts for recorded in self.ideas if recorded.node == node.replays), ())
        if len(node.attempts) >= len(attempts) or failed.failure is None:
            return None
        attempt = attempts[len(node.attempts)]
        before = attempt.failed.failure
        if before is None or before.place != failed.failure.place or attempt.modules != len(node.modules):
            return None
        try:
            apply_edits(self.read_commit(failed.commit), attempt.fix.edits)
        except EditError:
            return None
        return attempt.fix


@dataclass(frozen=True)
class ReplayWriter:
    """Returns the recorded modules of an idea in order."""

    ideas: Sequence[RecordedIdea]

    def write(self, state: RunState, node: Node, files: Mapping[str, str]) -> WrittenModule:
        written = next((recorded.modules for recorded in self.ideas if recorded.node == node.replays), ())
        if len(node.modules) >= len(written):
            raise WritingError(f"{node.unwritten_modules[0].file} was not written in the source run.")
        return written[len(node.modules)]
