"""Valid and invalid progress files."""

import json
import os
from pathlib import Path

import pytest

from agent.execution.progress import ProgressReader, ProgressRecord


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "progress.jsonl"


def append(file: Path, data: str | bytes) -> None:
    with file.open("ab") as stream:
        stream.write(data if isinstance(data, bytes) else data.encode())


def line(**values: object) -> str:
    return json.dumps({"stage": "train", "elapsed_s": 1.0, **values}) + "\n"


def test_each_record_is_returned_once_and_a_partial_line_when_complete(file: Path) -> None:
    reader = ProgressReader(file)
    assert reader.poll() == []
    second = line(epoch=1, metric=0.5, new_key="ignored")
    append(file, line(epoch=0) + second[:9])
    assert [record.epoch for record in reader.poll()] == [0]
    assert reader.poll() == []
    append(file, second[9:])
    assert reader.poll() == [ProgressRecord(stage="train", elapsed_s=1.0, epoch=1, metric=0.5)]


@pytest.mark.parametrize(
    "invalid",
    [b"\xff\xfe\n", b"{}\n", b"[1]\n", b"null\n", b"\n", b'{"stage": "train"}\n', b"[" * 60_000 + b"\n"],
)
def test_invalid_lines_are_skipped(file: Path, invalid: bytes) -> None:
    append(file, invalid)
    append(file, line(metric=float("nan")))
    append(file, line(epoch=3))
    assert [record.epoch for record in ProgressReader(file).poll()] == [3]


def test_an_overlong_line_is_skipped(file: Path) -> None:
    reader = ProgressReader(file)
    append(file, b"x" * 3_000_000)
    for _ in range(4):
        assert reader.poll() == []
    append(file, b"x" * 100 + b"\n" + line(epoch=4).encode())
    assert [record.epoch for record in reader.poll()] == [4]


def test_a_rewritten_file_is_read_from_its_start(file: Path) -> None:
    reader = ProgressReader(file)
    append(file, line(epoch=1) + line(epoch=2))
    reader.poll()
    file.write_text(line(epoch=0))
    assert [record.epoch for record in reader.poll()] == [0]


def test_a_large_file_is_read_in_parts(file: Path) -> None:
    append(file, line(epoch=1) * 50_000)
    reader = ProgressReader(file)
    counts = [len(reader.poll()) for _ in range(6)]
    assert max(counts) < 50_000
    assert sum(counts) == 50_000


def test_neither_pipe_nor_link_nor_folder_is_followed(file: Path, tmp_path: Path) -> None:
    (tmp_path / "other").write_text(line(epoch=1))
    file.symlink_to(tmp_path / "other")
    assert ProgressReader(file).poll() == []
    file.unlink()
    os.mkfifo(file)
    assert ProgressReader(file).poll() == []
    file.unlink()
    file.mkdir()
    assert ProgressReader(file).poll() == []
