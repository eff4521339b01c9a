"""Generated code decodes pictures as preparation does: a solution may read new pictures."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support.picture_files import as_shown, encode, picture_files, smooth
from tests.templates.image_classification.image_runs import QUICK
from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import imported


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    task = task_view("classification", "accuracy").model_copy(
        update={"picture_ground": 0, "picture_ranges": (("uint16", 1_000.0, 5_080.0),)}
    )
    with imported(task, QUICK, tmp_path_factory.mktemp("repository"), "dataset") as module:
        yield module


# Only preparation turns transparent pictures by their EXIF orientation.
NAMES = [name for name in picture_files() if not (name.startswith("turned") and name.endswith(".png"))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_new_pictures_are_as_a_viewer_shows_them(dataset: ModuleType, tmp_path: Path, name: str) -> None:
    content = picture_files()[name]
    (tmp_path / name).write_bytes(content)
    expected = as_shown(content, ground=0)
    side = 32
    picture = dataset.read_picture(tmp_path / name, side)
    resized = cv2.resize(expected.astype(np.uint8), (side, side), interpolation=cv2.INTER_AREA)
    assert np.abs(picture.astype(int) - resized).max() <= 3


def test_deep_pictures_have_the_range_of_the_prepared_data(dataset: ModuleType, tmp_path: Path) -> None:
    deep = 1_000 + smooth()[:, :, 0].astype(np.uint16) * 16
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    decoded = dataset.decode_picture(np.fromfile(tmp_path / "a.png", dtype=np.uint8))
    assert np.abs(decoded[:, :, 2].astype(int) - smooth()[:, :, 0]).max() <= 1


def test_types_without_a_range_take_their_own(dataset: ModuleType, tmp_path: Path) -> None:
    values = smooth()[:, :, 0].astype(np.float32) / 7
    values[0, 0] = np.nan
    content = np.frombuffer(encode(Image.fromarray(values), "TIFF"), np.uint8)
    decoded = dataset.decode_picture(content)
    assert (decoded.min(), decoded.max()) == (0, 255)


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"\x89PNG no picture", b"\x89PNGIDAT", b"\xff\xd8\xff"])
def test_damaged_files_are_none(dataset: ModuleType, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert dataset.read_picture(tmp_path / "a.png", 32) is None
    assert dataset.read_picture(tmp_path / "missing.png", 32) is None
