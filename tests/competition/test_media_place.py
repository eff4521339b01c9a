"""Placed pictures are new files that carry nothing of the order in which people stored theirs."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from agent.competition.preparation import media_place
from agent.competition.preparation.media_check import THREADS
from agent.competition.preparation.prepare import prepare
from agent.competition.prepared import Prepared
from agent.core.files import copy_timeless
from agent.core.paths import Home
from tests.competition.raw_folders import picture_folder, prepare_folder, raw


def _parts(prepared: Prepared) -> "pd.Series[str]":
    """The part of each row by its opaque id."""
    ids = pd.read_csv(prepared.private / "ids.csv", dtype=str)
    return ids.set_index("opaque")["part"]


def test_numbers_times_and_order_of_files_do_not_tell_where_pictures_came_from(
    tmp_path: Path,
) -> None:
    spec = picture_folder(tmp_path / "data")
    stored = sorted((tmp_path / "data").glob("*/*.png"))
    for second, file in enumerate(stored):
        os.utime(file, (second, second))
    made: list[str] = []

    def put(source: Path, target: Path) -> None:
        made.append(target.name)
        copy_timeless(source, target)

    prepared = prepare(spec, raw(tmp_path / "data"), Home(tmp_path / "home"), put)
    pictures = list((prepared.input / "media").iterdir())
    assert len({file.stat().st_mtime_ns for file in pictures}) == 1
    assert not {file.stat().st_ino for file in pictures} & {file.stat().st_ino for file in stored}
    ranks = np.argsort(np.argsort(made))  # of the opaque names; several threads disturb the order a little
    assert np.abs(ranks - np.arange(len(made))).max() <= 2 * THREADS
    parts = _parts(prepared)
    is_test = [parts[name.removesuffix(".png")] == "test" for name in made]
    assert any(is_test[: len(made) // 4])
    assert not all(is_test[: len(made) // 4])


def test_pictures_are_linked_with_a_warning_if_the_disk_has_no_room_for_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = picture_folder(tmp_path / "data")
    full = SimpleNamespace(total=9, used=8, free=1)
    monkeypatch.setattr(media_place.shutil, "disk_usage", lambda place: full)
    prepared = prepare_folder(spec, tmp_path / "data")
    picture = next((prepared.input / "media").iterdir())
    assert picture.stat().st_nlink == 2
    (warning,) = [text for text in prepared.warnings if "linked" in text]
    assert "Free some space and run again" in warning
