"""Garbage collection: removes files that no live run, resume, solution or record needs."""

import contextlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from agent.core.contract import (
    ATTEMPT_SUFFIX,
    CHECKPOINT_FOLDER,
    HARNESS_FOLDER,
    MEMBERS_FOLDER,
    WORKING_FOLDER,
)
from agent.core.errors import MarsError
from agent.core.locks import TEMPORARY_PREFIX, is_folder_locked
from agent.core.paths import Home
from agent.core.trees import remove_tree
from agent.record.events import Event, NodeProposed, RunStarted, has_ended
from agent.record.journal import Journal, list_runs
from agent.record.run_lock import try_run_lock

_OUTPUTS = (f"*/{WORKING_FOLDER}/*_outputs.npz", f"*/{MEMBERS_FOLDER}/*/{WORKING_FOLDER}/*_outputs.npz")
# Of nodes that were interrupted; only a run that goes on needs them.
_CHECKPOINTS = (f"*/{CHECKPOINT_FOLDER}", f"*{ATTEMPT_SUFFIX}")
_SCRATCH = (f"nodes/*/{HARNESS_FOLDER}/tmp", "nodes/*-repeat[0-9]*", ".again-*", "cache/.*")
# Names of folders that are being filled, and of the old folders that they replace.
_UNFINISHED = re.compile(r"\.(?P<name>.+?)(-(?P<old>old-)?[a-z0-9_]{8}|\.\d+\.(part|(?P<kept>old)))")
# A process creates its folder a moment before it locks the folder.
_MIN_AGE_S = 60.0


@dataclass(frozen=True)
class RemovableFile:
    """A removable file or folder."""

    path: Path
    kind: str
    size: int  # bytes freed by the removal


def collect_garbage(
    home: Home, engine: Engine, cache_bytes: int, *, dry_run: bool, temporary: Path | None = None
) -> Iterator[RemovableFile]:
    """Remove unneeded files and yield each one; `dry_run` only yields them.

    Args:
        home: the folder that holds everything MARS writes.
        engine: the database with the runs.
        cache_bytes: total size in bytes that the caches of idle runs may keep. The least recently used
            files go first.
        dry_run: list the files without removing them.
        temporary: the system's folder for temporary files.
    """
    counted: set[tuple[int, int]] = set()
    names = [row.id for row in list_runs(engine)]
    for name in names:
        with try_run_lock(home.workspaces / name) as free:
            if free:
                run = home.workspaces / name
                yield from _removed(run, _run_files(run, engine), counted, dry_run)
    yield from _shrunk_caches(home, names, cache_bytes, dry_run)
    yield from _removed(home.root, _unfinished_folders(home), counted, dry_run)
    temporary = temporary or Path(tempfile.gettempdir())
    yield from _removed(temporary, _abandoned_temporary(temporary), counted, dry_run)


def _run_files(run: Path, engine: Engine) -> Iterator[tuple[Path, str]]:
    for pattern in _SCRATCH:
        for path in run.glob(pattern):
            yield path, "scratch of a run"
    events = _recorded_events(run.name, engine)
    if has_ended(events):
        for pattern in _CHECKPOINTS:
            for path in (run / "nodes").glob(pattern):
                yield path, "checkpoint of a finished run"
    if _is_blended(events):
        for pattern in _OUTPUTS:
            for path in (run / "nodes").glob(pattern):
                yield path, "raw outputs of a finished run"


def _recorded_events(run: str, engine: Engine) -> list[Event]:
    """Return the events of a run; none if another version recorded it, so that its needs are unknown."""
    try:
        return Journal.open(engine, run).events()
    except (MarsError, ValueError):
        return []


def _is_blended(events: list[Event]) -> bool:
    """Whether no ensemble will read the run's raw outputs any more.

    True for an ended run that has its ensemble or that needs none.
    """
    if not has_ended(events) or not isinstance(events[0], RunStarted):
        return False
    ensembles = [item for item in events if isinstance(item, NodeProposed) and item.operator == "ensemble"]
    return bool(ensembles) or events[0].settings.blueprint is not None


