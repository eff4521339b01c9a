"""Mends a node that failed (MARS, debug): up to ten fixes inside the node, each a revision on record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.coder.fixes import FIX_LESSONS, Look, fix_form
from agent.llm.calls import Prompt
from agent.llm.errors import LeftAlone, LlmUnavailable, LlmUnusable
from agent.llm.prompts import render_prompt
from agent.llm.query import Query, Thinker
from agent.memory.lesson import Lesson, Scope
from agent.memory.recall import debug_lessons, recall
from agent.planner.editing import outline, own_modules
from agent.record.events import Failure, NodeResult
from agent.record.state import Node, RunState
from agent.repository.edits import is_own_module
from agent.repository.idea import Fix
from agent.repository.render import TaskView

FIXES = 10  # N_d of MARS
STUCK = 2  # fixes in a row that leave an error in its place; then it is given up
SHOWN = 2  # modules, at first; the model may ask for further ones
FIX_TOKENS = 8000
SEED_STEP = 1000

Files = Mapping[str, str]
ReadCommit = Callable[[str], Files]
"""The files of a revision."""


class Debugger(Protocol):
    """Proposes fixes; a pure function of the state, the failure and of what language models answered."""

    def fix(self, state: RunState, node: Node, failed: NodeResult) -> Fix | None:
        """The next fix of a node whose last revision has failed, or None when it stays failed."""
        ...


@dataclass(frozen=True)
class LlmDebugger:
    """Shows a language model the error without the data, and the modules that it passed through."""

    thinker: Thinker
    competition: TaskView
    scopes: Sequence[Scope]
    read_commit: ReadCommit

    def fix(self, state: RunState, node: Node, failed: NodeResult) -> Fix | None:
        failure = failed.failure
        if failure is None or not may_be_mended(node, failure):
            return None
        files = self.read_commit(failed.commit)
        shown = _about(failure, files)
        lessons = lessons_about(state.lessons, self.scopes, failure)
        try:
            answer = self._ask(state, node, failed, failure, files, shown, lessons, may_look=True)
            if isinstance(answer, Look):
                shown = list(dict.fromkeys([*shown, *answer.files]))
                answer = self._ask(state, node, failed, failure, files, shown, lessons, may_look=False)
        except (LlmUnusable, LlmUnavailable, LeftAlone):
            return None
        assert isinstance(answer, Fix), "nothing else may be answered without a look"
        return answer

    def _ask(
        self,
        state: RunState,
        node: Node,
        failed: NodeResult,
        failure: Failure,
        files: Files,
        shown: Sequence[str],
        lessons: Sequence[Lesson],
        may_look: bool,
    ) -> Fix | Look:
        rules = render_prompt("coder_rules", competition=self.competition)
        prompts = [
            Prompt(
                rules,
                render_prompt(
                    "debug",
                    node=node,
                    failure=failure,
                    same_again=_is_stuck(node, failure, 1),
                    outline=outline(files),
                    files={name: files[name] for name in names},
                    lessons=lessons,
                    may_look=may_look,
                ),
            )
            for names in (shown, shown[-1:] if not may_look else shown[:1])  # in full and in short
        ]
        form = fix_form(node, files, own_modules(files) if may_look else (), lessons)
        seed = SEED_STEP * state.run.seed + 10 * node.id + len(node.attempts)
        query = Query("coder", "debug", prompts, form, FIX_TOKENS, seed=seed, node=node.id)
        return self.thinker.ask(query)


def may_be_mended(node: Node, failure: Failure) -> bool:
    """Whether another fix is worth it: not without end, and not where nothing moves the error."""
    if failure.stage == "idea" or node.operator == "ensemble":
        return False
    return len(node.attempts) < FIXES and not _is_stuck(node, failure, STUCK)


def _is_stuck(node: Node, failure: Failure, fixes: int) -> bool:
    """Whether the last so many fixes all left this very error in its place."""
    before = [attempt.failed.failure for attempt in node.attempts[-fixes:]]
    return len(before) == fixes and all(one is not None and one.place == failure.place for one in before)


def lessons_about(lessons: Sequence[Lesson], scopes: Sequence[Scope], failure: Failure) -> list[Lesson]:
    """The debug lessons to show, those about the same kind of error first."""
    recalled = recall(debug_lessons(lessons), scopes)
    kind = failure.told.partition(":")[0]
    return sorted(recalled, key=lambda lesson: kind not in lesson.findings)[:FIX_LESSONS]


def _about(failure: Failure, files: Files) -> list[str]:
    """The modules that an error passed through, the innermost first; else those that its sentence names."""
    own = [name for name in files if is_own_module(name)]
    frames = [frame.partition(" line ")[0] for frame in reversed(failure.frames)]
    named = [name for name in own if name in failure.told]
    found = [name for name in dict.fromkeys([*frames, *named]) if name in own]
    return (found or own_modules(files)[:1])[:SHOWN]
