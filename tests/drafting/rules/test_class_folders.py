"""Folders named like classes become tables; labels come from training folders only."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.drafting.rules.class_folders import find_class_folders

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
