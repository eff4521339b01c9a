"""Texts of lessons by a language model, which is a fake here."""

from typing import Any

import pytest

from agent.agents.diffs import code_diff
from agent.agents.lesson_writer import LessonWriter, lesson_form
from agent.competition.prepared import Prepared
from agent.llm.answer_format import AnswerError, is_strict
from agent.llm.errors import LlmUnavailableError, ModelDisabledError, UnusableAnswerError
from agent.llm.query import LanguageModel
from agent.memory.distill import distill, with_generated_text
from agent.memory.lesson import Lesson, Scope
from agent.record.events import LessonLearned
from agent.record.state import Node, RunState
from agent.repository.edits import Edit
from agent.repository.rendering import TaskView
from tests.support.scripted_models import ScriptedModel, ScriptedReviewer
from tests.support.states import evidence, finish, idea, lesson, propose, started

SCOPE = Scope(task="classification", family="toy", magnitude=3)
EDIT = Edit(file="library/models.py", find="rate = 0.1", replace="rate = 0.05")
BEFORE = {"main.py": "from library import models\n\nprint(1)\n", "library/models.py": "a = 1\nrate = 0.1\n"}
AFTER = {**BEFORE, "library/models.py": "a = 1\nrate = 0.05\n"}
GOOD = {
    "findings": "Loss fell more evenly.",
    "verdict": "helps",
    "title": "Half the rate steadied training",
    "summary": "A calmer step.",
    "key_lesson": "Halve the rate where the loss jumps.",
}


def of_edit(number: int, title: str, effect: float = 0.2, replace: str = "", child: int = 2) -> Lesson:
    """A lesson about an edit, as stored."""
    edit = EDIT.model_copy(update={"replace": replace or f"rate = {number}"})
    made = distill(SCOPE, title, (), evidence(effect, 0.01, child=child), "accuracy 0.8 against 0.7", [edit])
    return made.model_copy(update={"id": f"{number:05d}"})


@pytest.fixture
def state() -> RunState:
    """Node 2 halved the rate of node 1."""
    found = started()
    finish(found, propose(found), 0.7, audit_metric=0.123)
    what = idea("Half the rate", edits=(EDIT,))
    finish(found, propose(found, 1, what=what), 0.8, audit_metric=0.456, metric_se=0.01)
    found.apply(LessonLearned(elapsed_s=20.0, node=2, lesson=of_edit(1, "Half the rate")))
    return found


def _reflector(prepared: Prepared, language_model: LanguageModel) -> LessonWriter:
    code = {1: BEFORE, 2: AFTER}
    return LessonWriter(language_model, TaskView.of(prepared), lambda node: code[node.id])


def _node(state: RunState) -> Node:
    return state.nodes[2]


def test_the_prompt_shows_a_comparison_with_diff_and_numbers(state: RunState, toy_prepared: Prepared) -> None:
    language_model = ScriptedReviewer(GOOD)
    found = _reflector(toy_prepared, language_model).reflect(
        state, _node(state), state.learned["00001"], list
    )
    assert found is not None
    assert found.words.key_lesson == GOOD["key_lesson"]
    assert (found.words.plan, found.words.node, found.words.verdict) == ("Half the rate", 2, "helps")
    (query,) = language_model.questions
    assert (query.role, query.purpose, query.node) == ("reviewer", "reflect", 2)
    said = query.prompts[0].asked
    assert "-rate = 0.1\n+rate = 0.05" in said
    assert "node 002: accuracy 0.8 ± 0.01, 10 s" in said
    assert "Over 1 comparison: error reduced by +20.0 ± 1.0 %" in said
    assert is_strict(query.form.schema)


def test_the_prompt_holds_nothing_of_audit_rows(state: RunState, toy_prepared: Prepared) -> None:
    language_model = ScriptedReviewer()
    _reflector(toy_prepared, language_model).reflect(state, _node(state), state.learned["00001"], list)
    (query,) = language_model.questions
    assert len(query.prompts) >= 2
    for prompt in query.prompts:
        assert "accuracy 0.8 ± 0.01" in prompt.asked
        assert "0.123" not in prompt.stable + prompt.asked
        assert "0.456" not in prompt.stable + prompt.asked


def test_a_long_diff_is_cut_and_shorter_still_where_the_context_is_short(
    state: RunState, toy_prepared: Prepared
) -> None:
    language_model = ScriptedReviewer()
    long = {**AFTER, "library/models.py": "".join(f"value_{number} = {number}\n" for number in range(5000))}
    reflector = LessonWriter(
        language_model, TaskView.of(toy_prepared), lambda node: BEFORE if node.id == 1 else long
    )
    reflector.reflect(state, _node(state), state.learned["00001"], list)
    full, short = language_model.questions[0].prompts
    assert len(short.asked) < 8_000 < 20_000 < len(full.asked) < 27_000
    assert "further characters left out]" in short.asked
    assert full.stable == short.stable


