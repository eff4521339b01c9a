"""Pictures are found by names of every system, in any folder, and never outside of the folder."""

import io
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.competition.pictures.index import PictureFile, PictureIndex, build_index
from agent.competition.preparation.media import find_media
from agent.competition.preparation.media_check import check_media
from agent.competition.spec import InputColumn
from agent.core.errors import SetupError

PIXELS = cv2.imencode(".png", np.zeros((2, 2), np.uint8))[1].tobytes()


def index_of(*names: str) -> PictureIndex:
    return PictureIndex([PictureFile(name) for name in names], [])


def found(index: PictureIndex, cell: str, root: str = "") -> list[str]:
    return [picture.name for picture in index.find(cell, root)]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("p1", "train/p1.JPG"),
        ("p1.jpg", "train/p1.JPG"),
        ("P1.png", "train/p1.jpeg"),
        ("images\\p1.png", "images/p1.png"),
        ("C:\\data\\images\\p1.png", "images/p1.png"),
        ("/kaggle/input/set/images/p1.png", "images/p1.png"),
        ("../images/./p1.png", "images/p1.png"),
        ("images\\sub/p1.png", "images/sub/p1.png"),
        ("https://example.org/images/p1.png", "images/p1.png"),
        ("7", "images/007.png"),
        ("007", "images/7.png"),
        ("scan_7", "images/scan_007.png"),
        ("0", "images/000.png"),
        ("ab12", "a/b/ab12.png"),
        ("p.1", "images/p.1.png"),
        (" my photo 1 ", "images/My Photo 1.jpg"),
        (unicodedata.normalize("NFD", "über.png"), unicodedata.normalize("NFC", "images/über.png")),
        (unicodedata.normalize("NFC", "über"), unicodedata.normalize("NFD", "images/Über.png")),
        ('the "best".png', 'images/the "best".png'),
        ("p1", "images/p1"),
    ],
)
def test_a_cell_finds_its_picture(cell: str, name: str) -> None:
    assert found(index_of(name, "images/other.png"), cell) == [name]


@pytest.mark.parametrize("cell", ["", " ", "..", "/", "p2", "p10", "17", "a/p1/"])
def test_other_cells_find_nothing(cell: str) -> None:
    assert found(index_of("images/p1.png", "images/100.png"), cell.replace("a/p1/", "p11")) == []


def test_the_longest_tail_decides() -> None:
    index = index_of("cat/1.png", "dog/1.png", "old/dog/1.png")
    assert found(index, "/machine/dog/1.png") == ["dog/1.png", "old/dog/1.png"]
    assert found(index, "/machine/old/dog/1.png") == ["old/dog/1.png"]
    assert found(index, "x/cat/1.png") == ["cat/1.png"]


def test_an_exact_name_precedes_similar_ones() -> None:
    index = index_of("a/7.png", "a/07.png", "a/7.jpg")
    assert found(index, "7.png") == ["a/7.png"]
    assert found(index, "07") == ["a/07.png"]
    assert found(index, "7") == ["a/7.png", "a/7.jpg"]


def test_only_files_below_the_root_count() -> None:
    index = index_of("train/1.png", "test/1.png", "train_old/1.png")
    assert found(index, "1", "train") == ["train/1.png"]


NAMES = st.text(st.characters(exclude_characters="/\\\0.", exclude_categories=("Cs", "Cc", "Z")), min_size=1)


@given(
    st.lists(NAMES, min_size=1, max_size=4),
    st.sampled_from(["/", "\\"]),
    st.sampled_from(["", "/x/", "D:\\"]),
)
def test_a_path_of_any_system_finds_a_single_file(parts: list[str], mark: str, before: str) -> None:
    name = "/".join(parts) + ".png"
    assert found(index_of(name), before + mark.join(parts) + ".png") == [name]


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PIXELS)


def test_files_without_an_ending_are_pictures_by_their_content(tmp_path: Path) -> None:
    write(tmp_path, "train/a", "train/scan.001", "b.PNG", ".hidden.png", "__MACOSX/._b.png", "notes.txt")
    (tmp_path / "train" / "README").write_text("no picture")
    assert {picture.name for picture in build_index(tmp_path).files} == {"train/a", "train/scan.001", "b.PNG"}


def test_links_that_leave_the_folder_or_go_round_are_not_followed(tmp_path: Path) -> None:
    data = tmp_path / "mine" / "data"
    write(data, "inside/1.png", "answers/3.png")
    write(tmp_path, "outside/2.png")
    (data / "out").symlink_to(tmp_path / "outside")
    (data / "inside" / "round").symlink_to(data)
    assert [picture.name for picture in build_index(data).files] == ["inside/1.png"]


