"""One question improves own or edited code: what the model is shown, and which answers are accepted."""

from pathlib import Path

import numpy as np
import pytest

from agent.competition.prepared import Prepared
from agent.llm.errors import PromptTooLongError, UnusableAnswerError
from agent.planner.base import Proposal, Request
from agent.planner.library.planner import LibraryPlanner
from agent.planner.llm.briefing import Briefing
from agent.planner.llm.planner import LlmPlanner
from agent.planner.llm.task_facts import coder_rules
from agent.record.events import Failure
from agent.record.state import RunState
from agent.repository.edits import Edit, apply_edits
from agent.repository.family import Family
from tests.planner.llm.test_task_facts import MACHINE
from tests.support.scripted_models import Answer, ScriptedModel
from tests.support.states import SETTINGS, finish, idea, propose, started
from tests.support.toy_tasks import TOY_CONTEXT, TOY_SLOTS

FILES = {
    "main.py": "from library.models import fit\n\nprint(fit())\n",
    "library/models.py": "def fit():\n    rate = 0.1\n    return rate\n",
}
EDIT = Edit(file="main.py", find="print(fit())", replace="print(2 * fit())")
ANSWER = {
    "diagnosis": "It learns too slowly.",
    "plan": "Double it. " * 200,
    "title": "Twice the rate",
    "edits": [EDIT.model_dump()],
    "rewrites": [
        {
            "file": "library/models.py",
            "code": "from library.extra import RATE\n\n\ndef fit():\n    return RATE",
        },
        {"file": "library/extra.py", "code": "RATE = 0.2"},
    ],
    "cites": [],
}
SHORT: list[Answer] = [
    {"changes": [], "look": ["main.py"], "title": "Look", "reason": "See."},
    {"edits": [EDIT.model_dump()], "rewrites": [], "title": "Look", "reason": "See."},
]


class Talk:
    """A planner over the toy with a scripted model, whose questions are whole unless `machine` is None."""

    def __init__(self, family: Family, prepared: Prepared, folder: Path, **settings: object) -> None:
        (folder / "description.md").write_text("Tell the toys apart.\n")
        self.answers: list[Answer] = []
        self.model = ScriptedModel(lambda _: self.answers.pop(0))
        run = SETTINGS.model_copy(update={"folder": str(folder), "machine": MACHINE, **settings})
        library = LibraryPlanner({"toy": family}, TOY_CONTEXT)
        briefing = Briefing.of(prepared, run, library.search_space)
        self.planner = LlmPlanner(library, briefing, self.model, lambda node: FILES)

    def propose(self, state: RunState, parent: int, *answers: Answer) -> Proposal:
        self.answers = list(answers)
        request = Request(
            state, state.nodes[parent], 60.0, finishing=False, rng=np.random.default_rng(1), left_s=420.0
        )
        made = self.planner.propose(request)
        assert made is not None
        return made


@pytest.fixture
def talk(toy_family: Family, toy_prepared: Prepared, tmp_path: Path) -> Talk:
    return Talk(toy_family, toy_prepared, tmp_path)


def _edited(**settings: object) -> RunState:
    """Return a state with a rendered node, an edited child, and a failed grandchild."""
    state = started(**settings)
    finish(state, propose(state, what=idea("Plain", slots=TOY_SLOTS)), 0.7, seconds=10)
    child = idea("Edited", slots=TOY_SLOTS).model_copy(update={"edits": (EDIT,)})
    finish(state, propose(state, 1, what=child), 0.8, seconds=10)
    node = state.nodes[2]
    assert node.result is not None
    more = {"metric_se": 0.01, "analysis": '{"worst": "a list of 3"}', "log_end": "UserWarning: beware"}
    node.result = node.result.model_copy(update=more)
    grandchild = idea("Deeper still", slots=TOY_SLOTS).model_copy(
        update={"training": "t Edited: More layers."}
    )
    failed = Failure(stage="run", redacted_message="RuntimeError: CUDA out of memory.")
    finish(state, propose(state, 2, what=grandchild), None, seconds=10)
    last = state.nodes[3]
    assert last.result is not None
    last.result = last.result.model_copy(update={"failure": failed})
    return state


