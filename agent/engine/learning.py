"""Records a finished node together with its lessons."""

from dataclasses import dataclass

from agent.agents.lesson_writer import LessonWriter
from agent.competition.metrics import Metric
from agent.engine.comparison import fixes_taught, lesson_from
from agent.engine.containment import node_fault
from agent.engine.decider import Decider
from agent.engine.trials.runner import TrialRunner
from agent.memory.lesson import Lesson
from agent.memory.store import LessonStore
from agent.record.boundary import UnrecordableError, encode_event
from agent.record.events import Event, LessonLearned, LessonWorded, NodeFinished, NodeResult
from agent.record.recorder import EventRecorder
from agent.record.state import Node, RunState


@dataclass(frozen=True)
class Learner:
    """Derives lessons from the finished nodes of a run."""

    run: str
    recorder: EventRecorder
    lessons: LessonStore
    runner: TrialRunner
    metric: Metric

    def finish(self, node: Node, result: NodeResult, limit_s: float, decider: Decider) -> None:
        """Record a result and its lessons in one transaction, so that a kill loses both or neither.

        Args:
            node: the finished node.
            result: its result, not yet in the state.
            limit_s: the node's time limit in seconds. Until rules 2, a node with less time than the others
                teaches debug lessons only, because it may owe its score to that.
            decider: decides whether a model words the lesson; else the generated words stay.
        """
        state, journal = self.recorder.state, self.recorder.journal
        result = _marked_duplicate(state, node, result)
        result, taught = _recordable(result), self._taught(node, result, limit_s)
        now, stored = self.recorder.clock.elapsed_s(), None
        events: list[Event] = [NodeFinished(elapsed_s=now, node=node.id, result=result)]
        with journal.transaction() as connection:
            for lesson in taught:  # the solution lesson comes last
                stored = self.lessons.add(lesson, connection)
                events.append(LessonLearned(elapsed_s=now, node=node.id, lesson=stored))
            recorded = [journal.append(event, connection) for event in events]
        for event in recorded:
            self.recorder.apply(event)
        if stored is not None and (reflector := decider.words_from(state)) is not None:
            self._word(node, stored, reflector)

    def _taught(self, node: Node, result: NodeResult, limit_s: float) -> list[Lesson]:
        """Return the lessons of a node; none if what the nodes left cannot be compared."""
        state = self.recorder.state
        try:
            taught = fixes_taught(state, self.run, self.runner.prepared, node, result)
            has_time = state.run.rules >= 3 or limit_s >= state.run.node_limit_s
            if has_time and result.duplicate_of is None:
                learned = lesson_from(state, self.run, self.runner, self.metric, node, result)
                taught += [learned] if learned else []
        except Exception as error:
            node_fault(error)  # raises errors of the set-up and of the machine
            return []
        return taught

    def _word(self, node: Node, lesson: Lesson, reflector: LessonWriter) -> None:
        """Let a model word a lesson about edits. The lesson is already recorded; a kill loses only words."""
        found = reflector.reflect(self.recorder.state, node, lesson, self.lessons.all)
        if found is None:
            return
        journal = self.recorder.journal
        with journal.transaction() as connection:
            stored = self.lessons.reword(lesson.id, found.words, found.same_as, connection)
            worded = LessonWorded(
                elapsed_s=self.recorder.clock.elapsed_s(),
                node=node.id,
                lesson=stored,
                instead_of="" if stored.id == lesson.id else lesson.id,
            )
            event = journal.append(worded, connection)
        self.recorder.apply(event)


def _marked_duplicate(state: RunState, node: Node, result: NodeResult) -> NodeResult:
    """Return a valid result with the first valid node of the same outputs, if there is one."""
    if result.status != "valid" or not result.outputs_hash or node.operator == "ensemble":
        return result
    for other in state.valid:
        same = other.result is not None and other.result.outputs_hash == result.outputs_hash
        if same and other.operator != "ensemble":
            reason = f"A duplicate: its outputs equal those of node {other.name}."
            return result.model_copy(update={"duplicate_of": other.id, "reason": reason})
    return result


def _recordable(result: NodeResult) -> NodeResult:
    """Return the result; a failed one in its place if no record can hold its values."""
    try:
        encode_event(NodeFinished(elapsed_s=0.0, node=0, result=result))
    except UnrecordableError:
        reason = "The result holds values that cannot be recorded."
        return NodeResult(status="failed", reason=reason, commit=result.commit, seconds=0.0)
    return result
