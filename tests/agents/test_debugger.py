"""The debugger that asks a language model, which is a fake here (a real server: tests/cli/test_llm.py)."""

from typing import Any

import pytest

from agent.agents.debugger import FIXES, STUCK, LlmDebugger, may_be_fixed
from agent.competition.prepared import Prepared
from agent.llm.errors import LlmUnavailableError, ModelDisabledError, UnusableAnswerError
from agent.llm.query import LanguageModel
from agent.memory.lesson import FixEvidence, Lesson, Scope
from agent.record.events import Failure, NodeResult
from agent.record.state import Attempt, Node, RunState
from agent.repository.edits import Edit
from agent.repository.idea import Fix
from agent.repository.rendering import TaskView
from tests.support.scripted_models import Answer, ScriptedModel
from tests.support.states import propose, started

SCOPE = Scope(task="classification", family="toy", magnitude=3)
FILES = {"main.py": "import sys\n\nprint(1 / 0)\n", "library/train.py": "def fit():\n    return 1\n"}
FAILURE = Failure(
    stage="smoke", redacted_message="ZeroDivisionError: division by zero", frames=("main.py line 3",)
)
EDIT = {"file": "main.py", "find": "1 / 0", "replace": "1 / 2"}
MENDS: Answer = {"cause": "It divides by zero.", "signs": "s", "title": "Divide by two", "edits": [EDIT]}


def _failed(failure: Failure | None = FAILURE) -> NodeResult:
    return NodeResult(status="failed", reason="It failed.", failure=failure, commit="c" * 40, seconds=1.0)


def _state() -> tuple[RunState, Node]:
    state = started()
    return state, state.nodes[propose(state)]


def _debugger(prepared: Prepared, *answers: Answer) -> tuple[LlmDebugger, ScriptedModel]:
    left = list(answers)
    language_model = ScriptedModel(lambda _: left.pop(0))
    patient: LanguageModel = language_model
    return LlmDebugger(patient, TaskView.of(prepared), [SCOPE], lambda commit: FILES), language_model


def _attempt(failure: Failure, edit: dict[str, Any] = EDIT) -> Attempt:
    return Attempt(_failed(failure), Fix(title="Before", cause="c", edits=(Edit(**edit),)))


def test_the_models_edits_are_the_fix(toy_prepared: Prepared) -> None:
    debugger, language_model = _debugger(toy_prepared, MENDS)
    fix = debugger.fix(*_state(), _failed())
    assert fix is not None
    assert (fix.title, fix.edits[0].replace) == ("Divide by two", "1 / 2")
    asked = language_model.questions[0][0].asked
    assert "ZeroDivisionError: division by zero" in asked
    assert "print(1 / 0)" in asked
    assert "return 1" not in asked, "a module that the error did not pass through is outlined only"
    assert "library/train.py (2 lines): fit()" in asked


def test_it_may_look_at_further_modules_once(toy_prepared: Prepared) -> None:
    look = {"cause": "", "signs": "", "title": "", "look": ["library/train.py"], "edits": []}
    debugger, language_model = _debugger(toy_prepared, look, MENDS)
    assert debugger.fix(*_state(), _failed()) is not None
    assert "return 1" in language_model.questions[1][0].asked
    debugger, _ = _debugger(toy_prepared, look, look)
    assert debugger.fix(*_state(), _failed()) is None


@pytest.mark.parametrize(
    "error", [UnusableAnswerError("words"), LlmUnavailableError("down"), ModelDisabledError("spent")]
)
def test_without_an_answer_there_is_no_fix(toy_prepared: Prepared, error: Exception) -> None:
    assert _debugger(toy_prepared, error)[0].fix(*_state(), _failed()) is None


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([], "edits: the list is empty"),
        ([{**EDIT, "find": "2 / 0"}], "main.py does not contain the block"),
        ([{**EDIT, "file": "../main.py"}], "may not be edited"),
        (
            [
                {
                    **EDIT,
                    "find": "print(1 / 0)",
                    "replace": "try:\n    print(1 / 0)\nexcept Exception:\n    pass",
                }
            ],
            "hides every error",
        ),
    ],
)
def test_what_cannot_be_made_or_hides_the_error_is_refused(
    toy_prepared: Prepared, edits: list[dict[str, str]], said: str
) -> None:
    refused: list[str] = []

    class Strict(ScriptedModel):
        def ask(self, query: Any) -> Any:
            try:
                return super().ask(query)
            except UnusableAnswerError as error:
                refused.append(str(error))
                raise

    language_model = Strict(lambda _: {**MENDS, "edits": edits})  # type: ignore[dict-item]
    debugger = LlmDebugger(language_model, TaskView.of(toy_prepared), [SCOPE], lambda commit: FILES)
    assert debugger.fix(*_state(), _failed()) is None
    assert said in refused[0]