def test_edited_code_is_improved_with_one_question_that_shows_everything(talk: Talk) -> None:
    made = talk.propose(_edited(max_nodes=10), 2, ANSWER)
    assert talk.model.purposes == ["rework"]
    (prompt,) = talk.model.questions[0]
    for told in (
        *FILES.values(),
        "Win this competition.",
        "0.8 ± 0.01",
        '{"worst": "a list of 3"}',
        "UserWarning: beware",
        "Deeper still. More layers. failed in run: RuntimeError: CUDA out of memory.",
        "about 7 minutes and 7 nodes",
        "This node may take 60 s",
    ):
        assert told.strip() in prompt.asked
    assert "Tell the toys apart." in prompt.stable
    assert "Tester 100, 24000 MiB" in prompt.stable
    assert prompt.asked.startswith("# The repository of node 002, in full"), "siblings share what comes first"
    made_files = apply_edits(FILES, made.idea.edits)
    assert made_files["library/extra.py"] == "RATE = 0.2\n"
    assert made_files["library/models.py"].startswith("from library.extra import RATE")
    assert made_files["main.py"] == FILES["main.py"].replace("print(fit())", "print(2 * fit())")
    assert made.idea.title == "Twice the rate"
    assert (
        made.idea.training == f"t Edited: Twice the rate. It learns too slowly. {'Double it. ' * 200}".strip()
    )


def test_a_rendered_node_is_asked_for_slots_first_and_edited_with_everything_shown(talk: Talk) -> None:
    state = started()
    finish(state, propose(state, what=idea("Plain", slots=TOY_SLOTS)), 0.7, seconds=10)
    made = talk.propose(state, 1, SHORT[0], ANSWER)
    assert talk.model.purposes == ["improve", "rework"]
    assert "You have chosen to edit main.py" in talk.model.questions[1][0].asked
    assert len(made.idea.edits) == 3


@pytest.mark.parametrize("error", [PromptTooLongError("too long."), UnusableAnswerError("no JSON.")])
def test_without_room_or_a_usable_answer_the_short_questions_take_its_place(
    talk: Talk, error: Exception
) -> None:
    made = talk.propose(_edited(), 2, error, SHORT[0], error, SHORT[1])
    assert talk.model.purposes == ["rework", "improve", "rework", "edit"]
    assert (made.idea.title, made.note) == ("Look", "")


def test_a_design_begins_with_the_words_of_the_questions_about_its_modules(
    toy_family: Family, toy_prepared: Prepared, tmp_path: Path
) -> None:
    (tmp_path / "description.md").write_text("Tell the toys apart.\n")
    search_space = LibraryPlanner({"toy": toy_family}, TOY_CONTEXT).search_space
    for machine, count in ((MACHINE, 3), (None, 2)):
        run = SETTINGS.model_copy(update={"folder": str(tmp_path), "machine": machine})
        briefing = Briefing.of(toy_prepared, run, search_space)
        request = Request(started(), None, 60.0, finishing=False, rng=np.random.default_rng(1))
        prompts = briefing.design(request, [])
        assert len(prompts) == count
        rules = coder_rules(briefing.competition, briefing.facts)
        assert (prompts[0].stable == rules) == (machine is not None)


def test_runs_of_former_versions_keep_their_questions(
    toy_family: Family, toy_prepared: Prepared, tmp_path: Path
) -> None:
    talk = Talk(toy_family, toy_prepared, tmp_path, machine=None)
    talk.propose(_edited(), 2, *SHORT)
    assert talk.model.purposes == ["improve", "edit"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"rewrites": [{"file": "main.py", "code": "print(1)"}]},
            "give edits or a new text of a file, not both",
        ),
        ({"edits": [], "rewrites": []}, "the list is empty"),
        ({"rewrites": [{"file": "setup.py", "code": "print(1)"}]}, "'setup.py' may not be edited"),
    ],
)
def test_an_answer_that_cannot_be_carried_out_is_refused(talk: Talk, change: Answer, said: str) -> None:
    refused: list[str] = []
    ask = talk.model.ask

    def keep(query: object) -> object:
        try:
            return ask(query)  # type: ignore[arg-type]
        except UnusableAnswerError as error:
            refused.append(str(error))
            raise

    talk.model.ask = keep  # type: ignore[method-assign, assignment]
    talk.propose(_edited(), 2, {**ANSWER, **change}, SHORT[0], UnusableAnswerError("no."), SHORT[1])
    assert said in refused[0]
