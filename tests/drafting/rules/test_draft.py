"""`mars init` drafts a specification from the files of a folder, with reasons, and reports missing pieces."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition.metrics import get_metric
from agent.competition.registry import find_competition
from agent.competition.sources.locate import locate_data
from agent.competition.spec import load_spec
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.drafting.draft_check import try_draft
from agent.drafting.rules.draft import Draft, draft_spec
from agent.drafting.rules.write_draft import write_draft
from tests.competition.raw_folders import picture_folder, prepare_folder, run_plainly
from tests.drafting.rules.folders import table, write_tables


def houses(count: int, start: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(start)
    ids = np.arange(start, start + count)
    words = np.array(["sunny", "old", "quiet", "near", "river", "garden", "loft", "view"])
    return pd.DataFrame(
        {
            "house_id": ids,
            "area": rng.normal(100, 20, count).round(1),
            "city": rng.choice(["Bern", "Basel", "Chur"], count),
            "sold": pd.Timestamp("2020-01-01") + pd.to_timedelta(ids, unit="D"),
            "customer_id": [f"c{i // 3}" for i in ids],
            "advert": [" ".join(rng.choice(words, 7)) for _ in ids],
            "constant": 1,
        }
    )


def write_houses(folder: Path, target: object, name: str = "price", answers: object = None) -> Path:
    """Write 120 labelled houses and 30 to predict; `answers` adds a sample submission."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = houses(120).assign(**{name: target}), houses(30, 120)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    if answers is not None:
        columns = answers if isinstance(answers, dict) else {name: answers}
        test[["house_id"]].assign(**columns).to_csv(folder / "sample_submission.csv", index=False)
    return folder


def guess(draft: Draft, field: str) -> str:
    """Return value and reason of one guess."""
    found = next(entry for entry in draft.guesses if entry.field == field)
    return f"{found.value}: {found.reason}"


def test_a_folder_of_tables_becomes_a_specification(tmp_path: Path) -> None:
    folder = write_houses(tmp_path / "House Prices!", np.random.default_rng(0).normal(size=120))
    draft = draft_spec(folder)
    spec = draft.spec
    assert (spec.id, spec.title) == ("house-prices", "House Prices!")
    assert (spec.task, spec.metric, spec.targets, spec.id_column) == (
        "regression",
        "rmse",
        ("price",),
        "house_id",
    )
    roles = {column.name: column.role for column in spec.inputs}
    assert roles == {
        "area": "number",
        "city": "category",
        "sold": "time",
        "customer_id": "group",
        "advert": "text",
    }
    assert guess(draft, "targets") == "['price']: the only column that is in train.csv alone"
    assert "none of the 40 training groups" in guess(draft, "inputs.customer_id")
    assert any("'constant' is left out" in question for question in draft.questions)


def test_the_draft_can_be_written_read_and_prepared(tmp_path: Path) -> None:
    folder = write_houses(tmp_path / "houses", np.arange(120) / 7)
    draft = draft_spec(folder)
    file = write_draft(draft, folder, lambda spec: try_draft(spec, folder).warnings)
    assert load_spec(file) == draft.spec
    text = file.read_text()
    assert "# the only column that is in train.csv alone\ntargets: [price]\n" in text
    assert "  # its values are dates\n  - {name: sold, role: time}\n" in text
    assert "# To check: Column 'constant' is left out" in text
    assert "# Note: Validation rows are the latest by 'sold'" in text
    competition = find_competition(str(folder))
    data = locate_data(competition, Home(tmp_path / "home"), "auto", run_plainly)
    assert prepare_folder(competition.spec, data.folder).rows.test == 30
    sample = pd.read_csv(folder / "sample_submission.csv")
    assert sample["price"].eq(0).all()
    assert sample["house_id"].tolist() == list(range(120, 150))


def test_a_folder_called_like_the_home_sign_is_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    write_houses(tmp_path / "~", np.arange(120) / 7)
    write_draft(draft_spec(Path("~")), Path("~"))
    assert list((tmp_path / "mine").iterdir()) == []
    assert (tmp_path / "~" / "sample_submission.csv").stat().st_size > 0


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = write_houses(tmp_path / "houses", np.arange(120) / 7)
    (folder / "competition.yaml").write_text("mine")
    draft = draft_spec(folder)
    with pytest.raises(SetupError, match="exists already; delete it"):
        write_draft(draft, folder)
    assert (folder / "competition.yaml").read_text() == "mine"
    assert not (folder / "sample_submission.csv").exists()


COLOURS = np.array(["red", "green", "blue"])[np.arange(120) % 3]
LABEL_SETS = np.array(["7 12", "3", "12 3 7", "9 3", "9"])[np.arange(120) % 5]


@pytest.mark.parametrize(
    ("target", "answers", "task", "metric"),
    [
        (COLOURS, None, "classification", "accuracy"),
        (COLOURS, "red", "classification", "accuracy"),
        (COLOURS, {"blue": 0.3, "green": 0.3, "red": 0.4}, "classification", "log_loss"),
        (np.arange(120) % 2, 0.5, "classification", "roc_auc"),
        (np.arange(120) % 2, 0, "classification", "accuracy"),
        (np.arange(120) % 10, 0, "classification", "accuracy"),
        (np.arange(120), 0, "regression", "rmse"),
        (np.arange(120) / 3, 0.5, "regression", "rmse"),
        (LABEL_SETS, "3 7", "multilabel", "micro_f1"),
        (
            np.array(["golden retriever", "german shepherd"])[np.arange(120) % 2],
            None,
            "classification",
            "accuracy",
        ),
    ],
)
def test_task_and_metric_follow_target_and_sample_submission(
    tmp_path: Path, target: object, answers: object, task: str, metric: str
) -> None:
    spec = draft_spec(write_houses(tmp_path / "houses", target, answers=answers)).spec
    assert (spec.task, spec.metric, spec.targets) == (task, metric, ("price",))
    assert get_metric(spec.metric).name == metric


