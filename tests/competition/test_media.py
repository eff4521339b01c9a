"""Pictures that are missing, corrupt or outside the folder are counted, named and bounded."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from agent.competition.preparation.media import decode, fill_pattern, find_broken_media, find_media
from agent.competition.spec import InputColumn
from agent.core.errors import InfrastructureError, SetupError
from agent.core.files import translate_os_errors
from tests.competition.raw_folders import picture_folder, prepare_folder


def lines(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=str, na_filter=False)


def test_a_missing_training_picture_is_dropped_with_its_name(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    (tmp_path / "data" / "train" / "picture-007.png").unlink()
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.rows.train + prepared.rows.val == 59
    assert (
        "1 of 60 images are missing (train/picture-007.png); MARS dropped these rows." in prepared.warnings[0]
    )
    assert "picture-007" not in set(lines(prepared.private / "ids.csv")["original"])


def test_a_missing_picture_to_predict_stays_with_a_warning(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    (tmp_path / "data" / "test" / "picture-061.png").unlink()
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.rows.test == 20
    assert "(test/picture-061.png); these rows stay among the rows to predict." in prepared.warnings[0]
    paths = lines(prepared.metadata / "test.csv")["file_path"]
    assert [(prepared.input / path).is_file() for path in paths].count(False) == 1


def test_a_corrupt_picture_among_many_is_dropped(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data", labelled=150)
    file = tmp_path / "data" / "train" / "picture-011.png"
    file.write_bytes(file.read_bytes()[:-20])
    prepared = prepare_folder(spec, tmp_path / "data")
    assert "1 of 150 checked images cannot be decoded (train/picture-011.png)" in prepared.warnings[0]
    assert "picture-011" not in set(lines(prepared.private / "ids.csv")["original"])


def test_more_than_one_percent_corrupt_is_an_error(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    for name in ("picture-011", "picture-012"):
        (tmp_path / "data" / "train" / f"{name}.png").write_bytes(b"")
    with pytest.raises(
        SetupError, match=r"train\.csv: 2 of 60 checked .*picture-011\.png, .*more than 1% are damaged"
    ):
        prepare_folder(spec, tmp_path / "data")


def test_more_than_half_missing_is_an_error(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    for i in range(31):
        (tmp_path / "data" / "train" / f"picture-{i:03}.png").unlink()
    with pytest.raises(SetupError, match=r"31 of 60 images are missing .*check the image path"):
        prepare_folder(spec, tmp_path / "data")


def test_of_many_pictures_a_sample_is_decoded(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "good.png"), np.zeros((2, 2), np.uint8))
    table = pd.DataFrame({"file": ["good.png"] * 6_000})
    image = InputColumn(name="file", role="image")
    media = find_media(tmp_path, image, table, "train", tmp_path / "train.csv")
    (tmp_path / "good.png").write_bytes(b"spoilt")
    with pytest.raises(SetupError, match="1000 of 1000 checked"):
        find_broken_media(media, tmp_path / "train.csv", seed=0)


def test_patterns_are_filled_from_columns() -> None:
    table = pd.DataFrame({"id": ["a", "b"], "view": ["left", "right"]})
    assert fill_pattern("{split}_pictures/{view}/{id}.jpg", table, "test", Path("test.csv")) == [
        "test_pictures/left/a.jpg",
        "test_pictures/right/b.jpg",
    ]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("{nowhere}.png", "has no column 'nowhere'"),
        ("{id.__class__}.png", "has no column"),
        ("{id!r}.png", "plain names in braces"),
        ("{}.png", "plain names in braces"),
        ("{id.png", "not a valid pattern"),
    ],
)
def test_patterns_are_no_programs(pattern: str, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        fill_pattern(pattern, pd.DataFrame({"id": ["a"]}), "train", Path("train.csv"))


@pytest.mark.parametrize(
    "cell", ["../secret.png", "/etc/passwd", "a/../../secret.png", "link/secret.png", "out.png", "\\x"]
)
def test_no_picture_is_outside_the_folder(tmp_path: Path, cell: str) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    data.mkdir()
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"secret")
    (data / "link").symlink_to(outside)
    (data / "out.png").symlink_to(outside / "secret.png")
    image = InputColumn(name="file", role="image")
    with pytest.raises(SetupError, match=r"train\.csv: the image .* of row 2 is outside"):
        find_media(data, image, pd.DataFrame({"file": ["", cell]}), "train", data / "train.csv")


def test_links_inside_the_folder_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(b"12345")
    (tmp_path / "alias.png").symlink_to("real.png")
    image = InputColumn(name="file", role="image")
    media = find_media(tmp_path, image, pd.DataFrame({"file": ["alias.png"]}), "train", tmp_path / "t.csv")
    assert media.sizes.tolist() == [5]
    assert media.files == [str(tmp_path.resolve() / "real.png")]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_truncated_pictures_are_not_decoded(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"picture{suffix}"
    cv2.imwrite(str(file), np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    picture = decode(file)
    assert picture is not None
    assert picture.shape == (64, 64, 3)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert decode(file) is None


def test_a_full_disk_is_a_failure_of_the_machine() -> None:
    with (
        pytest.raises(
            InfrastructureError, match=r"^Preparing x: .*No space left.*free some space and run again\.$"
        ),
        translate_os_errors("Preparing x"),
    ):
        Path("/dev/full").write_text("a")
