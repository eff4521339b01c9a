"""`mars gc`: which files it removes, and which it must never touch."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from agent.core.database import open_database
from agent.core.files import staged_folder
from agent.core.locks import TEMPORARY_PREFIX, temporary_folder
from agent.core.paths import Home
from agent.engine.session import resume
from agent.record.gc import RemovableFile, collect_garbage
from agent.record.journal import Journal
from agent.record.opened_run import Run
from agent.record.run_lock import run_lock
from agent.reproduce.defaults import TOLERANCE
from agent.reproduce.execution import reexecute
from agent.reproduce.rendering import RenderingCheck
from tests.support.finished_runs import blending_home, search
from tests.support.scripted_run import SilentObserver

OUTPUTS = "nodes/00[0-9]/working/*_outputs.npz"


@pytest.fixture
def searched(tmp_path: Path) -> tuple[Home, Run]:
    home = blending_home(tmp_path / "home")
    return home, search(home)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Stand-in for /tmp, where files of other programs and live processes must stay."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    (folder / "mars-pictures").mkdir()
    return folder


def _clean(
    home: Home, temporary: Path, cache_bytes: int = 10**9, dry_run: bool = False
) -> list[RemovableFile]:
    return list(
        collect_garbage(home, open_database(home.database), cache_bytes, dry_run=dry_run, temporary=temporary)
    )


def _age(path: Path, seconds: float = 3600) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def _files(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.lstat().st_size for path in folder.rglob("*") if path.is_file()
    }


def test_a_finished_run_loses_its_raw_outputs_and_nothing_that_is_needed(
    searched: tuple[Home, Run], temporary: Path
) -> None:
    home, run = searched
    scratch = run.folder / "nodes" / "001" / ".mars" / "tmp" / "left"
    scratch.parent.mkdir(exist_ok=True)
    scratch.write_bytes(b"x" * 1000)
    (run.folder / "nodes" / "001-repeat1").mkdir()
    refitted = run.folder / "nodes" / "001-refit" / "submission" / "submission.csv"
    refitted.parent.mkdir(parents=True)  # a resumed run may still keep this submission
    refitted.write_text("id,label")
    left = [f"{name}.safetensors" for name in ("003/working/checkpoint/a", "003-attempt/checkpoint/b")]
    for name in left:
        (run.folder / "nodes" / name).parent.mkdir(parents=True)
        (run.folder / "nodes" / name).write_text("weights")
    before = _files(home.root)

    planned = _clean(home, temporary, dry_run=True)
    assert _files(home.root) == before, "a dry run changes nothing"
    done = _clean(home, temporary)
    assert [item.path for item in done] == [item.path for item in planned]
    gone = before.keys() - _files(home.root).keys()
    assert gone == {
        *(f"workspaces/{run.id}/nodes/{name}" for name in ("001/.mars/tmp/left", *left)),
        *(name for name in before if name.endswith("_outputs.npz")),
    }
    assert sum(item.size for item in done) > 1000
    assert not _clean(home, temporary), "nothing is left for a second time"

    assert {one.verdict for one in RenderingCheck(run, home).nodes()} == {"identical"}
    assert all(one.agrees for one in reexecute(run, home, TOLERANCE))
    more = resume(run.id, 2.0, home, lambda metric: SilentObserver())
    assert more.chosen is not None
    assert more.kept is not None


def test_an_active_run_is_not_touched(searched: tuple[Home, Run], temporary: Path) -> None:
    home, run = searched
    (run.folder / "cache" / "features.npy").write_bytes(b"x" * 1000)
    before = _files(home.root)
    with run_lock(run.folder):
        assert _clean(home, temporary, cache_bytes=0) == []
    assert before.items() <= _files(home.root).items()


def test_a_run_that_may_still_blend_keeps_its_outputs(searched: tuple[Home, Run], temporary: Path) -> None:
    home, run = searched
    engine = open_database(home.database)
    journal = Journal.create(engine, "toy-cut", "toy", run.journal.created_at)
    for event in run.journal.events()[:-1]:  # killed before its last event
        journal.append(event)
    run.folder.rename(home.workspaces / "toy-cut")
    kept = sorted((home.workspaces / "toy-cut").glob(OUTPUTS))
    checkpoint = home.workspaces / "toy-cut" / "nodes" / "003-attempt" / "checkpoint"
    checkpoint.mkdir(parents=True)
    _clean(home, temporary)
    assert kept
    assert sorted((home.workspaces / "toy-cut").glob(OUTPUTS)) == kept
    assert checkpoint.is_dir()


def test_the_least_recently_used_cache_goes_first(searched: tuple[Home, Run], temporary: Path) -> None:
    home, run = searched
    for age, name in ((300, "old"), (200, "newer"), (100, "newest")):
        file = run.folder / "cache" / f"{name}.npy"
        file.write_bytes(b"x" * 1000)
        _age(file, age)
    (run.folder / "cache" / ".4711-half.npy").write_bytes(b"half")
    removed = {item.path.name for item in _clean(home, temporary, cache_bytes=2000)}
    assert {"old.npy", ".4711-half.npy"} <= removed
    assert {path.name for path in (run.folder / "cache").iterdir()} == {"newer.npy", "newest.npy"}


def test_a_link_of_a_candidate_leads_nowhere(searched: tuple[Home, Run], temporary: Path) -> None:
    home, run = searched
    precious = temporary.parent / "precious"
    precious.mkdir()
    (precious / "val_outputs.npz").write_text("mine")
    working = run.folder / "nodes" / "001" / "working"
    working.rename(working.with_name("moved"))
    working.symlink_to(precious)
    _clean(home, temporary)
    assert (precious / "val_outputs.npz").read_text() == "mine"


def test_folders_of_killed_processes_are_removed_and_those_of_live_ones_stay(
    searched: tuple[Home, Run], temporary: Path
) -> None:
    home, _ = searched
    parent = home.prepared / "toy"
    dead = [
        Path(tempfile.mkdtemp(prefix=".full-0123456789ab-", dir=parent)),
        Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=temporary)),
        home.solutions / ".toy.4711.part",
    ]
    dead[-1].mkdir()
    young = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=temporary))
    foreign = [temporary / "mars-pictures", parent / ".hidden"]
    foreign[-1].mkdir()
    with (
        temporary_folder(TEMPORARY_PREFIX, temporary) as living,
        staged_folder(parent / "full-new") as filling,
    ):
        for path in (*dead, *foreign, living, filling):
            _age(path)
        removed = {item.path for item in _clean(home, temporary) if item.kind == "left by a killed process"}
        assert removed == set(dead)
        assert all(path.exists() for path in (young, living, filling, *foreign))


def test_the_only_whole_copy_of_a_solution_stays(searched: tuple[Home, Run], temporary: Path) -> None:
    home, _ = searched
    place = home.solutions / "toy"
    old, new = home.solutions / ".toy.4711.old", home.solutions / ".toy.4711.part"
    place.rename(old)  # killed here, between the two renames
    new.mkdir()
    for path in (old, new):
        _age(path)
    _clean(home, temporary)
    assert old.exists()
    assert new.exists()
    old.rename(place)
    _clean(home, temporary)
    assert not new.exists()


def test_scratch_that_a_candidate_nested_or_closed_is_removed(
    searched: tuple[Home, Run], temporary: Path
) -> None:
    home, run = searched
    scratch = run.nodes / "001" / ".mars" / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "file").write_bytes(bytes(1000))
    (scratch / "closed").mkdir(mode=0)
    descriptor = os.open(scratch, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deeper", dir_fd=descriptor)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    removed = list(
        collect_garbage(home, open_database(home.database), 2**30, dry_run=False, temporary=temporary)
    )
    assert [found.size for found in removed if found.path == scratch] == [1000]
    assert not scratch.exists()
