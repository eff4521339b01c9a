"""Debugs a failed node (arXiv 2602.02660): up to ten fixes within the node, each a recorded revision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.agents.fix_format import FIX_LESSONS, ModuleRequest, fix_form
from agent.core.seeds import SEED_STEP
from agent.llm.calls import Prompt
from agent.llm.errors import LlmUnavailableError, ModelDisabledError, UnusableAnswerError
from agent.llm.prompts import render_prompt
from agent.llm.query import LanguageModel, Query
from agent.memory.lesson import Lesson, Scope
from agent.memory.recall import debug_lessons, recall
from agent.planner.llm.editing import outline, own_modules
from agent.planner.llm.task_facts import TaskFacts, coder_rules
from agent.record.events import Failure, NodeResult
from agent.record.state import Node, RunState
from agent.repository.edits import is_own_module
from agent.repository.idea import Fix
from agent.repository.rendering import TaskView

FIXES = 10  # N_d in arXiv 2602.02660
STUCK = 2  # consecutive fixes that leave an error in its place; then debugging stops
SHOWN = 2  # modules shown at first; the model may ask for more
FIX_TOKENS = 8000

Files = Mapping[str, str]
ReadCommit = Callable[[str], Files]
"""Reads the files of a revision."""


class Debugger(Protocol):
    """Proposes fixes; a pure function of the state, the failure and the language models' answers."""

    def fix(self, state: RunState, node: Node, failed: NodeResult) -> Fix | None:
        """Return the next fix of a node whose last revision failed, or None to leave it failed."""
        ...


@dataclass(frozen=True)
class LlmDebugger:
    """Asks a language model for fixes; the prompt holds the error without data, and the modules involved."""

    language_model: LanguageModel
    competition: TaskView
    scopes: Sequence[Scope]
    read_commit: ReadCommit
    facts: TaskFacts | None = None
    """What a strong model is told in full; None: questions have their short form only."""

    def fix(self, state: RunState, node: Node, failed: NodeResult) -> Fix | None:
        failure = failed.failure
        if failure is None or not may_be_fixed(node, failure):
            return None
        files = self.read_commit(failed.commit)
        shown = _modules_involved(failure, files)
        lessons = lessons_about(state.lessons, self.scopes, failure)
        try:
            answer = self._ask(state, node, failed, failure, files, shown, lessons, may_look=True)
            if isinstance(answer, ModuleRequest):
                shown = list(dict.fromkeys([*shown, *answer.files]))
                answer = self._ask(state, node, failed, failure, files, shown, lessons, may_look=False)
        except (UnusableAnswerError, LlmUnavailableError, ModelDisabledError):
            return None
        assert isinstance(answer, Fix), "the form accepts only a fix if no look is allowed"
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
    ) -> Fix | ModuleRequest:
        short = shown[-1:] if not may_look else shown[:1]
        versions: list[tuple[TaskFacts | None, Sequence[str]]] = [(None, shown), (None, short)]
        if self.facts is not None:
            versions.insert(0, (self.facts, [name for name in files if is_own_module(name)]))
        prompts = [
            Prompt(
                coder_rules(self.competition, facts),
                render_prompt(
                    "debug",
                    node=node,
                    failure=failure,
                    same_again=_is_stuck(node, failure, 1),
                    outline=outline(files),
                    files={name: files[name] for name in names},
                    lessons=lessons,
                    may_look=may_look and facts is None,
                    whole=facts is not None,
                    limit_s=round(state.run.node_limit_s),
                ),
            )
            for facts, names in versions
        ]
        form = fix_form(node, files, own_modules(files) if may_look else (), lessons)
        seed = SEED_STEP * state.run.seed + 10 * node.id + len(node.attempts)
        query = Query("coder", "debug", prompts, form, FIX_TOKENS, seed=seed, node=node.id)
        return self.language_model.ask(query)


def may_be_fixed(node: Node, failure: Failure) -> bool:
    """Return whether another fix may help: fewer than `FIXES` so far, and the error still moves."""
    if failure.stage == "idea" or node.operator == "ensemble":
        return False
    return len(node.attempts) < FIXES and not _is_stuck(node, failure, STUCK)


def _is_stuck(node: Node, failure: Failure, fixes: int) -> bool:
    """Return whether the last `fixes` fixes all left this error in its place."""
    before = [attempt.failed.failure for attempt in node.attempts[-fixes:]]
    return len(before) == fixes and all(one is not None and one.place == failure.place for one in before)


def lessons_about(lessons: Sequence[Lesson], scopes: Sequence[Scope], failure: Failure) -> list[Lesson]:
    """Return the debug lessons to show, lessons about the same kind of error first."""
    recalled = recall(debug_lessons(lessons), scopes)
    kind = failure.redacted_message.partition(":")[0]
    return sorted(recalled, key=lambda lesson: kind not in lesson.findings)[:FIX_LESSONS]


def _modules_involved(failure: Failure, files: Files) -> list[str]:
    """Return the modules of the traceback, innermost first, then modules that the message names."""
    own = [name for name in files if is_own_module(name)]
    frames = [frame.partition(" line ")[0] for frame in reversed(failure.frames)]
    named = [name for name in own if name in failure.redacted_message]
    found = [name for name in dict.fromkeys([*frames, *named]) if name in own]
    return (found or own_modules(files)[:1])[:SHOWN]
