"""Folders named like classes become tables; labels come from training folders only."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from agent.competition.spec import CompetitionSpec, load_spec
from agent.drafting.rules.class_folders import find_class_folders
from agent.drafting.rules.draft import draft_spec
from agent.drafting.rules.write_draft import write_draft
from tests.competition.raw_folders import prepare_folder

PIXELS = cv2.imencode(".png", np.zeros((2, 2), np.uint8))[1].tobytes()


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PIXELS)


LABELLED = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"]


@pytest.mark.parametrize("root", ["train", "seg_train/seg_train", "data/training_set"])
def test_training_folders_give_labels_and_flat_folders_rows_to_predict(tmp_path: Path, root: str) -> None:
    top = root.replace("train", "test", 1) if root.startswith("seg") else root.replace("training", "test")
    test = {"train": "test"}.get(root, top)
    write(tmp_path, *(f"{root}/{name}" for name in LABELLED), f"{test}/8.png", f"{test}/9.png")
    found = find_class_folders(tmp_path)
    assert found is not None
    assert dict(zip(found.train["image"], found.train["label"], strict=True)) == {
        f"{root}/{name}": name.split("/")[0] for name in LABELLED
    }
    assert found.test is not None
    assert set(found.test["image"]) == {f"{test}/8.png", f"{test}/9.png"}
    assert found.answers is None
    ids = [*found.train["id"], *found.test["id"]]
    assert sorted(ids) == [str(number) for number in range(1, 7)]


def test_labels_of_folders_to_predict_are_answers(tmp_path: Path) -> None:
    write(tmp_path, *(f"train/{name}" for name in LABELLED), *(f"val/{name}" for name in LABELLED))
    write(tmp_path, "test/cat/5.png", "test/dog/6.png", "test/dog/7.png")
    found = find_class_folders(tmp_path)
    assert found is not None
    assert len(found.train) == 8
    assert found.test is not None
    assert list(found.test.columns) == ["id", "image"]
    assert found.answers is not None
    merged = found.test.merge(found.answers, on="id")
    assert dict(zip(merged["image"], merged["label"], strict=True)) == {
        "test/cat/5.png": "cat",
        "test/dog/6.png": "dog",
        "test/dog/7.png": "dog",
    }
    assert "labels are not used for training" in found.note


@pytest.mark.parametrize("wrapped", ["", "PetImages/"])
def test_classes_alone_have_no_rows_to_predict(tmp_path: Path, wrapped: str) -> None:
    write(tmp_path, *(f"{wrapped}{name}" for name in LABELLED))
    found = find_class_folders(tmp_path)
    assert found is not None
    assert found.test is None
    assert sorted(found.train["label"]) == ["cat", "cat", "dog", "dog"]


def test_classes_in_an_archive_are_found(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as archive:
        for name in LABELLED:
            archive.writestr(f"train/{name}", PIXELS)
    found = find_class_folders(tmp_path)
    assert found is not None
    assert "train/dog/2.png" in set(found.train["image"])


@pytest.mark.parametrize("names", [(), ("1.png", "2.png"), ("train/1.png", "train/2.png", "test/3.png")])
def test_pictures_without_class_folders_are_none(tmp_path: Path, names: tuple[str, ...]) -> None:
    write(tmp_path, *names)
    assert find_class_folders(tmp_path) is None


def draft_and_write(folder: Path) -> CompetitionSpec:
    draft = draft_spec(folder)
    write_draft(draft, folder)
    return load_spec(folder / "competition.yaml")


def lines(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=str, na_filter=False)


def write_many(folder: Path, *places: str, count: int = 12) -> None:
    write(folder, *(f"{place}/{i}.png" for place in places for i in range(count)))


def test_a_draft_of_class_folders_is_prepared_without_labels_in_names(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_many(data, "train/cat", "train/dog", "test/cat", "test/dog")
    spec = draft_and_write(data)
    assert (spec.task, spec.targets, spec.train, spec.test) == (
        "classification",
        ("label",),
        "train.csv",
        "test.csv",
    )
    assert sorted(lines(data / "train.csv")["label"].unique()) == ["cat", "dog"]
    answers = lines(data / "test.csv").merge(lines(data / "answers" / "test.csv"), on="id")
    assert (answers["image"].str.split("/").str[1] == answers["label"]).all()
    prepared = prepare_folder(spec, data)
    assert (prepared.rows.train + prepared.rows.val, prepared.rows.test) == (24, 24)
    public = [prepared.metadata / name for name in ("test.csv", "sample_submission.csv")]
    assert "cat/" not in "".join(file.read_text() for file in public)
    assert not [name for name in prepared.input.rglob("*") if "cat" in name.name or "dog" in name.name]


def test_classes_alone_become_a_hold_out(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_many(data, "cat", "dog")
    spec = draft_and_write(data)
    prepared = prepare_folder(spec, data)
    assert (prepared.rows.train + prepared.rows.val, prepared.rows.test) == (19, 5)
    assert set(lines(data / "answers" / "test.csv")["label"]) <= {"cat", "dog"}


def test_a_sample_submission_names_the_rows_to_predict(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_many(data, "train/cat", "train/dog", "test")
    pd.DataFrame({"id": range(12), "label": "cat"}).to_csv(data / "sample_submission.csv", index=False)
    spec = draft_and_write(data)
    assert spec.test is None
    prepared = prepare_folder(spec, data)
    assert (prepared.rows.train + prepared.rows.val, prepared.rows.test) == (24, 12)
    assert prepared.warnings == () or "missing" not in " ".join(prepared.warnings)
