"""Pictures that are missing, corrupt or outside the folder are counted, named and bounded."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from agent.competition.pictures.decoding import decode
from agent.competition.preparation.media import fill_pattern, find_media
from agent.competition.preparation.media_check import check_media
from agent.competition.spec import InputColumn
from agent.core.errors import InfrastructureError, SetupError
from agent.core.files import translate_os_errors
from agent.repository.rendering import TaskView
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
    assert "(test/picture-061.png); these rows stay among the rows to predict" in prepared.warnings[0]
    pictures = [
        cv2.imread(str(prepared.input / path)) for path in lines(prepared.metadata / "test.csv")["file_path"]
    ]
    substitutes = [picture for picture in pictures if (picture == picture[0, 0]).all()]
    assert len(substitutes) == 1
    assert substitutes[0].shape == (16, 24, 3)
    assert (
        np.abs(substitutes[0][0, 0].astype(int) - (30 + 50)).max() <= 2
    )  # the mean colour of the training rows


def test_a_corrupt_picture_among_many_is_dropped(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data", labelled=150)
    file = tmp_path / "data" / "train" / "picture-011.png"
    file.write_bytes(file.read_bytes()[:-20])
    prepared = prepare_folder(spec, tmp_path / "data")
    assert "1 of 150 images cannot be decoded (train/picture-011.png)" in prepared.warnings[0]
    assert "picture-011" not in set(lines(prepared.private / "ids.csv")["original"])


def test_one_truncated_picture_of_a_small_table_is_dropped(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    (tmp_path / "data" / "train" / "picture-011.png").write_bytes(b"\x89PNG")
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.rows.train + prepared.rows.val == 59
    assert (
        "1 of 60 images cannot be decoded (train/picture-011.png); MARS dropped these rows."
        in prepared.warnings[0]
    )


@pytest.mark.parametrize(
    ("labelled", "damaged", "is_refused"), [(20, 3, False), (20, 4, True), (60, 6, False), (60, 7, True)]
)
def test_damaged_training_pictures_are_bounded(
    tmp_path: Path, labelled: int, damaged: int, is_refused: bool
) -> None:
    spec = picture_folder(tmp_path / "data", labelled=labelled)
    for i in range(damaged):
        (tmp_path / "data" / "train" / f"picture-{i:03}.png").write_bytes(b"")
    if not is_refused:
        assert prepare_folder(spec, tmp_path / "data").rows.train > 0
        return
    with pytest.raises(
        SetupError, match=rf"train\.csv: {damaged} of {labelled} images cannot be decoded .*at most 10%"
    ):
        prepare_folder(spec, tmp_path / "data")


def test_damaged_pictures_to_predict_get_a_substitute(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    for i in range(60, 65):
        (tmp_path / "data" / "test" / f"picture-{i:03}.png").write_bytes(b"no picture")
    prepared = prepare_folder(spec, tmp_path / "data")
    assert prepared.rows.test == 20
    assert "5 of 20 images cannot be decoded" in prepared.warnings[0]
    paths = lines(prepared.metadata / "test.csv")["file_path"]
    assert all(cv2.imread(str(prepared.input / path)) is not None for path in paths)


def test_many_missing_pictures_are_an_error_with_an_example_of_both(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    for i in range(31):
        (tmp_path / "data" / "train" / f"picture-{i:03}.png").unlink()
    with pytest.raises(
        SetupError, match=r"31 of 60 images are missing \(train/picture-000\.png.*check the image path"
    ) as raised:
        prepare_folder(spec, tmp_path / "data")
    assert "The folder has test/picture-060.png" in str(raised.value)


def test_a_similar_name_is_named_if_pictures_are_missing(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    for i in range(31):
        file = tmp_path / "data" / "train" / f"picture-{i:03}.png"
        file.rename(file.with_suffix(".PNG"))
    with pytest.raises(SetupError, match=r"`path: '\{split\}/\*\*/\{id\}\.\*'` finds files with any ending"):
        prepare_folder(spec, tmp_path / "data")


def test_of_many_pictures_a_sample_is_decoded(tmp_path: Path) -> None:
    whole = cv2.imencode(".png", np.random.default_rng(0).integers(0, 255, (9, 9), np.uint8))[1].tobytes()
    (tmp_path / "good.png").write_bytes(whole[:-20])  # the header is whole
    table = pd.DataFrame({"file": ["good.png"] * 6_000})
    image = InputColumn(name="file", role="image")
    media = find_media(tmp_path, image, table, "train", tmp_path / "train.csv")
    with pytest.raises(SetupError, match="1000 of 6000 images cannot be decoded"):
        check_media(media, tmp_path / "train.csv", seed=0, labelled=True)


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
    data, outside = tmp_path / "mine" / "data", tmp_path / "outside"
    data.mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"secret")
    (data / "link").symlink_to(outside)
    (data / "out.png").symlink_to(outside / "secret.png")
    image = InputColumn(name="file", role="image")
    with pytest.raises(SetupError, match=r"train\.csv: the image .* of row 2 is outside"):
        find_media(data, image, pd.DataFrame({"file": ["", cell]}), "train", data / "train.csv")


def test_links_into_the_parent_of_the_folder_are_followed(tmp_path: Path) -> None:
    data, shared = tmp_path / "data", tmp_path / "shared"
    data.mkdir()
    shared.mkdir()
    (shared / "1.png").write_bytes(b"12345")
    (data / "train").symlink_to(shared)
    table = pd.DataFrame({"id": ["1"]})
    for path in ("train/{id}.png", "{split}/**/{id}.*"):
        image = InputColumn(name="image", role="image", path=path)
        assert find_media(data, image, table, "train", data / "t.csv").sizes.tolist() == [5]


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


def test_inputs_that_models_of_pictures_do_not_read_are_told(tmp_path: Path) -> None:
    spec = picture_folder(
        tmp_path / "data",
        inputs=[
            {"name": "picture", "role": "image", "path": "{split}/{id}.png"},
            {"name": "age", "role": "number"},
        ],
    )
    for name in ("train.csv", "sample_submission.csv"):
        table = lines(tmp_path / "data" / name).assign(age="4")
        table.to_csv(tmp_path / "data" / name, index=False)
    test = lines(tmp_path / "data" / "sample_submission.csv")[["id", "age"]]
    test.to_csv(tmp_path / "data" / "test.csv", index=False)
    lines(tmp_path / "data" / "sample_submission.csv").drop(columns="age").to_csv(
        tmp_path / "data" / "sample_submission.csv", index=False
    )
    prepared = prepare_folder(spec.model_copy(update={"test": "test.csv"}), tmp_path / "data")
    assert "Models of pictures read only the pictures, not the other inputs: age." in prepared.warnings


def test_the_form_of_deep_and_transparent_pictures_is_told_and_kept(tmp_path: Path) -> None:
    spec = picture_folder(tmp_path / "data")
    for split, name in (("train", "picture-003"), ("test", "picture-070")):
        deep = np.linspace(0, 4_000, 256).reshape(16, 16).astype(np.uint16)
        cv2.imwrite(str(tmp_path / "data" / split / f"{name}.png"), deep)
    clear = np.zeros((16, 16, 4), np.uint8)
    clear[4:8, 4:8, 3] = 255
    cv2.imwrite(str(tmp_path / "data" / "train" / "picture-004.png"), clear)
    prepared = prepare_folder(spec, tmp_path / "data")
    assert "Transparent pictures are stored on a white ground." in prepared.warnings
    assert prepared.rendering is not None
    ((kind, low, high),) = prepared.rendering.ranges
    assert (kind, low) == ("uint16", 0.0)
    assert high == pytest.approx(4_000, rel=0.01)
    assert any("(uint16) are stored with 8: 0 is black" in warning for warning in prepared.warnings)
    assert TaskView.of(prepared).picture_ranges == prepared.rendering.ranges
