"""The script of an export writes the file to submit in the form of the user's sample, like MARS itself."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from agent.competition.evaluation import write_test_submission
from agent.core.paths import templates_dir
from agent.repository.rendering import template_environment
from agent.solution.export import FORM_FOLDER, write_sample_form
from tests.competition.raw_folders import prepare_folder, write_spec

SETS = ["deep crack|rust", "", "rust", "dent"] * 15
SHAPES: dict[str, tuple[dict[str, object], dict[str, object], str]] = {
    "plain": ({"targets": "label"}, {"id": "id", "label": "u"}, "id,label"),
    "id last": ({"targets": "label"}, {"Usage": "a, b", "label": "u", "id": "id"}, "Usage,label,id"),
    "sets": (
        {"task": "multilabel", "metric": "micro_f1", "targets": "tags", "label_separator": "|"},
        {"id": "id", "tags": "rust"},
        "id,tags",
    ),
    "flags": (
        {"task": "multilabel", "metric": "micro_f1", "targets": ["u", "v"]},
        {"id": "id", "u": "0", "v": "1"},
        "id,u,v",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_script_writes_what_mars_writes(tmp_path: Path, name: str) -> None:
    fields, columns, header = SHAPES[name]
    data = tmp_path / "data"
    spec = write_spec(data, **fields)
    rows = range(60)
    train = pd.DataFrame(
        {"id": rows, "x": rows, "label": ["a", "b"] * 30, "tags": SETS, "u": [0, 1] * 30, "v": [1, 1, 0] * 20}
    )
    train.to_csv(data / "train.csv", index=False)
    test = pd.DataFrame({"id": range(100, 104), "x": 0})
    test.to_csv(data / "test.csv", index=False)
    sample = pd.DataFrame({key: test["id"] if cell == "id" else cell for key, cell in columns.items()})
    sample.to_csv(data / "sample_submission.csv", index=False)
    prepared = prepare_folder(spec, data)
    folder = tmp_path / "export"
    (folder / "submission").mkdir(parents=True)
    shutil.copytree(prepared.metadata, folder / "metadata")
    ids = pd.read_csv(prepared.private / "ids.csv", dtype=str)
    ids[ids["part"] == "test"][["opaque", "original"]].to_csv(folder / "ids.csv", index=False)
    own_form = write_sample_form(prepared, folder / FORM_FOLDER)
    assert own_form == (name != "plain")
    predicted = pd.read_csv(folder / "metadata" / "sample_submission.csv", dtype=str, na_filter=False)
    cells = {"label": "b", "tags": "deep_crack rust", "labels": "v"}
    for column in predicted.columns[1:]:
        predicted[column] = cells[column]
    predicted.to_csv(folder / "submission" / "submission.csv", index=False)
    environment = template_environment(templates_dir() / "export")
    context = {"id_column": prepared.spec.id_column, "form_folder": FORM_FOLDER if own_form else None}
    (folder / "finish.py").write_text(environment.get_template("finish.py.j2").render(context))
    subprocess.run([sys.executable, "finish.py"], cwd=folder, check=True, capture_output=True)
    write_test_submission(prepared, folder / "submission" / "submission.csv", tmp_path / "expected.csv")
    written = (folder / "submission.csv").read_text().splitlines()
    assert written == (tmp_path / "expected.csv").read_text().splitlines()
    assert written[0] == header