def test_an_error_that_stays_where_it_is_changes_the_approach_and_is_given_up(toy_prepared: Prepared) -> None:
    moved = FAILURE.model_copy(update={"frames": ("main.py line 9",)})
    state, node = _state()
    node.attempts.append(_attempt(FAILURE, {**EDIT, "replace": "1 / 3"}))
    debugger, language_model = _debugger(toy_prepared, MENDS)
    assert debugger.fix(state, node, _failed(moved)) is not None, "lines move when something is added above"
    assert "take another approach" in language_model.questions[0][0].asked
    while len(node.attempts) < STUCK:
        node.attempts.append(_attempt(moved))
    assert not may_be_fixed(node, moved)
    other = FAILURE.model_copy(update={"redacted_message": "KeyError: 'label'"})
    assert may_be_fixed(node, other), "another error is another matter"


def test_there_is_an_end_to_fixes(toy_prepared: Prepared) -> None:
    _, node = _state()
    for number in range(FIXES):
        assert may_be_fixed(node, FAILURE)
        node.attempts.append(_attempt(FAILURE.model_copy(update={"redacted_message": f"error {number}"})))
    assert not may_be_fixed(node, FAILURE)


def test_an_idea_that_cannot_be_made_has_no_code_to_fix() -> None:
    _, node = _state()
    assert not may_be_fixed(node, Failure(stage="idea", redacted_message="The change conflicts."))


def test_the_same_edits_are_not_tried_twice(toy_prepared: Prepared) -> None:
    state, node = _state()
    node.attempts.append(_attempt(FAILURE.model_copy(update={"redacted_message": "another error"})))
    assert _debugger(toy_prepared, MENDS)[0].fix(state, node, _failed()) is None


def test_debug_lessons_are_offered_and_cited(toy_prepared: Prepared) -> None:
    state, node = _state()
    for number, error in enumerate(["KeyError: 'x'", "ZeroDivisionError: division by zero"]):
        tried = FixEvidence(run="r", competition="toy", data_kind="full", node=1, number=1, mended=True)
        lesson = Lesson(
            id=f"0000{number + 1}", kind="debug", title="t", summary="s", findings=error, key_lesson="k",
            scope=SCOPE, changes=(), evidence=(), fixes=(tried,),
        )  # fmt: skip
        state.offered[lesson.id] = lesson
    debugger, language_model = _debugger(toy_prepared, {**MENDS, "cites": ["00002"]})  # type: ignore[dict-item]
    fix = debugger.fix(state, node, _failed())
    assert fix is not None
    assert fix.cites == ("00002",)
    asked = language_model.questions[0][0].asked
    assert asked.index("00002:") < asked.index("00001:"), "the same kind of error goes first"
    wrong, _ = _debugger(toy_prepared, {**MENDS, "cites": ["00009"]})  # type: ignore[dict-item]
    assert wrong.fix(state, node, _failed()) is None


def test_where_the_full_words_do_not_fit_fewer_modules_are_shown(toy_prepared: Prepared) -> None:
    through = FAILURE.model_copy(update={"frames": ("main.py line 3", "library/train.py line 2 in fit")})
    debugger, language_model = _debugger(toy_prepared, MENDS)
    debugger.fix(*_state(), _failed(through))
    full, short = (prompt.asked for prompt in language_model.questions[0])
    assert "print(1 / 0)" in full
    assert "print(1 / 0)" not in short
    assert "return 1" in short, "where it broke is shown all the same"
