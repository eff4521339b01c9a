"""Rankings in submissions, and what a metric asks of the labels before anything is scored."""

from pathlib import Path

import numpy as np
import pytest

from agent.competition.spec import CompetitionSpec
from agent.competition.submission import (
    SubmissionError,
    SubmissionFormat,
    read_predictions,
    write_submission,
)
from agent.core.errors import SetupError
from tests.competition.prepared_competitions import make_spec, write_csv
from tests.competition.raw_folders import number_folder, prepare_folder, write_spec

CLASSES = ("cat", "dog", "owl")


def ranking_spec(k: int = 2) -> CompetitionSpec:
    spec = make_spec("classification", "map_at_k")
    return spec.model_copy(update={"metric_parameters": spec.metric_parameters.model_copy(update={"k": k})})


def ranking_format(k: int = 2) -> SubmissionFormat:
    return SubmissionFormat.build(ranking_spec(k), CLASSES, ("id", "target"))


def test_shorter_rankings_are_filled_and_written_back(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "s.csv", "id,target", [("a", "owl cat"), ("b", "dog"), ("c", "")])
    read = read_predictions(file, ranking_format(), ["a", "b", "c"])
    assert read.tolist() == [[2, 0], [1, -1], [-1, -1]]
    write_submission(tmp_path / "again.csv", ranking_format(), ["a", "b", "c"], read)
    assert np.array_equal(read_predictions(tmp_path / "again.csv", ranking_format(), ["a", "b", "c"]), read)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("cat cat", "names a label twice"),
        ("cat dog owl", "names 3 labels; at most 2 are allowed"),
        ("cat cow", "holds 'cow', which is not one of the 3 labels"),
    ],
)
def test_a_faulty_ranking_is_named(tmp_path: Path, cell: str, problem: str) -> None:
    file = write_csv(tmp_path / "s.csv", "id,target", [("a", "dog"), ("b", cell)])
    with pytest.raises(SubmissionError, match=rf"row 2, column 'target': '{cell}' {problem}"):
        read_predictions(file, ranking_format(), ["a", "b"])


def test_labels_with_blanks_cannot_be_ranked_in_a_cell() -> None:
    with pytest.raises(SetupError, match=r"needs labels without blanks, .*; rename the label 'polar bear'"):
        SubmissionFormat.build(ranking_spec(), ("cat", "polar bear"), ("id", "target"))


def test_an_f_score_of_one_class_wants_two_classes() -> None:
    with pytest.raises(
        SetupError, match="of two classes, but there are 3 classes; use macro_f1 or weighted_f1"
    ):
        SubmissionFormat.build(make_spec("classification", "f1"), CLASSES, ("id", "target"))


def test_data_scored_by_another_definition_are_other_data(tmp_path: Path) -> None:
    own = {"definition": "Gap.", "prediction": "label", "higher_is_better": False}
    found = []
    for body in ("return 0.0", "return 1.0"):
        folder = tmp_path / "own"
        folder.mkdir(exist_ok=True)
        (folder / "metric.py").write_text(f"def score(truth, prediction):\n    {body}\n")
        spec = number_folder(folder, metric="metric.py", own_metric=own)
        found.append(prepare_folder(spec, folder).fingerprint)
    for beta in (1.5, 2):
        spec = write_spec(folder, metric="macro_f_beta", metric_parameters={"beta": beta})
        found.append(prepare_folder(spec, folder).fingerprint)
    assert len(set(found)) == 4
