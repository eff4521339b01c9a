"""Answers with designs and modules: which are accepted, and which are refused with a message."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from agent.agents.fix_format import fix_form
from agent.agents.writer import module_form
from agent.engine.candidate_reports import progress_reader
from agent.llm.answer_format import AnswerError
from agent.memory.lesson import FixEvidence, Lesson, Scope
from agent.planner.llm.design import NEEDED, design_form
from agent.planner.llm.editing import outline
from agent.record.state import Node, RunState
from agent.repository.idea import ModulePlan, WrittenModule
from agent.repository.written_modules import requirements_of
from tests.support.states import idea, propose, started

CODE = "def load():\n    return 1\n"
TEST = "from library.config import load\n\nassert load() == 1\n"
PLAN = ModulePlan(file="library/config.py", purpose="Options.", names=("load",))
GIVEN = ("library/__init__.py", "library/metric.py")


def _design(*more: dict[str, Any], **other: object) -> dict[str, Any]:
    modules = [{"file": file, "purpose": "", "names": [], "uses": []} for file in NEEDED]
    return {"title": "A design", "modules": [*modules[:-1], *more, {**modules[-1], **other}]}


def _module(file: str) -> dict[str, Any]:
    return {"file": file, "purpose": "", "names": [], "uses": []}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_design(_module("library/__init__.py")), "library/__init__.py exists and cannot be replaced"),
        (_design(_module("library/metric.py")), "library/metric.py exists and cannot be replaced"),
        (_design(_module("library/Config.py")), "planned twice"),
        (
            _design(uses=["library/extra.py"]),
            "main.py uses library/extra.py, which is not planned before main.py",
        ),
    ],
)
def test_a_plan_that_conflicts_with_existing_files_is_refused(answer: dict[str, Any], said: str) -> None:
    with pytest.raises(AnswerError, match=said):
        design_form(started(), [], GIVEN).read(answer)


def test_a_plan_may_use_what_is_there_and_owes_no_name_that_nobody_can_define() -> None:
    answer = _design(uses=["library/metric.py"], names=["main", "class", "Model.fit", "fit()"])
    plan = design_form(started(), [], GIVEN).read(answer).idea.plan
    assert plan[-1].uses == ("library/metric.py",)
    assert plan[-1].names == ("main",)


def _written(code: str, test: str = TEST, lessons: tuple[Lesson, ...] = (), **more: object) -> WrittenModule:
    state = started()
    node = state.nodes[propose(state)]
    return module_form(node, PLAN, {}, lessons).read({"code": code, "test": test, **more})


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("class Loader:\n    def load(self):\n        return 1\n", "does not define load"),
        ("def other():\n    def load():\n        return 1\n", "does not define load"),
        (f"# coding: bogus\n{CODE}", "unknown encoding"),
        (f"{CODE}\nx = '\ud800'\n", "Python cannot parse the code"),
        (f"{CODE}\nx = '\0'\n", "null bytes"),
        (f"{CODE}\nx = {'-' * 9000}1\n", "Python cannot parse the code"),
    ],
)
def test_a_module_that_others_cannot_import_is_refused(code: str, said: str) -> None:
    with pytest.raises(AnswerError, match=said):
        _written(code)


def test_a_name_may_be_defined_where_a_condition_holds() -> None:
    assert _written("try:\n    import json as load\nexcept ImportError:\n    load = None\n").file == PLAN.file


def test_what_a_user_nested_beyond_measure_has_neither_requirements_nor_an_outline() -> None:
    files = {"main.py": f"x = {'-' * 9000}1\n\n", "library/a.py": "import numpy\n"}
    assert requirements_of(files) == "numpy\n"
    assert outline(files) == ["main.py (2 lines): "]


def test_odd_code_warns_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = _written(f"{CODE}\nx = 1 is 1\n", f"{TEST}\nassert 1 is 1, '\\d'\n")
    assert "x = 1 is 1" in module.code


def test_a_written_module_cites_what_its_answer_and_its_comments_cite() -> None:
    def debugged(number: str) -> Lesson:
        scope = Scope(task="classification", family="own code", magnitude=3)
        tried = FixEvidence(run="r", competition="c", data_kind="full", node=1, number=1, mended=True)
        return Lesson(
            id=number, kind="debug", title="t", summary="", findings="", key_lesson="", scope=scope,
            changes=(), evidence=(), fixes=(tried,),
        )  # fmt: skip

    lessons = (debugged("00001"), debugged("00002"))
    code = f"# Cite Lesson 00002\n{CODE}"
    assert _written(code, lessons=lessons, cites=["00001", "00002"]).cites == ("00001", "00002")
    with pytest.raises(AnswerError, match="'00003' was not offered"):
        _written(code, lessons=lessons, cites=["00003"])


def test_a_fix_may_correct_a_test_but_not_weaken_it() -> None:
    state, node = _node_with_a_test()
    form = fix_form(node, {PLAN.file: CODE, "tests/test_config.py": TEST}, (), ())

    def fixed(replace: str) -> object:
        edit = {"file": "tests/test_config.py", "find": "assert load() == 1", "replace": replace}
        return form.read({"cause": "c", "signs": "s", "title": "t", "edits": [edit]})

    assert fixed("assert load() > 0")
    with pytest.raises(AnswerError, match="asserts nothing"):
        fixed("load()")
    assert state.nodes == {1: node}


def _node_with_a_test() -> tuple[RunState, Node]:
    state = started()
    node = state.nodes[propose(state)]
    node.idea = idea().model_copy(update={"plan": (PLAN,)})
    node.modules.append(WrittenModule(file=PLAN.file, code=CODE, test=TEST))
    return state, node


def test_what_a_modules_test_writes_is_no_progress_of_its_node(tmp_path: Path) -> None:
    """It would be compared with other nodes' scores, and stopped as hopeless."""
    _, node = _node_with_a_test()
    node.idea = node.idea.model_copy(update={"plan": (PLAN, PLAN)})
    assert progress_reader(node, tmp_path) is None
    node.modules.append(node.modules[0])
    assert progress_reader(node, tmp_path) is not None
