"""Former kept solutions of a competition: one archive each, beside the kept one.

`solutions/.history/<competition>/0003.zip` is the whole folder of solution number 3. An archive appears by
one rename, before its solution is replaced, so a kill at any moment loses no solution.
"""

import fcntl
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from agent.core.atomic_files import atomic_file
from agent.core.errors import SetupError
from agent.core.files import staged_folder, translate_os_errors
from agent.solution.card import CARD_FILE, Card, load_card

HISTORY = ".history"
_ARCHIVE = re.compile(r"(?P<number>\d{4,})\.zip")


@dataclass(frozen=True)
class Entry:
    """One solution that is or was the kept one of its competition."""

    number: int
    card: Card
    is_kept: bool
    archive: Path | None  # None: only the kept folder holds the solution


@contextmanager
def replacing(root: Path, competition: str) -> Iterator[None]:
    """Lock the competition's kept solution, so that one process at a time replaces it.

    A solution that a killed process had moved aside is moved back first.

    Args:
        root: the folder with one subfolder per competition.
        competition: id of the competition.
    """
    folder = root / HISTORY / competition
    with translate_os_errors(f"Locking {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        with translate_os_errors(f"Restoring {root / competition}"):
            aside = _moved_aside(root, competition)
            if aside is not None:
                aside.rename(root / competition)
        yield
    finally:
        os.close(descriptor)


def recover(root: Path, competition: str) -> None:
    """Move the kept solution back if a process was killed while it replaced the solution."""
    if _moved_aside(root, competition) is not None:
        with replacing(root, competition):
            pass


def _moved_aside(root: Path, competition: str) -> Path | None:
    """Return the only copy of the kept solution after a kill between two renames (see `staged_folder`)."""
    if (root / competition).exists():
        return None
    for aside in root.glob(f".{competition}-old-????????"):
        with suppress(SetupError):  # a damaged card
            card = load_card(aside)
            if card is not None and card.competition == competition:
                return aside
    return None


def entries(root: Path, competition: str) -> list[Entry]:
    """Return all solutions that were kept, by number; a number never changes.

    The kept solution of a competition without archives has number 1.

    Raises:
        SetupError: a card or an archive is damaged.
    """
    kept = load_card(root / competition)
    found = []
    for number, archive in _archives(root, competition):
        card = _archived_card(archive)
        found.append(Entry(number, card, kept is not None and _is_same(card, kept), archive))
    if kept is not None and not any(entry.is_kept for entry in found):
        found.append(Entry(found[-1].number + 1 if found else 1, kept, True, None))
    # The kept card may have leaderboard scores that its archive lacks.
    return [
        Entry(entry.number, kept, True, entry.archive) if entry.is_kept and kept is not None else entry
        for entry in found
    ]


def archive_kept(root: Path, competition: str) -> Entry | None:
    """Archive the kept solution, if there is one, and return it; call within `replacing`.

    Raises:
        SetupError: a card or an archive is damaged.
        InfrastructureError: the archive cannot be written.
    """
    kept = next((entry for entry in entries(root, competition) if entry.is_kept), None)
    if kept is None:
        return None
    folder, place = root / HISTORY / competition, root / competition
    for left in folder.glob(".*.part"):  # of killed processes: the lock excludes live ones
        left.unlink(missing_ok=True)
    with (
        atomic_file(folder / f"{kept.number:04d}.zip", "archive") as path,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for file in sorted(place.rglob("*")):
            if file.is_file() and not file.is_symlink():
                archive.write(file, file.relative_to(place))
    return kept


def restore(root: Path, competition: str, number: int) -> Card:
    """Make solution `number` the kept one again, atomically; the replaced one goes into the history.

    Returns:
        The card of the restored solution.

    Raises:
        SetupError: there is no such number, it is the kept one, or a sample would replace full data.
        InfrastructureError: the disk is full.
    """
    _restorable(entries(root, competition), competition, number)  # an unknown name leaves no folder behind
    with replacing(root, competition):
        wanted = _restorable(entries(root, competition), competition, number)
        assert wanted.archive is not None
        place = root / competition
        with translate_os_errors(f"Restoring {place}"), staged_folder(place, replace=True) as new:
            try:
                with zipfile.ZipFile(wanted.archive) as archive:
                    archive.extractall(new)
            except zipfile.BadZipFile as error:
                raise _damaged(wanted.archive) from error
            archive_kept(root, competition)
    return wanted.card


def _restorable(known: list[Entry], competition: str, number: int) -> Entry:
    """Return the entry to restore; SetupError if it may not replace the kept one."""
    wanted = next((entry for entry in known if entry.number == number), None)
    if wanted is None:
        numbers = ", ".join(str(entry.number) for entry in known) or "none"
        raise SetupError(
            f"--restore {number}: '{competition}' has no kept solution of this number; it has {numbers}."
        )
    if wanted.is_kept:
        raise SetupError(f"--restore {number}: this is the kept solution of {competition} already.")
    kept = next((entry for entry in known if entry.is_kept), None)
    if kept is not None and (wanted.card.data_kind, kept.card.data_kind) == ("sample", "full"):
        raise SetupError(
            f"--restore {number}: this solution was made on generated sample data and does not replace one "
            f"on full data; to look at it, unpack {wanted.archive}."
        )
    return wanted


def _archives(root: Path, competition: str) -> list[tuple[int, Path]]:
    found = [(_ARCHIVE.fullmatch(path.name), path) for path in (root / HISTORY / competition).glob("*.zip")]
    return sorted((int(match["number"]), path) for match, path in found if match is not None)


def _archived_card(archive: Path) -> Card:
    try:
        with zipfile.ZipFile(archive) as opened:
            return Card.model_validate_json(opened.read(CARD_FILE))
    except (OSError, KeyError, zipfile.BadZipFile, ValidationError) as error:
        raise _damaged(archive) from error


def _damaged(archive: Path) -> SetupError:
    return SetupError(f"{archive}: not a valid archive of a solution; move it away and run again.")


def _is_same(first: Card, second: Card) -> bool:
    """Whether two cards belong to one solution; reported leaderboard scores may differ."""
    return first.model_copy(update={"leaderboard": ()}) == second.model_copy(update={"leaderboard": ()})