def zip_of(file: Path, *names: str) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, PIXELS)


def tar_of(file: Path, *names: str) -> None:
    with tarfile.open(file, "w:gz") as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(PIXELS)
            archive.addfile(entry, io.BytesIO(PIXELS))


def image_of(path: str) -> InputColumn:
    return InputColumn(name="image", role="image", path=path)


@pytest.mark.parametrize(
    ("file", "pack"), [("train.zip", zip_of), ("train.tar.gz", tar_of), ("train.tgz", tar_of)]
)
@pytest.mark.parametrize("inner", ["", "train/", "./"])
def test_pictures_in_an_archive_are_read_as_in_a_folder(
    tmp_path: Path, file: str, pack: object, inner: str
) -> None:
    assert callable(pack)
    data, scratch = tmp_path / "data", tmp_path / "scratch"
    data.mkdir()
    scratch.mkdir()
    pack(data / file, f"{inner}a.png", f"{inner}b.png", f"{inner}.DS_Store")
    table = pd.DataFrame({"id": ["b", "a", "c"]})
    media = find_media(data, image_of("{split}/{id}.png"), table, "train", data / "train.csv")
    assert media.sizes.tolist() == [len(PIXELS), len(PIXELS), -1]
    unpacked = media.unpack(scratch)
    assert [Path(name).read_bytes() for name in unpacked.files[:2]] == [PIXELS, PIXELS]
    assert all(Path(name).parent == scratch for name in unpacked.files[:2])
    assert [path.name for path in data.iterdir()] == [file]


def test_an_archive_that_is_unpacked_already_is_ignored(tmp_path: Path) -> None:
    zip_of(tmp_path / "train.zip", "a.png")
    write(tmp_path, "train/a.png")
    assert [(picture.name, picture.archive) for picture in build_index(tmp_path).files] == [
        ("train/a.png", None)
    ]


def test_backslashes_in_archives_of_windows_part_folders(tmp_path: Path) -> None:
    zip_of(tmp_path / "train.zip", "cats\\a.png")
    assert [picture.name for picture in build_index(tmp_path).files] == ["train/cats/a.png"]


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "x/../../a.png", "..\\a.png"])
def test_archives_with_entries_that_leave_the_folder_are_not_read(tmp_path: Path, name: str) -> None:
    zip_of(tmp_path / "train.zip", "good.png", name)
    index = build_index(tmp_path)
    assert index.files == []
    (fault,) = index.faults
    assert "train.zip: the entry" in fault
    assert "leaves the folder; unpack the archive and check it." in fault


def test_archives_with_links_are_not_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "train.tar", "w") as archive:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    index = build_index(tmp_path)
    assert index.files == []
    assert "train.tar: the entry 'a.png' is a link" in index.faults[0]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x1f\x8b broken"])
@pytest.mark.parametrize("name", ["train.zip", "train.tar.gz"])
def test_a_damaged_archive_is_named_where_pictures_are_missing(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    media = find_media(
        tmp_path, image_of("{id}.png"), pd.DataFrame({"id": ["a"]}), "train", tmp_path / "t.csv"
    )
    with pytest.raises(SetupError, match=rf"{name}: the archive is damaged"):
        check_media(media, tmp_path / "t.csv", 0, labelled=True)


def test_an_ambiguous_name_is_refused_with_both_files(tmp_path: Path) -> None:
    write(tmp_path, "train/a.png", "train/a.jpg")
    with pytest.raises(
        SetupError, match=r"train\.csv: row 1: 'a' may mean train/a\.(png|jpg) or train/a\.(png|jpg)"
    ):
        find_media(
            tmp_path, image_of("**/{id}.*"), pd.DataFrame({"id": ["a"]}), "train", tmp_path / "train.csv"
        )


def test_an_ending_alone_stays_in_its_folder(tmp_path: Path) -> None:
    write(tmp_path, "train/a.JPG", "train/deep/b.png")
    table = pd.DataFrame({"id": ["a", "b"]})
    media = find_media(tmp_path, image_of("{split}/{id}.*"), table, "train", tmp_path / "train.csv")
    assert media.names == ["train/a.JPG", "train/b"]
    assert media.missing.tolist() == [False, True]


@pytest.mark.parametrize("path", ["*/{id}.png", "**/**/{id}.*", "x**/{id}", "{id}.p*"])
def test_other_wildcards_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(SetupError, match=r"may hold '\*\*/' once"):
        find_media(tmp_path, image_of(path), pd.DataFrame({"id": ["a"]}), "train", tmp_path / "train.csv")
