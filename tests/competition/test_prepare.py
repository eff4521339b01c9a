"""Preparation hides what must be hidden, keeps what must be kept, and says what is wrong with the data."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition.preparation.prepare import prepare
from agent.competition.prepared import Prepared, load_prepared
from agent.competition.registry import find_competition
from agent.competition.sources.locate import locate_data
from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from agent.core.paths import Home
from tests.competition.raw_folders import (
    number_folder,
    number_rows,
    picture_folder,
    prepare_folder,
    raw,
    run_plainly,
    write_spec,
    write_tables,
)


def read(prepared: Prepared, name: str) -> pd.DataFrame:
    return pd.read_csv(prepared.metadata / f"{name}.csv", dtype=str, na_filter=False)


def private(prepared: Prepared, name: str) -> pd.DataFrame:
    return pd.read_csv(prepared.private / f"{name}.csv", dtype=str, na_filter=False)


def everything_public(prepared: Prepared) -> str:
    """All file names and texts that a candidate can read."""
    public = prepared.root / "public"
    files = sorted(path for path in public.rglob("*") if path.is_file())
    texts = [path.read_text() for path in files if path.suffix == ".csv"]
    return "\n".join([*(str(path.relative_to(public)) for path in files), *texts])


def test_tables_have_opaque_ids_inputs_and_labels_where_allowed(tmp_path: Path) -> None:
    spec = number_folder(tmp_path / "data", labelled=2_000, to_predict=100)
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.rows.model_dump() == {"train": 1_575, "val": 225, "audit": 200, "test": 100}
    assert list(read(prepared, "train")) == list(read(prepared, "val")) == ["id", "x", "label"]
    assert list(read(prepared, "test")) == ["id", "x"]
    assert prepared.classes == ("blue", "green", "red")
    assert read(prepared, "classes")["label"].tolist() == ["blue", "green", "red"]
    assert prepared.submission_columns == ("id", "label")
    assert "row-" not in everything_public(prepared)


def test_every_row_keeps_its_inputs_and_its_label(tmp_path: Path) -> None:
    spec = number_folder(tmp_path / "data", labelled=2_000, to_predict=100)
    prepared = prepare_folder(spec, tmp_path / "data")
    ids = private(prepared, "ids")
    raw_rows = number_rows(2_100).astype(str).set_index("id").loc[ids["original"]]
    raw_rows.index = pd.Index(ids["opaque"])
    for part in ("train", "val"):
        rows = read(prepared, part)
        assert (
            raw_rows.loc[rows["id"], ["x", "label"]].values.tolist() == rows[["x", "label"]].values.tolist()
        )
        assert set(rows["id"]) == set(ids.loc[ids["part"] == part, "opaque"])
    for part in ("val", "audit"):
        answers = private(prepared, part)
        assert list(answers) == ["id", "label"]
        assert raw_rows.loc[answers["id"], "label"].tolist() == answers["label"].tolist()
        assert set(answers["id"]) == set(ids.loc[ids["part"] == part, "opaque"])


def test_audit_rows_are_mixed_into_the_rows_to_predict(tmp_path: Path) -> None:
    spec = number_folder(tmp_path / "data", labelled=2_000, to_predict=200)
    prepared = prepare_folder(spec, tmp_path / "data")
    test, sample, audit = (
        read(prepared, "test"),
        read(prepared, "sample_submission"),
        private(prepared, "audit"),
    )
    assert len(test) == len(sample) == 400
    assert test["id"].tolist() == sample["id"].tolist()
    assert set(sample["label"]) == {"blue"}
    places = np.flatnonzero(test["id"].isin(audit["id"]))
    assert len(places) == 200
    assert 150 < places.mean() < 250  # neither first nor last


def test_ids_keep_the_order_of_the_sample_submission(tmp_path: Path) -> None:
    spec = number_folder(tmp_path / "data")
    ids = private(prepare_folder(spec, tmp_path / "data"), "ids")
    original = pd.read_csv(tmp_path / "data" / "sample_submission.csv")["id"].tolist()
    assert ids.loc[ids["part"] == "test", "original"].tolist() == original


def test_pictures_get_opaque_names_and_keep_their_bytes(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    prepared = prepare_folder(spec, tmp_path / "data")
    ids = private(prepared, "ids").set_index("opaque")
    for part in ("train", "val", "test"):
        for row in read(prepared, part).itertuples():
            assert row.file_path == f"media/{row.id}.png"
            split = "test" if part == "test" else "train"
            source = tmp_path / "data" / split / f"{ids.loc[row.id, 'original']}.png"
            assert (prepared.input / row.file_path).read_bytes() == source.read_bytes()
    assert "picture-" not in everything_public(prepared)


def test_pictures_on_another_device_are_copied(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has one file system only")
    spec = picture_folder(tmp_path / "data")
    with tempfile.TemporaryDirectory(dir=memory) as other:
        prepared = prepare(spec, raw(tmp_path / "data"), Home(Path(other)))
        first = read(prepared, "train").iloc[0]
        original = private(prepared, "ids").set_index("opaque").loc[first["id"], "original"]
        copied = (prepared.input / first["file_path"]).read_bytes()
        assert copied == (tmp_path / "data" / "train" / f"{original}.png").read_bytes()


def test_answers_are_never_looked_at(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    before = prepare_folder(spec, tmp_path / "data")
    (tmp_path / "data" / "answers").mkdir()
    (tmp_path / "data" / "answers" / "test.csv").write_text("id,label\npicture-060,SECRET\n")
    after = prepare_folder(spec, tmp_path / "data")
    assert after.root == before.root
    assert "SECRET" not in "".join(path.read_text() for path in after.root.rglob("*.csv"))


def test_label_sets_are_canonical_and_may_be_empty(tmp_path: Path) -> None:
    train = number_rows(40).assign(label=["2 10 2", "", "1", " 10  1 "] * 10)
    write_tables(tmp_path / "data", train, number_rows(5, 40).drop(columns="label"), default="1 2")
    spec = write_spec(tmp_path / "data", task="multilabel", metric="micro_f1")
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.classes == ("1", "2", "10")
    assert set(read(prepared, "train")["label"]) == {"2 10", "", "1", "10 1"}
    assert set(read(prepared, "sample_submission")["label"]) == {"1 2"}


def test_classes_follow_the_label_table(tmp_path: Path) -> None:
    spec = number_folder(tmp_path / "data", label_table="labels.csv")
    (tmp_path / "data" / "labels.csv").write_text("name,rank\nred,1\nviolet,2\nblue,3\ngreen,4\n")
    assert prepare_folder(spec, tmp_path / "data").classes == ("red", "violet", "blue", "green")


def test_regression_has_no_classes(tmp_path: Path) -> None:
    train = number_rows(50).assign(label=np.linspace(0, 1, 50))
    write_tables(tmp_path / "data", train, number_rows(5, 50).drop(columns="label"), default=0)
    spec = write_spec(tmp_path / "data", task="regression", metric="rmse")
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.classes is None
    assert not (prepared.metadata / "classes.csv").exists()


def test_cells_keep_their_spelling(tmp_path: Path) -> None:
    train = number_rows(50).assign(x=["1.50", "", "007", 'a "b", c', "NA"] * 10)
    write_tables(tmp_path / "data", train, number_rows(5, 50).drop(columns="label"))
    spec = write_spec(tmp_path / "data", inputs=[{"name": "x", "role": "text"}])
    assert set(read(prepare_folder(spec, tmp_path / "data"), "train")["x"]) == set(train["x"])


def test_the_users_folds_are_used_and_shown_by_number(tmp_path: Path) -> None:
    train = number_rows(60).assign(fold=[1, 2, 10] * 20)
    write_tables(tmp_path / "data", train, number_rows(5, 60).drop(columns="label"))
    spec = write_spec(tmp_path / "data", fold_column="fold")
    prepared = prepare_folder(spec, tmp_path / "data")
    ids = private(prepared, "ids")
    folds = train.set_index("id")["fold"]
    assert set(folds[ids.loc[ids["part"] == "val", "original"]]) == {10}
    assert prepared.train_folds == 2
    for part, rank in (("train", {1: "0", 2: "1"}), ("val", {10: "2"})):
        shown = read(prepared, part).set_index("id")["fold"]
        original = ids.set_index("opaque").loc[shown.index, "original"]
        assert shown.tolist() == [rank[fold] for fold in folds[original]]
    assert "fold" not in read(prepared, "test").columns, "audit rows must not stand out"


def test_a_row_without_a_fold_is_named(tmp_path: Path) -> None:
    train = number_rows(60).assign(fold=["1", "2", ""] * 20)
    write_tables(tmp_path / "data", train, number_rows(5, 60).drop(columns="label"))
    spec = write_spec(tmp_path / "data", fold_column="fold")
    with pytest.raises(
        SetupError, match=r"train\.csv: row 3, column 'fold': the cell is empty \(20 such rows\)"
    ):
        prepare_folder(spec, tmp_path / "data")


def test_groups_that_only_labelled_rows_have_do_not_mark_audit_rows(tmp_path: Path) -> None:
    train = number_rows(2_000).assign(group=[f"g{i // 4}" for i in range(2_000)])
    write_tables(tmp_path / "data", train, number_rows(50, 2_000).drop(columns="label"))
    inputs = [{"name": "x", "role": "number"}, {"name": "group", "role": "group"}]
    spec = write_spec(tmp_path / "data", inputs=inputs)
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.rows.audit >= 200
    ids = private(prepared, "ids")
    groups = ids[ids["part"] != "test"].assign(
        group=lambda rows: rows["original"].map(train.set_index("id")["group"])
    )
    assert groups.groupby("group")["part"].nunique().max() == 1
    assert list(read(prepared, "test")) == ["id", "x"]


def test_prepared_once_per_content(tmp_path: Path) -> None:
    spec = number_folder(tmp_path / "data")
    first = prepare_folder(spec, tmp_path / "data")
    stamp = (first.root / "prepared.json").stat().st_mtime_ns
    again = prepare_folder(spec, tmp_path / "data")
    assert again == first == load_prepared(first.root)
    assert (first.root / "prepared.json").stat().st_mtime_ns == stamp
    assert first.root.name == f"full-{first.fingerprint[:12]}"
    table = tmp_path / "data" / "train.csv"
    table.write_text(table.read_text().replace("row-7,", "row-7x,"))
    changed = prepare_folder(spec, tmp_path / "data")
    assert changed.fingerprint != first.fingerprint
    assert not set(read(changed, "train")["id"]) & set(read(first, "train")["id"])


def test_two_processes_at_once_get_the_same_data(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data", labelled=300)
    with ProcessPoolExecutor(4) as pool:
        jobs = [pool.submit(prepare, spec, raw(tmp_path / "data"), Home(tmp_path / "home")) for _ in range(4)]
        roots = {job.result().root for job in jobs}
    assert len(roots) == 1
    assert [path.name for path in roots.pop().parent.iterdir()] == [Path(jobs[0].result().root).name]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    for picture in (tmp_path / "data" / "train").iterdir():
        picture.write_bytes(b"no picture")
    with pytest.raises(SetupError, match="cannot be decoded"):
        prepare_folder(spec, tmp_path / "data")
    assert list((tmp_path / "home").rglob("*.csv")) == []
    assert [path for path in (tmp_path / "home").rglob("*") if path.name.startswith(".")] == []


Spoil = Callable[[Path], object]


def replace(name: str, old: str, new: str) -> Spoil:
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new))


def write(name: str, content: str) -> Spoil:
    return lambda folder: (folder / name).write_text(content)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "test.csv").unlink(), r"test\.csv: the file is missing"),
        (write("train.csv", ""), r"train\.csv: the file is empty"),
        (write("train.csv", "id,x,label\n"), r"train\.csv: the table holds no rows"),
        (lambda data: (data / "train.csv").write_bytes(b"id,x,label\na,1,\0\n"), "zero bytes .*line 2"),
        (write("train.csv", "id,x,label\na,1,b,c,d\n"), r"row 1 has 5 cells, but the header has 3"),
        (replace("train.csv", "id,x,label", "id,x,colour"), r"has no column 'label'; it has id, x, colour"),
        (replace("test.csv", "id,x", "id,y"), r"test\.csv: the table has no column 'x'"),
        (replace("train.csv", "row-8,", "row-3,"), r"repeats 1 values, the first is 'row-3' \(rows 4 and"),
        (replace("train.csv", "row-8,", ","), r"column 'id' is blank in 1 rows, first in row 9"),
        (replace("train.csv", ",0.5,red", ",0.5,"), r"target 'label' is missing in 1 rows, first in row 3"),
        (replace("train.csv", "green", "violet"), r"20 labels are not in .* first is 'violet' \(row 2\)"),
        (replace("labels.csv", "green", "red"), r"labels\.csv: column 'name' repeats 1 values"),
        (replace("sample_submission.csv", "row-70", "row-99"), r"1 of its 20 ids .* the first is 'row-99'"),
    ],
)  # fmt: skip
def test_bad_tables_are_named_with_file_and_row(tmp_path: Path, spoil: Spoil, sentence: str) -> None:
    spec = number_folder(tmp_path / "data", label_table="labels.csv")
    (tmp_path / "data" / "labels.csv").write_text("name\nblue\ngreen\nred\n")
    spoil(tmp_path / "data")
    with pytest.raises(SetupError, match=sentence):
        prepare_folder(spec, tmp_path / "data")


@pytest.mark.parametrize("value", ["", "many", "nan", "inf"])
def test_a_target_that_is_no_number_is_named(tmp_path: Path, value: str) -> None:
    train = number_rows(50).assign(label=["1.5"] * 20 + [value] + ["2"] * 29)
    write_tables(tmp_path / "data", train, number_rows(5, 50).drop(columns="label"), default=0)
    spec = write_spec(tmp_path / "data", task="regression", metric="rmse")
    with pytest.raises(SetupError, match=r"train\.csv: .*'label'.*row 21"):
        prepare_folder(spec, tmp_path / "data")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"inputs": [{"name": "label", "role": "category"}]}, "'label' of the competition is also a target"),
        ({"inputs": [{"name": "id", "role": "category"}]}, "'id' of the competition is also the id"),
        ({"targets": ["label", "x"], "inputs": [{"name": "x", "role": "number"}]}, "also a target"),
        ({"fold_column": "nowhere"}, "has no column 'nowhere'"),
        ({"fold_column": "label"}, "the fold column 'label' is also a target"),
        ({"test": None}, r"sample_submission\.csv: the table has no column 'x'"),
        ({"inputs": [{"name": "x", "role": "time"}, {"name": "x", "role": "number"}]}, "listed twice"),
    ],
)
def test_a_specification_that_gives_answers_away_is_refused(
    tmp_path: Path, fields: dict[str, object], sentence: str
) -> None:
    spec = number_folder(tmp_path / "data", **fields)
    with pytest.raises(SetupError, match=sentence):
        prepare_folder(spec, tmp_path / "data")


def dated_folder(folder: Path, words: list[str]) -> CompetitionSpec:
    """50 training rows with dates in x, the words in rows 31 and following; later dates to predict."""
    dates = ["2024-01-05"] * 30 + words + ["2024-02-01"] * (20 - len(words))
    test = number_rows(5, 50).drop(columns="label").assign(x="2024-03-01")
    write_tables(folder, number_rows(50).assign(x=dates), test)
    return write_spec(folder, inputs=[{"name": "x", "role": "time"}])


def test_no_times_are_named_with_their_row(tmp_path: Path) -> None:
    spec = dated_folder(tmp_path / "data", ["soon", "later", "now"])
    with pytest.raises(
        SetupError, match=r"'x' holds 3 values that are not times, the first is 'soon' \(row 31\)"
    ):
        prepare_folder(spec, tmp_path / "data")


def test_a_few_cells_that_are_no_times_are_gaps_and_told(tmp_path: Path) -> None:
    prepared = prepare_folder(dated_folder(tmp_path / "data", ["soon", "NA"]), tmp_path / "data")
    tables = [pd.read_csv(prepared.metadata / f"{name}.csv", na_filter=False) for name in ("train", "val")]
    assert pd.concat(tables)["x"].value_counts().to_dict() == {"2024-01-05": 30, "2024-02-01": 18, "": 2}
    assert set(tables[1]["x"]) == {"2024-02-01"}  # rows without a date train
    told = " ".join(prepared.warnings)
    assert "Words that count as missing values: 'x' (NA)." in told
    assert "'x': 1 cell counts as missing because it is no date from 1678 to 2261" in told
    assert "the first is 'soon' (train.csv, row 31)" in told
    assert "2 training rows have no 'x'; they count as the earliest rows." in told


def test_ids_in_both_tables_are_a_warning_and_stay_apart(tmp_path: Path) -> None:
    spec = number_folder(tmp_path / "data")
    for name in ("test.csv", "sample_submission.csv"):
        replace(name, "row-60,", "row-0,")(tmp_path / "data")
    prepared = prepare_folder(spec, tmp_path / "data")
    assert "1 ids of rows to predict also occur in train.csv." in prepared.warnings
    opaque = private(prepared, "ids").query("original == 'row-0'")["opaque"]
    assert len(set(opaque)) == 2


def become_nobody() -> None:
    """Root may read everything, so a test of rights gives them up."""
    if os.geteuid() == 0:
        os.setuid(65534)


def test_a_folder_without_rights_is_a_sentence() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to other users
        folder = Path(name)
        folder.chmod(0o755)
        spec = number_folder(folder / "data")
        (folder / "data" / "train.csv").chmod(0)
        forked = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(1, mp_context=forked, initializer=become_nobody) as pool:
            reading = pool.submit(prepare, spec, raw(folder / "data"), Home(folder / "home"))
            with pytest.raises(
                SetupError, match=r"^Preparing tiny: .*train\.csv: Permission denied; give this"
            ):
                reading.result()
            (folder / "data" / "train.csv").chmod(0o644)
            writing = pool.submit(prepare, spec, raw(folder / "data"), Home(folder / "home"))
            with pytest.raises(SetupError, match=r"^Preparing tiny: .*home: Permission denied; give this"):
                writing.result()


LABELS_APART = "The targets in train_labels.csv are matched with train_features.csv by 'uid'."


@pytest.mark.parametrize(
    ("name", "audit", "warnings"),
    [
        ("digits", 200, ()),
        ("signals", 200, ()),
        ("metric-matching", 300, ()),
        ("youth-mental-health", 200, (LABELS_APART,)),
        pytest.param("imet-2020", 200, (), marks=pytest.mark.slow),
    ],
)
def test_the_bundled_competitions_are_prepared(
    tmp_path: Path, name: str, audit: int, warnings: tuple[str, ...]
) -> None:
    competition, home = find_competition(name), Home(tmp_path)
    # Not "auto": whoever is signed in to Kaggle would download the real data.
    data = locate_data(competition, home, "sample" if competition.spec.sample_script else "full", run_plainly)
    prepared = prepare(competition.spec, data, home)
    assert prepared.rows.audit == audit
    assert prepared.warnings == warnings
    assert prepared.kind == data.kind