def test_several_numeric_targets_are_a_regression(tmp_path: Path) -> None:
    folder = write_houses(tmp_path / "houses", np.arange(120) / 7, answers={"price": 0, "area": 0})
    test = pd.read_csv(folder / "test.csv").drop(columns="area")
    test.to_csv(folder / "test.csv", index=False)
    spec = draft_spec(folder).spec
    assert spec.targets == ("price", "area")
    assert "area" not in [column.name for column in spec.inputs]


def test_a_fold_column_of_the_user_is_found(tmp_path: Path) -> None:
    folder = write_houses(tmp_path / "houses", np.arange(120) / 7)
    train = pd.read_csv(folder / "train.csv").assign(kfold=np.arange(120) % 5)
    train.to_csv(folder / "train.csv", index=False)
    draft = draft_spec(folder)
    assert draft.spec.fold_column == "kfold"
    assert draft.spec.targets == ("price",)


def test_names_that_hardly_repeat_are_texts_and_codes_stay_categories(tmp_path: Path) -> None:
    frame = table(150)
    frame["name"] = [f"Family{row % 40}, Mr. Person{row}" for row in range(150)]
    frame["code"] = [f"K{row}X" for row in range(150)]
    folder = write_tables(tmp_path / "people", frame, "price")
    roles = {column.name: column.role for column in draft_spec(folder).spec.inputs}
    assert roles["name"] == "text"
    assert roles.get("code") != "text"


def test_groups_that_the_rows_to_predict_share_become_categories(tmp_path: Path) -> None:
    folder = write_houses(tmp_path / "houses", np.arange(120) / 7)
    test = pd.read_csv(folder / "test.csv").assign(customer_id=[f"c{i}" for i in range(30)])
    test.to_csv(folder / "test.csv", index=False)
    roles = {column.name: column.role for column in draft_spec(folder).spec.inputs}
    assert roles["customer_id"] == "category"


@pytest.mark.parametrize(
    ("layout", "pattern"),
    [
        ({"train": "train", "test": "test"}, "{split}/{id}.png"),
        ({"train": "train_images", "test": "test_images"}, "{split}_images/{id}.png"),
        ({"train": "images/train", "test": "images/test"}, "images/{split}/{id}.png"),
        ({"train": "pictures", "test": "pictures"}, "pictures/{id}.png"),
        ({"train": ".", "test": "."}, "{id}.png"),
    ],
)
def test_images_are_found_in_usual_layouts(tmp_path: Path, layout: dict[str, str], pattern: str) -> None:
    folder = tmp_path / "colours"
    picture_folder(tmp_path / "made")
    for split, place in layout.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for file in (tmp_path / "made" / split).iterdir():
            shutil.copy(file, folder / place)
    for name in ("train.csv", "sample_submission.csv"):
        shutil.copy(tmp_path / "made" / name, folder)
    spec = draft_spec(folder).spec
    assert spec.test is None
    assert spec.image_input is not None
    assert spec.image_input.path == pattern
    assert prepare_folder(spec, folder).rows.test == 20


def test_a_column_of_file_names_becomes_the_image_input(tmp_path: Path) -> None:
    folder = tmp_path / "colours"
    picture_folder(folder)
    for name, split in (("train.csv", "train"), ("sample_submission.csv", "test")):
        table = pd.read_csv(folder / name)
        table["file"] = split + "/" + table["id"] + ".png"
        table["id"] = np.arange(len(table)) + (1_000 if split == "test" else 0)
        if split == "test":
            table[["id", "file"]].to_csv(folder / "test.csv", index=False)
            table = table.drop(columns="file")
        table.to_csv(folder / name, index=False)
    spec = draft_spec(folder).spec
    assert [(column.name, column.path) for column in spec.inputs] == [("file", "{file}")]
    assert prepare_folder(spec, folder).rows.test == 20


def test_a_label_table_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "colours"
    picture_folder(folder)
    (folder / "labels.csv").write_text("name,hue\nviolet,1\nred,2\ngreen,3\nblue,4\n")
    assert draft_spec(folder).spec.label_table == "labels.csv"


Damage = Callable[[Path], object]


def edit(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Damage:
    return lambda folder: change(pd.read_csv(folder / name)).to_csv(folder / name, index=False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "is not a folder"),
        (
            lambda folder: (folder / "train.csv").rename(folder / "test2.dat"),
            "no training table .*name it train.csv",
        ),
        (edit("train.csv", lambda table: table.drop(columns="price")), "train.csv has no target column"),
        (
            edit("test.csv", lambda table: table.drop(columns="city")),
            "several columns could be the target: city, price",
        ),
        (edit("train.csv", lambda table: table.assign(price=5)), "'price' has fewer than two values"),
        (
            edit("train.csv", lambda table: table.assign(price=[f"text {i}" for i in range(120)])),
            "must hold classes that repeat, or numbers",
        ),
        (
            edit("train.csv", lambda table: table[["house_id", "price"]]),
            "no input is left",
        ),
    ],
)
def test_a_failed_guess_raises_a_set_up_error(tmp_path: Path, damage: Damage, message: str) -> None:
    folder = write_houses(tmp_path / "houses", np.arange(120) / 7)
    damage(folder)
    with pytest.raises(SetupError, match=message):
        draft_spec(folder)


def test_an_archive_of_tables_is_named(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"PK")
    with pytest.raises(SetupError, match=r"has no table, but data\.zip; unpack it into the folder"):
        draft_spec(tmp_path)