def test_lessons_about_slots_and_worded_lessons_are_not_asked(
    state: RunState, toy_prepared: Prepared
) -> None:
    language_model = ScriptedReviewer()
    reflector = _reflector(toy_prepared, language_model)
    assert reflector.reflect(state, _node(state), lesson("depth", 1, 2), list) is None
    known = state.learned["00001"]
    found = reflector.reflect(state, _node(state), known, list)
    assert found is not None
    told = known.model_copy(update={"words": found.words})
    assert reflector.reflect(state, _node(state), told, list) is None
    turned = told.model_copy(update={"evidence": (*told.evidence, evidence(-0.9, 0.01, child=3))})
    assert turned.verdict == "hurts"
    assert len(language_model.questions) == 1


@pytest.mark.parametrize(
    "error",
    [
        UnusableAnswerError("no JSON came."),
        LlmUnavailableError("it is down."),
        ModelDisabledError("the money is used up."),
    ],
)
def test_without_an_answer_there_are_no_words(
    state: RunState, toy_prepared: Prepared, error: Exception
) -> None:
    language_model = ScriptedModel(lambda _: error)
    found = _reflector(toy_prepared, language_model).reflect(
        state, _node(state), state.learned["00001"], list
    )
    assert found is None
    assert language_model.purposes == ["reflect"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"verdict": "hurts"}, "the measured verdict is 'helps', not 'hurts'"),
        ({"verdict": "perhaps"}, "verdict: the measured verdict is"),
        ({"key_lesson": "  \n"}, "key_lesson: the text is empty"),
        ({"title": ""}, "title: the text is empty"),
        ({"findings": None}, "findings: "),
        ({"title": "Error down by 12.5 %"}, "title: leave percentages out"),
        ({"key_lesson": "It saves 20 percent."}, "key_lesson: leave percentages out"),
        ({"same_as": "00009"}, "same_as: '00009' is unknown; name one of 00007, or leave it empty"),
    ],
)
def test_an_impossible_answer_is_refused_with_a_message(
    state: RunState, answer: dict[str, Any], said: str
) -> None:
    form = lesson_form(_node(state), state.learned["00001"], [of_edit(7, "Slower steps")])
    with pytest.raises(AnswerError, match=said):
        form.read({**GOOD, **answer})


def test_words_are_one_line_each_and_not_too_long(state: RunState) -> None:
    form = lesson_form(_node(state), state.learned["00001"], [])
    read = form.read({**GOOD, "findings": "up\nand down \x1b[31m" * 100, "title": "word " * 100})
    assert len(read.words.findings) <= 600
    assert len(read.words.title) <= 100
    assert read.words.findings.isprintable()
    assert "same_as" not in form.schema["properties"]


def test_only_lessons_that_may_be_the_same_are_asked_about(state: RunState, toy_prepared: Prepared) -> None:
    same = of_edit(7, "Half the learning rate")
    elsewhere = of_edit(8, "Half the rate").model_copy(
        update={"scope": SCOPE.model_copy(update={"magnitude": 6})}
    )
    other_way = of_edit(9, "Half the rate", effect=-0.2)
    unlike = of_edit(10, "Crop pictures at random").model_copy(update={"key_lesson": "Crop."})
    gone = of_edit(11, "Half the rate").model_copy(update={"same_as": "00007"})
    slots = lesson("depth", 1, 2, lesson_id="00012")
    memory = [same, elsewhere, other_way, unlike, gone, slots, state.learned["00001"]]
    language_model = ScriptedReviewer({"same_as": "00007"})
    reflector = _reflector(toy_prepared, language_model)
    found = reflector.reflect(state, _node(state), state.learned["00001"], lambda: memory)
    assert found is not None
    assert found.same_as == "00007"
    assert language_model.questions[0].form.schema["properties"]["same_as"]["enum"] == ["", "00007"]
    assert "00007: Half the learning rate." in language_model.questions[0].prompts[0].asked


def test_a_known_lesson_is_found_by_what_its_change_was_called(
    state: RunState, toy_prepared: Prepared
) -> None:
    known = of_edit(7, "Half the learning rate")
    words = lesson_form(_node(state), known, []).read({**GOOD, "title": "Calm", "key_lesson": "Go slowly."})
    known = with_generated_text(known.model_copy(update={"words": words.words}))
    assert "rate" not in known.title + known.key_lesson
    language_model = ScriptedReviewer()
    reflector = _reflector(toy_prepared, language_model)
    reflector.reflect(state, _node(state), state.learned["00001"], lambda: [known])
    assert "00007" in language_model.questions[0].form.schema["properties"]["same_as"]["enum"]


def test_a_diff_is_of_code_alone() -> None:
    new = {"library/new.py": "x = 1\ny = 2\n", "README.md": "Other words.\n", "idea.json": "{}"}
    assert code_diff(BEFORE, BEFORE | new).splitlines() == [
        "--- library/new.py",
        "+++ library/new.py",
        "@@ -0,0 +1,2 @@",
        "+x = 1",
        "+y = 2",
    ]