def _shrunk_caches(home: Home, names: list[str], limit: int, dry_run: bool) -> Iterator[RemovableFile]:
    """Remove cache files beyond `limit` bytes; caches of live runs are neither counted nor touched."""
    found: list[tuple[float, int, Path, Path]] = []  # last use, size, file, owner
    live = False
    for name in names:
        with try_run_lock(home.workspaces / name) as free:
            live = live or not free
            if free:
                found += _cache_files(home.workspaces / name, "cache/**/[!.]*")
    if not live:  # any live run may read the shared cache
        found += _cache_files(home.cache, "**/[!.]*")
    excess = sum(size for _, size, _, _ in found) - limit
    for _, size, path, owner in sorted(found):
        if excess <= 0:
            return
        with try_run_lock(owner) if owner != home.cache else contextlib.nullcontext(True) as free:
            if free:
                if not dry_run:
                    path.unlink(missing_ok=True)
                yield RemovableFile(path, "least recently used cache", size)
        excess -= size


def _cache_files(owner: Path, pattern: str) -> Iterator[tuple[float, int, Path, Path]]:
    for path in owner.glob(pattern):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and _is_inside(owner, path):
            yield max(status.st_atime, status.st_mtime), status.st_size, path, owner


def _unfinished_folders(home: Home) -> Iterator[tuple[Path, str]]:
    """Yield half-filled folders that killed processes left beside their target."""
    runs = [path for path in home.workspaces.glob("[!_.]*") if path.is_dir()]
    for parent in (home.solutions, *home.data.glob("*"), *home.prepared.glob("*"), *runs):
        found = [(path, match) for path in parent.glob(".*") if (match := _UNFINISHED.fullmatch(path.name))]
        # A process killed between its two renames leaves the only complete copy under the old name.
        stranded = {match["name"] for _, match in found if match["old"] or match["kept"]}
        for path, match in found:
            whole = match["name"] not in stranded or (parent / match["name"]).exists()
            if whole and _is_abandoned(path):
                yield path, "left by a killed process"


def _abandoned_temporary(temporary: Path) -> Iterator[tuple[Path, str]]:
    for path in temporary.glob(f"{TEMPORARY_PREFIX}*"):
        if _is_abandoned(path):
            yield path, "left by a killed process"


def _is_abandoned(path: Path) -> bool:
    """Whether this user owns the folder, and no process has locked it or is about to."""
    try:
        status = path.lstat()
    except OSError:
        return False
    mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return mine and time.time() - status.st_mtime > _MIN_AGE_S and not is_folder_locked(path)


def _removed(
    below: Path, found: Iterator[tuple[Path, str]], counted: set[tuple[int, int]], dry_run: bool
) -> Iterator[RemovableFile]:
    for path, kind in found:
        if not _is_inside(below, path):
            continue
        size = _size(path, counted)
        if not dry_run:
            if path.is_dir():
                remove_tree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
            if path.exists():
                continue
        yield RemovableFile(path, kind, size)


def _is_inside(folder: Path, path: Path) -> bool:
    """Whether the path stays inside the folder when links are followed; candidates may create links."""
    return path.resolve() == folder.resolve() / path.relative_to(folder)


def _size(path: Path, counted: set[tuple[int, int]]) -> int:
    """Return the bytes below the path; a file with several hard links counts once."""
    total, pending = 0, [path]
    while pending:
        place = pending.pop()
        try:
            status = place.lstat()
            if stat.S_ISDIR(status.st_mode):
                pending += place.iterdir()
        except OSError:  # a candidate may have closed a folder, or nested folders beyond the longest path
            continue
        key = (status.st_dev, status.st_ino)
        if stat.S_ISREG(status.st_mode) and key not in counted:
            counted.add(key)
            total += status.st_size
    return total
