"""Folders that MLE-bench prepared are recognised; their answers stay private, their grader's rules hold."""

import shutil
import stat
from pathlib import Path

import pandas as pd
import pytest

from agent.competition.grading import grade_submission
from agent.competition.metrics import get_metric
from agent.competition.preparation.prepare import prepare
from agent.competition.registry import Competition, find_competition
from agent.competition.sources.locate import import_data, locate_data
from agent.competition.sources.mle_bench import grader_rejection
from agent.core.errors import SetupError
from agent.core.paths import Home
from tests.competition.raw_folders import number_folder, picture_folder, run_plainly, write_spec

VARIANT = "micro_f1_answer_classes"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def multilabel(tmp_path: Path, variant: str | None = VARIANT) -> tuple[Competition, Path]:
    """A competition like iMet without data, and MLE-bench's data folder that holds it and its raw files."""
    image = {"name": "picture", "role": "image", "path": "{split}/{id}.png"}
    fields = {"task": "multilabel", "metric": "micro_f1", "test": None, "inputs": [image]}
    bench = tmp_path / "bench" / "tiny-fgvc7"
    for name in ("raw", "prepared/public"):
        picture_folder(bench / name, labelled=30, to_predict=4)
        (bench / name / "competition.yaml").unlink()
    labels = ["0", "0 1", "1", "0 2", "2"] * 6
    train = pd.read_csv(bench / "prepared/public/train.csv").assign(label=labels)
    train.to_csv(bench / "prepared/public/train.csv", index=False)
    sample = pd.read_csv(bench / "prepared/public/sample_submission.csv").assign(label="0 1 2")
    sample.to_csv(bench / "prepared/public/sample_submission.csv", index=False)
    (bench / "prepared/private").mkdir()
    answers = sample.assign(label=["0", "0 1", "1", "0"])  # label 2 is in no answer
    answers.to_csv(bench / "prepared/private/answers.csv", index=False)
    sources = {"kaggle": "tiny-fgvc7", "mle_bench_metric": variant}
    write_spec(tmp_path / "tiny", sources=sources, **fields)
    return find_competition(str(tmp_path / "tiny")), tmp_path / "bench"


@pytest.mark.parametrize("below", [".", "tiny-fgvc7", "tiny-fgvc7/prepared"])
def test_each_of_mle_benchs_folders_is_recognised(tmp_path: Path, home: Home, below: str) -> None:
    competition, bench = multilabel(tmp_path)
    taken = import_data(competition, bench / below, home)
    assert taken == locate_data(competition, home, "auto", run_plainly)
    assert taken.description == (
        f"Data: the full data of Tiny as split by MLE-bench and graded with {VARIANT}, "
        f"imported into {taken.folder}."
    )
    assert not (taken.folder / "raw").exists()
    assert sorted(path.name for path in (taken.folder / "answers").iterdir()) == ["answers.csv"]


def test_a_zip_of_the_prepared_folder_is_recognised(tmp_path: Path, home: Home) -> None:
    competition, bench = multilabel(tmp_path)
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", bench / "tiny-fgvc7", "prepared")
    assert "as split by MLE-bench" in import_data(competition, Path(archive), home).description


def test_answers_stay_out_of_reach_of_candidates(tmp_path: Path, home: Home) -> None:
    competition, bench = multilabel(tmp_path)
    taken = import_data(competition, bench, home)
    assert stat.S_IMODE((taken.folder / "answers").stat().st_mode) == 0o700
    prepared = prepare(competition.spec, taken, home)
    names = {path.name for path in prepared.root.rglob("*")}
    assert "answers" not in names
    assert "answers.csv" not in names


