"""The hand-written solution of the signals does what tests of the module route rely on, for real."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.competition.evaluation import evaluate, parse_printed_metric, score_audit_rows
from agent.competition.preparation.prepare import prepare
from agent.competition.prepared import Prepared
from agent.competition.registry import find_competition
from agent.competition.sources.locate import locate_data
from agent.core.paths import Home
from agent.repository.checks import check_repository, without_refit
from agent.repository.edits import apply_edits
from agent.repository.hidden_errors import hidden_errors
from agent.repository.idea import ModulePlan
from agent.repository.rendering import write_tree
from agent.repository.written_modules import module_faults, plan_faults, requirements_of
from agent.repository.written_modules import test_faults as check_faults  # pytest would take it for a test
from tests.conftest import run_script
from tests.scripted.signals_script import FOLDER, Fault, signals_script

SCRIPT = signals_script()
IMPROVED = apply_edits(SCRIPT.files, SCRIPT.improved.edits)
EDITED = [name for name in IMPROVED if IMPROVED[name] != SCRIPT.files[name]]
WITH_FAULT = {fault.found_by: SCRIPT.files | {fault.module: fault.code} for fault in SCRIPT.faults}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The signals, prepared once."""
    home = Home(tmp_path_factory.mktemp("home"))
    competition = find_competition("signals")
    return prepare(competition.spec, locate_data(competition, home, "full", run_script), home)


def _workspace(folder: Path, files: dict[str, str], prepared: Prepared) -> Path:
    write_tree(files, folder)
    (folder / "metadata").symlink_to(prepared.metadata)
    (folder / "input").symlink_to(prepared.input)
    return folder


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python on one thread in a repository, which can be imported."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "MARS_SEED": "0"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)


def _score(folder: Path, prepared: Prepared) -> float:
    """Executes a repository as the harness would, and scores what it wrote as the harness does."""
    done = _python(folder, "main.py")
    assert done.returncode == 0, done.stderr
    found = evaluate(prepared, folder, parse_printed_metric(done.stdout))
    assert found.fault is None
    assert found.suspect is None
    assert found.audit is not None
    assert found.validation is not None
    assert abs(found.audit - found.validation) < 0.1
    return found.validation


def test_the_repository_keeps_the_contract_and_needs_nothing_but_the_order_it_is_written_in() -> None:
    assert check_repository(SCRIPT.files) == []
    assert without_refit(SCRIPT.files) == []
    written: set[str] = set()
    for module in SCRIPT.modules:
        assert set(module.uses) <= written
        written.add(module.name)
        tree = ast.parse(module.code)
        imported = {
            f"{node.module.replace('.', '/')}.py"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("library")
        }
        assert imported == set(module.uses)
        public = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert public <= set(module.defines)
        assert all(re.search(rf"^((def|class) )?{name}\b", module.code, re.M) for name in module.defines)


def test_it_is_taken_as_a_models_answers_would_be() -> None:
    plan = [
        ModulePlan(file=module.name, purpose=module.purpose, names=module.defines, uses=module.uses)
        for module in SCRIPT.modules
    ]
    files = [module.file for module in plan]
    main = ModulePlan(file="main.py", purpose="Runs it.", names=("main",), uses=tuple(files))
    assert plan_faults([*plan, main]) == []
    assert module_faults(main, SCRIPT.main, files) == []
    broken = {fault.module: fault.code for fault in SCRIPT.faults}
    for number, (planned, module) in enumerate(zip(plan, SCRIPT.modules, strict=True)):
        versions = [module.code, IMPROVED[module.name], broken.get(module.name, module.code)]
        assert [module_faults(planned, code, files[:number]) for code in versions] == [[], [], []]
        assert check_faults(planned, module.check) == []
    assert requirements_of(SCRIPT.files) == SCRIPT.files["requirements.txt"]


def test_the_code_is_clean() -> None:
    options = ["--isolated", "--no-cache", "--line-length", "110"]
    lint = [
        "--config=lint.isort.known-first-party=['library']",
        "--select=E,F,I,UP,B,SIM,C4,RUF100,RET,PIE,W,N",
    ]
    for command in (["check", "--quiet", *lint], ["format", "--check", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", command[0], *options, *command[1:], str(FOLDER)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", [*(module.name for module in SCRIPT.modules), *(f"{one} improved" for one in EDITED)]
)
def test_every_module_passes_its_own_test_beside_those_it_uses(tmp_path: Path, name: str) -> None:
    files = IMPROVED if name.endswith("improved") else SCRIPT.files
    (module,) = [module for module in SCRIPT.modules if module.name == name.removesuffix(" improved")]
    there = {needed: files[needed] for needed in ("library/__init__.py", module.name, *module.uses)}
    write_tree(there | {"tests/check.py": module.check}, tmp_path)
    done = _python(tmp_path, "tests/check.py")
    assert done.returncode == 0, done.stderr


def test_it_runs_alone_and_scores_plainly(tmp_path: Path, prepared: Prepared) -> None:
    folder = _workspace(tmp_path, SCRIPT.files, prepared)
    assert 0.75 < _score(folder, prepared) < 0.9

    working = folder / "working"
    for part, count in (("val", prepared.rows.val), ("test", prepared.rows.audit + prepared.rows.test)):
        kept = np.load(working / f"{part}_outputs.npz", allow_pickle=False)
        assert (kept["outputs"].shape, kept["outputs"].dtype) == ((count, 5), np.float32)
        assert len(set(kept["ids"])) == count
    lines = [json.loads(line) for line in (working / "progress.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["prepare", "train", "train", "done"]
    assert json.loads((working / "frozen.json").read_text())["seconds"] > 0
    assert "failures" in json.loads((working / "analysis.json").read_text())

    before, _ = score_audit_rows(prepared, folder)
    (working / "val_submission.csv").unlink()
    refit = _python(folder, "main.py", "--refit")
    assert refit.returncode == 0, refit.stderr
    assert "Final Validation Metric" not in refit.stdout
    assert not (working / "val_submission.csv").exists()
    after, _ = score_audit_rows(prepared, folder)
    assert before is not None
    assert after is not None
    assert after != before
    assert after > before - 0.05


def test_the_improved_design_changes_two_modules_and_is_far_better(
    tmp_path: Path, prepared: Prepared
) -> None:
    assert set(EDITED) == {"library/config.py", "library/models.py"}
    assert hidden_errors(SCRIPT.files, IMPROVED) == []
    assert _score(_workspace(tmp_path, IMPROVED, prepared), prepared) > 0.95


@pytest.mark.parametrize("fault", SCRIPT.faults, ids=lambda fault: fault.found_by)
def test_a_fault_is_found_where_the_script_says_and_is_mended_by_its_edits(
    tmp_path: Path, prepared: Prepared, fault: Fault
) -> None:
    (module,) = [module for module in SCRIPT.modules if module.name == fault.module]
    broken = WITH_FAULT[fault.found_by]
    assert check_repository(broken) == []
    folder = _workspace(tmp_path, broken | {"tests/check.py": module.check}, prepared)
    tested = _python(folder, "tests/check.py")
    if fault.found_by == "smoke":
        assert tested.returncode == 0, tested.stderr
        tested = _python(folder, "main.py", "--smoke")
    assert tested.returncode == 1
    assert tested.stderr.splitlines()[-1].startswith(f"{fault.error}: ")

    mended = apply_edits(broken, fault.edits)
    assert mended == SCRIPT.files
    assert hidden_errors(broken, mended) == []
    write_tree(mended, folder)
    smoke = _python(folder, "main.py", "--smoke")
    assert smoke.returncode == 0, smoke.stderr
