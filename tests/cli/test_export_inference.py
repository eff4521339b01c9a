"""`mars export --inference`: the exported folder predicts and contains no labelled row."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.record.opened_run import Run
from tests.cli.commands import mars
from tests.support.finished_runs import blending_home, search


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Run]:
    home = blending_home(tmp_path_factory.mktemp("home"))
    return home, search(home)


@pytest.fixture
def run(searched: tuple[Home, Run], monkeypatch: pytest.MonkeyPatch) -> Run:
    home, run = searched
    monkeypatch.setenv("MARS_HOME", str(home.root))
    return run


def _rows(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


@pytest.mark.parametrize("which", ["draft", "ensemble"])
def test_what_is_exported_predicts_elsewhere_what_the_node_predicted(
    run: Run, tmp_path: Path, which: str
) -> None:
    number = 1 if which == "draft" else max(run.state.nodes)
    node = run.state.nodes[number]
    assert node.operator == which
    before = {path.name for path in run.folder.iterdir()}
    said = mars("export", run.id, str(number), str(tmp_path / "out"), "--inference").stdout
    assert f"Node {node.name} scored accuracy {node.metric:.6g} again." in said
    assert f"all {run.prepared.rows.test + run.prepared.rows.audit} rows are equal" in said
    assert {path.name for path in run.folder.iterdir()} == before, "what the execution needed is gone"

    elsewhere = tmp_path / "elsewhere"
    shutil.move(tmp_path / "out", elsewhere)
    tables = {file.name for file in (elsewhere / "metadata").iterdir()}
    assert tables == {"test.csv", "classes.csv", "sample_submission.csv"}
    labelled = {
        row[0] for part in ("train", "val") for row in _rows(run.prepared.metadata / f"{part}.csv")[1:]
    }
    for file in elsewhere.rglob("*"):
        if file.is_file():
            assert labelled.isdisjoint(file.read_text(encoding="utf-8").replace(",", " ").split()), file

    if which == "ensemble":
        weights = json.loads((elsewhere / "working" / "model" / "decisions.json").read_text())["weights"]
        assert set(weights) == {run.state.nodes[parent].name for parent in node.parents}
        kept = {file.parts[-3] for file in elsewhere.glob("members/*/working/model")}
        assert kept == {member for member, weight in weights.items() if weight > 0}

    for script in (["main.py", "--predict"], ["finish.py"]):
        environment = {"PATH": os.environ["PATH"]}
        subprocess.run([sys.executable, *script], cwd=elsewhere, env=environment, check=True)
    recorded = run.folder / "nodes" / node.name / "submission" / "submission.csv"
    assert sorted(_rows(elsewhere / "submission" / "submission.csv")) == sorted(_rows(recorded))
    assert len(_rows(elsewhere / "submission.csv")) == run.prepared.rows.test + 1
    readme = (elsewhere / "README.md").read_text()
    assert "## Predict anywhere" in readme
    assert "## Anywhere" not in readme


def test_a_score_that_is_not_reproduced_and_other_predictions_are_said(tmp_path: Path) -> None:
    home = blending_home(tmp_path / "home")
    main = home.families / "toy" / "main.py.j2"
    # What is kept is not what was predicted from, and every execution is a little different.
    code = main.read_text().replace("    save(QUALITY)", "    save(QUALITY - 0.2)")
    code = code.replace(
        "    validation = read", '    QUALITY = BASE - 0.1 * ("--save" in sys.argv)\n    validation = read'
    )
    assert code.count("BASE") == 1
    main.write_text(code.replace("def main() -> None:\n", "def main() -> None:\n    global QUALITY\n"))
    main.write_text(main.read_text().replace("\n\n\ndef share_of", "\n\nBASE = QUALITY\n\n\ndef share_of", 1))
    run = search(home, max_nodes=1)
    environment = os.environ | {"MARS_HOME": str(home.root)}
    command = [
        sys.executable,
        "-m",
        "agent.cli.app",
        "export",
        run.id,
        "1",
        str(tmp_path / "out"),
        "--inference",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"not {run.state.nodes[1].metric:.6g} as recorded" in " ".join(done.stdout.split())
    assert "rows differ" in done.stdout
    assert "rows differ" in (tmp_path / "out" / "README.md").read_text()


def test_a_family_without_predict_is_refused_before_anything_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = blending_home(tmp_path / "home")
    main = home.families / "toy" / "main.py.j2"
    main.write_text(main.read_text().replace("--predict", "--foretell"))
    run = search(home, max_nodes=1)
    monkeypatch.setenv("MARS_HOME", str(home.root))
    shutil.rmtree(run.prepared.input)  # an execution would fail for lack of it
    refused = mars("export", run.id, str(tmp_path / "out"), "--inference", code=2)
    sentence = " ".join(refused.stderr.split())
    assert "main.py of node 001 does not support --save and --predict" in sentence
    assert "omit --inference" in sentence
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_refused_first(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    refused = mars("export", run.id, str(tmp_path), "--inference", code=2)
    assert "is not empty" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
