"""Files that a candidate left are opened without following links, and trees of any shape are removed."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.core.trees import remove_tree
from agent.core.untrusted_files import (
    UnsafeFileError,
    copy_inside,
    copy_tree_inside,
    open_inside,
    read_inside,
    write_inside,
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "answers.csv").write_text("private")
    (tmp_path / "workspace" / "working").mkdir(parents=True)
    (tmp_path / "workspace" / "working" / "plain.csv").write_text("own")
    return tmp_path / "workspace"


def _link(file: Path, secret: Path) -> None:
    file.symlink_to(secret / "answers.csv")


def _hard_link(file: Path, secret: Path) -> None:
    os.link(secret / "answers.csv", file)


def _pipe(file: Path, secret: Path) -> None:
    os.mkfifo(file)


def _folder(file: Path, secret: Path) -> None:
    file.mkdir()


@pytest.mark.parametrize("make", [_link, _hard_link, _pipe, _folder])
def test_only_a_plain_file_is_opened(workspace: Path, make: Callable[[Path, Path], None]) -> None:
    make(workspace / "working" / "answers.csv", workspace.parent / "secret")
    with pytest.raises(UnsafeFileError):
        open_inside(workspace, "working/answers.csv")
    target = workspace.parent / "copy"
    with pytest.raises(UnsafeFileError):
        copy_inside(workspace, "working/answers.csv", target)
    assert not target.exists()


def test_a_plain_file_is_read_and_copied(workspace: Path) -> None:
    assert read_inside(workspace, "working/plain.csv", 3) == b"own"
    copy_inside(workspace, "working/plain.csv", workspace.parent / "copy")
    assert (workspace.parent / "copy").read_text() == "own"
    with pytest.raises(UnsafeFileError, match="more than 2 bytes"):
        read_inside(workspace, "working/plain.csv", 2)


@pytest.mark.parametrize("name", ["../secret/answers.csv", "/etc/passwd", "working/../../secret/answers.csv"])
def test_a_name_that_leaves_the_folder_is_refused(workspace: Path, name: str) -> None:
    with pytest.raises(UnsafeFileError, match="leaves the folder"):
        open_inside(workspace, name)


def test_a_linked_folder_on_the_way_or_as_root_is_refused(workspace: Path) -> None:
    (workspace / "submission").symlink_to(workspace.parent / "secret")
    with pytest.raises(UnsafeFileError, match="link"):
        open_inside(workspace, "submission/answers.csv")
    (workspace.parent / "root").symlink_to(workspace)
    with pytest.raises(UnsafeFileError, match="link"):
        open_inside(workspace.parent / "root", "working/plain.csv")


def test_a_missing_file_is_missing(workspace: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_inside(workspace, "working/none.csv")
    with pytest.raises(FileNotFoundError):
        open_inside(workspace, "none/none.csv")


def test_a_device_is_not_read(workspace: Path) -> None:
    with pytest.raises(UnsafeFileError, match="not a regular file"):
        open_inside(Path("/dev"), "zero")


def test_a_tree_is_copied_with_inner_links_only(workspace: Path) -> None:
    model = workspace / "working" / "model"
    (model / "blobs").mkdir(parents=True)
    (model / "blobs" / "1").write_text("weights")
    (model / "snapshots").mkdir()
    (model / "snapshots" / "weights").symlink_to("../blobs/1")
    copy_tree_inside(workspace, "working/model", workspace.parent / "copy")
    assert (workspace.parent / "copy" / "snapshots" / "weights").read_text() == "weights"
    assert (workspace.parent / "copy" / "snapshots" / "weights").is_symlink()
    (model / "answers").symlink_to("../../../secret/answers.csv")
    with pytest.raises(UnsafeFileError, match="leads out of the folder"):
        copy_tree_inside(workspace, "working/model", workspace.parent / "second")


def test_a_written_file_replaces_a_link_and_leaves_its_target(workspace: Path) -> None:
    _link(workspace / "marker", workspace.parent / "secret")
    write_inside(workspace, "marker", "mine")
    assert (workspace.parent / "secret" / "answers.csv").read_text() == "private"
    assert (workspace / "marker").read_text() == "mine"
    assert not (workspace / "marker").is_symlink()
    (workspace / "other" / "deep").mkdir(parents=True)
    write_inside(workspace, "other", "mine")
    assert (workspace / "other").read_text() == "mine"


def test_thousands_of_nested_folders_are_removed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d" * 10, dir_fd=descriptor)
        inner = os.open("d" * 10, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    remove_tree(root)
    assert not root.exists()


def test_folders_without_permissions_and_odd_entries_are_removed(workspace: Path) -> None:
    root = workspace / "working"
    (root / "closed" / "inner").mkdir(parents=True)
    (root / "closed" / "inner" / "file").write_text("x")
    (root / "1" / "2").mkdir(parents=True)
    (root / "link").symlink_to(workspace.parent / "secret")
    os.mkfifo(root / "pipe")
    os.mkdir(os.fsencode(root) + b"/\xff\xfe")
    (root / ("n" * 255)).write_text("x")
    for folder in (root / "closed" / "inner", root / "closed", root):
        folder.chmod(0)
    remove_tree(root)
    assert not root.exists()
    assert (workspace.parent / "secret" / "answers.csv").read_text() == "private"
    remove_tree(root)  # what is gone already is no fault


def test_a_link_is_removed_and_not_followed(workspace: Path) -> None:
    (workspace / "link").symlink_to(workspace.parent / "secret")
    remove_tree(workspace / "link")
    assert stat.S_ISDIR((workspace.parent / "secret").stat().st_mode)
    assert (workspace.parent / "secret" / "answers.csv").exists()
