"""Prepared pictures have the pixels that a viewer shows, with Pillow as the reference."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from agent.competition.pictures import decoding
from agent.competition.pictures.decoding import decode, decode_reduced, read_header
from agent.competition.pictures.rendering import Rendering, choose_rendering
from agent.competition.preparation import media_place
from agent.competition.preparation.media import MediaFiles
from agent.competition.preparation.media_check import Use, check_media
from agent.competition.preparation.media_place import PictureTable, place_media, plan_placement
from tests.support.picture_files import (
    HEIGHT,
    WIDTH,
    as_shown,
    encode,
    picture_files,
    smooth,
    with_orientation,
)


def placed(folder: Path, contents: dict[str, bytes]) -> dict[str, NDArray[np.int64]]:
    """The pictures as candidates decode them: RGB by name."""
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    paths = [str(folder / name) for name in contents]
    sizes = np.array([len(content) for content in contents.values()], dtype=np.int64)
    media = MediaFiles(list(contents), paths, sizes)
    check = check_media(media, folder / "train.csv", seed=0, labelled=True)
    plan = plan_placement([media], [check], seed=0)
    table = PictureTable(media, check, [f"r{i}" for i in range(len(paths))])
    (names,) = place_media([table], plan, folder / "out")
    pictures = [cv2.imread(str(folder / "out" / name), cv2.IMREAD_COLOR) for name in names]
    assert all(picture is not None for picture in pictures)
    return {
        name: picture[:, :, ::-1].astype(np.int64) for name, picture in zip(contents, pictures, strict=True)
    }


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_prepared_pictures_are_as_a_viewer_shows_them(tmp_path: Path) -> None:
    contents = picture_files()
    expected = {name: as_shown(content) for name, content in contents.items()}
    pictures = placed(tmp_path, contents)
    assert {name: picture.shape for name, picture in pictures.items()} == {
        name: picture.shape for name, picture in expected.items()
    }
    differences = {name: np.abs(pictures[name] - expected[name]).max() for name in contents}
    assert {name: difference for name, difference in differences.items() if difference > 2} == {}


@pytest.mark.parametrize(("kind", "factor"), [("png", 4), ("png", 257), ("tif", 16)])
def test_pictures_of_16_bits_fill_the_range_of_the_data(tmp_path: Path, kind: str, factor: int) -> None:
    pictures = [smooth(seed)[:, :, 0] for seed in range(4)]
    contents = {
        f"{i}.{kind}": cv2.imencode(f".{kind}", one.astype(np.uint16) * factor)[1].tobytes()
        for i, one in enumerate(pictures)
    }
    stretch = 255 / max(one.max() for one in pictures)
    for (name, picture), source in zip(placed(tmp_path, contents).items(), pictures, strict=True):
        assert np.abs(picture[:, :, 0] - source * stretch).max() <= 2, name


def test_colours_of_16_bits_keep_their_proportions(tmp_path: Path) -> None:
    deep = smooth().astype(np.uint16) * 16
    picture = placed(tmp_path, {"a.png": cv2.imencode(".png", deep[:, :, ::-1])[1].tobytes()})["a.png"]
    assert np.abs(picture - smooth() * (255 / smooth().max())).max() <= 3


def test_an_offset_of_the_values_is_removed(tmp_path: Path) -> None:
    deep = 32_000 + smooth()[:, :, 0].astype(np.uint16) * 8  # as scanners store negative values
    picture = placed(tmp_path, {"a.png": cv2.imencode(".png", deep)[1].tobytes()})["a.png"]
    assert picture.min() <= 2
    assert picture.max() >= 253


def test_a_hot_pixel_does_not_darken_the_pictures(tmp_path: Path) -> None:
    contents = {}
    for seed in range(4):
        deep = np.tile(smooth(seed)[:, :, 0], (8, 8)).astype(np.uint16) * 4
        deep[5, 5] = 65_535
        contents[f"{seed}.png"] = cv2.imencode(".png", deep)[1].tobytes()
    assert (
        min(picture.max(initial=0, where=picture < 255) for picture in placed(tmp_path, contents).values())
        > 200
    )


@pytest.mark.parametrize(("scale", "kind"), [(1 / 255, np.float32), (7.0, np.float32), (100, np.int32)])
def test_numbers_of_other_types_are_scaled(tmp_path: Path, scale: float, kind: type) -> None:
    values = (smooth()[:, :, 0].astype(float) * scale).astype(kind)
    picture = placed(tmp_path, {"a.tif": encode(Image.fromarray(values), "TIFF")})["a.tif"]
    stretch = 1.0 if scale == 1 / 255 else 255 / smooth()[:, :, 0].max()
    assert np.abs(picture[:, :, 1] - smooth()[:, :, 0] * stretch).max() <= 2


def test_gaps_in_float_pictures_are_dark(tmp_path: Path) -> None:
    values = smooth()[:, :, 0].astype(np.float32)
    values[:4] = np.nan
    picture = placed(tmp_path, {"a.tif": encode(Image.fromarray(values), "TIFF")})["a.tif"]
    assert picture[:4].max() == 0


@pytest.mark.parametrize(("ink", "ground"), [((0, 0, 0), 255), ((255, 255, 255), 0), ((200, 30, 30), 255)])
def test_strokes_drawn_in_alpha_are_visible(tmp_path: Path, ink: tuple[int, int, int], ground: int) -> None:
    drawing = np.zeros((32, 32, 4), np.uint8)
    drawing[..., :3] = ink
    drawing[8:24, 14:18, 3] = 255
    content = encode(Image.fromarray(drawing), "PNG")
    picture = placed(tmp_path, {"a.png": content})["a.png"]
    assert np.array_equal(picture, as_shown(content, ground))
    assert picture[0, 0].tolist() == [ground] * 3
    assert picture[16, 16].tolist() == list(ink)


def test_alpha_that_was_never_set_is_ignored(tmp_path: Path) -> None:
    drawing = np.dstack([smooth(), np.zeros((HEIGHT, WIDTH), np.uint8)])
    picture = placed(tmp_path, {"a.png": encode(Image.fromarray(drawing), "PNG")})["a.png"]
    assert np.array_equal(picture, smooth())


def test_a_cut_jpeg_keeps_its_first_part(tmp_path: Path) -> None:
    whole = encode(Image.fromarray(np.tile(smooth(), (4, 4, 1))), "JPEG", quality=95)
    contents = {"cut.jpg": whole[: len(whole) // 2], "whole.jpg": whole}
    pictures = placed(tmp_path, contents)
    upper = slice(0, HEIGHT)
    assert np.abs(pictures["cut.jpg"][upper] - pictures["whole.jpg"][upper]).max() <= 2
    media = MediaFiles(["cut.jpg"], [str(tmp_path / "cut.jpg")], np.array([1]))
    check = check_media(media, tmp_path / "train.csv", 0, labelled=True)
    assert check.uses == [Use.CUT]
    assert check.notes == (
        "train.csv: 1 of 1 images are cut off (cut.jpg); the part that can be read is used.",
    )


def test_pictures_with_several_frames_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(picture_files()["animated.gif"])
    media = MediaFiles(["a.gif"], [str(tmp_path / "a.gif")], np.array([1]))
    check = check_media(media, tmp_path / "train.csv", 0, labelled=True)
    assert check.notes == ("train.csv: 1 of 1 images have several frames (a.gif); the first frame is used.",)


def test_a_picture_that_declares_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    content = bytearray(encode(Image.fromarray(smooth()), "PNG"))
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(bytes(content))
    header = read_header(tmp_path / "bomb.png")
    assert header is not None
    assert header.is_too_large
    assert decode(tmp_path / "bomb.png") is None


def test_a_large_jpeg_is_reduced_while_decoding(tmp_path: Path) -> None:
    large = Image.fromarray(smooth()).resize((4_000, 3_000))
    (tmp_path / "a.jpg").write_bytes(encode(large, "JPEG", exif=with_orientation(6)))
    decoded = decode_reduced(tmp_path / "a.jpg", 256)
    assert decoded is not None
    header, pixels = decoded
    assert header.shown_size == (4_000, 3_000)
    assert pixels.shape == (500, 375, 3)


def test_a_rendering_needs_no_survey() -> None:
    values = np.array([[0, 1_000], [2_000, 4_000]], dtype=np.uint16)
    assert Rendering().to_8_bit(values).tolist() == [[0, 64], [128, 255]]
    assert choose_rendering([], 0) == Rendering()


def test_large_pictures_are_stored_reduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LARGE_PIXELS", 1_000)
    for module in (decoding, media_place):
        monkeypatch.setattr(module, "LARGE_SIDE", 32)
    picture = Image.fromarray(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    contents = {"a.png": encode(picture, "PNG"), "b.jpg": encode(picture, "JPEG", exif=with_orientation(6))}
    pictures = placed(tmp_path, contents)
    assert {name: one.shape for name, one in pictures.items()} == {"a.png": (24, 32, 3), "b.jpg": (32, 24, 3)}
    assert {int(np.abs(one - 90).max()) for one in pictures.values()} <= {0, 1, 2}