def test_its_data_are_searched_and_graded_by_its_own_metric(tmp_path: Path, home: Home) -> None:
    """The grader's classes are those of the answers: a label that none of them has costs nothing."""
    competition, bench = multilabel(tmp_path)
    taken = import_data(competition, bench, home)
    spec = taken.with_grader_metric(competition.spec)
    assert prepare(competition.spec, taken, home).spec.metric == spec.metric == VARIANT
    submission = pd.read_csv(taken.folder / "answers/answers.csv", dtype=str)
    submission.assign(label=submission["label"] + " 2").to_csv(tmp_path / "mine.csv", index=False)
    assert grade_submission(spec, taken.folder, tmp_path / "mine.csv").score == 1.0
    own = grade_submission(competition.spec, taken.folder, tmp_path / "mine.csv").score
    assert own == pytest.approx(2 * 5 / (5 + 9))


def test_its_grader_takes_single_labels_for_numbers(tmp_path: Path, home: Home) -> None:
    competition, bench = multilabel(tmp_path)
    taken = import_data(competition, bench, home)
    assert taken.source == "mle-bench"
    answers = pd.read_csv(taken.folder / "answers/answers.csv", dtype=str)
    for labels, refused in ((["0", "1", "1", "0"], True), (["0 1", "1", "1", "0"], False)):
        answers.assign(label=labels).to_csv(tmp_path / "mine.csv", index=False)
        assert grade_submission(competition.spec, taken.folder, tmp_path / "mine.csv").score > 0
        assert (grader_rejection(competition.spec, tmp_path / "mine.csv") is not None) == refused


def test_the_two_metrics_never_share_a_fingerprint(tmp_path: Path, home: Home) -> None:
    """Solutions are compared within one fingerprint only."""
    competition, bench = multilabel(tmp_path)
    theirs = prepare(competition.spec, import_data(competition, bench, home), home)
    ours = prepare(
        competition.spec, import_data(competition, bench / "tiny-fgvc7/prepared/public", home), home
    )
    assert ours.spec.metric == "micro_f1"
    assert theirs.fingerprint != ours.fingerprint


def test_where_data_came_from_is_no_part_of_its_fingerprint(tmp_path: Path, home: Home) -> None:
    number_folder(tmp_path / "mine")
    fingerprints = set()
    for sources in ({}, {"kaggle": "tiny-real"}):
        write_spec(tmp_path / "mine", sources=sources)
        found = find_competition(str(tmp_path / "mine"))
        fingerprints.add(prepare(found.spec, locate_data(found, home, "full", run_plainly), home).fingerprint)
    assert len(fingerprints) == 1


def test_other_competitions_keep_their_metric(tmp_path: Path, home: Home) -> None:
    competition, bench = multilabel(tmp_path, variant=None)
    taken = import_data(competition, bench, home)
    assert taken.with_grader_metric(competition.spec) == competition.spec
    assert "as split by MLE-bench, imported into" in taken.description


def test_an_unknown_metric_is_named(tmp_path: Path, home: Home) -> None:
    competition, bench = multilabel(tmp_path, variant="micro_f2")
    with pytest.raises(SetupError, match="Unknown metric 'micro_f2'"):
        import_data(competition, bench, home)


def test_a_split_without_answers_is_refused(tmp_path: Path, home: Home) -> None:
    competition, bench = multilabel(tmp_path)
    (bench / "tiny-fgvc7/prepared/private/answers.csv").unlink()
    with pytest.raises(SetupError, match=r"private: the folder holds no answers \(CSV files\)"):
        import_data(competition, bench, home)
    assert not (home.data / "tiny" / "full").exists()


def test_a_folder_with_the_tables_is_taken_as_it_is(tmp_path: Path, home: Home) -> None:
    """A user's own folders may be called public and private."""
    number_folder(tmp_path / "mine")
    write_spec(tmp_path / "tiny")
    for name in ("public", "private"):
        (tmp_path / "mine" / name).mkdir()
    taken = import_data(find_competition(str(tmp_path / "tiny")), tmp_path / "mine", home)
    assert (taken.folder / "private").is_dir()
    assert "MLE-bench" not in taken.description


def test_imet_names_kaggle_and_mle_benchs_metric() -> None:
    spec = find_competition("imet-2020").spec
    assert spec.sources.kaggle == "imet-2020-fgvc7"
    assert spec.sources.mle_bench_metric is not None
    assert get_metric(spec.sources.mle_bench_metric).prediction_kind(spec.task) == "label_set"
