"""The coder of a run that gives back another's ideas: modules as they were written there, and their fixes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.coder.debugging import ReadCommit
from agent.coder.writing import CannotWrite
from agent.planner.replay import RecordedIdea
from agent.record.events import NodeResult
from agent.record.state import Node, RunState
from agent.repository.edits import EditError, apply_edits
from agent.repository.idea import Fix, WrittenModule


@dataclass(frozen=True)
class ReplayDebugger:
    """Gives back the recorded fixes of an idea, one after the other, while it fails as it did there."""

    ideas: Sequence[RecordedIdea]
    read_commit: ReadCommit

    def fix(self, state: RunState, node: Node, failed: NodeResult) -> Fix | None:
        """The fix of this very failure; None where there is none, or the code is another."""
        mended = next((one.mended for one in self.ideas if one.node == node.replays), ())
        if len(node.attempts) >= len(mended) or failed.failure is None:
            return None
        there = mended[len(node.attempts)]
        before = there.failed.failure
        if before is None or before.place != failed.failure.place or there.modules != len(node.modules):
            return None
        try:
            apply_edits(self.read_commit(failed.commit), there.fix.edits)
        except EditError:
            return None
        return there.fix


@dataclass(frozen=True)
class ReplayWriter:
    """Gives back the modules that were written for an idea."""

    ideas: Sequence[RecordedIdea]

    def write(self, state: RunState, node: Node, files: Mapping[str, str]) -> WrittenModule:
        written = next((one.modules for one in self.ideas if one.node == node.replays), ())
        if len(node.modules) >= len(written):
            raise CannotWrite(f"{node.unwritten[0].file} was not written there.")
        return written[len(node.modules)]
