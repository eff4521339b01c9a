"""Zip files that someone else made: unpacked only if no entry leaves the folder, is a link or is a bomb."""

import shutil
import stat
import zipfile
from pathlib import Path

from agent.competition.files import is_contained
from agent.errors import SetupError

_ZIP_BYTES_AT_MOST = 500 * 2**30
_ZIP_FILES_AT_MOST = 5_000_000


def unpacked(source: Path, target: Path) -> Path:
    """The folder itself, or `target` with what the zip file and the zips in it hold (Kaggle nests them).

    Raises:
        SetupError: neither a folder nor a zip, or the zip is unsafe, damaged, encrypted or too large.
    """
    if source.is_dir():
        return source
    if not source.is_file() or not zipfile.is_zipfile(source):
        raise SetupError(f"{source}: is neither a folder nor a zip file.")
    _extract(source, target)
    for inner in sorted(target.glob("*.zip")):
        _unfold(inner)
    return target


def _unfold(inner: Path) -> None:
    """Puts `train/` or `train.csv` in the place of `train.zip` or `train.csv.zip`, unless it is there."""
    place = inner.with_suffix("")
    if place.exists() or not zipfile.is_zipfile(inner):
        return
    scratch = inner.with_name(f".{inner.name}")
    scratch.mkdir()
    _extract(inner, scratch)
    inner.unlink()
    wrapped = scratch / place.name
    if [entry.name for entry in scratch.iterdir()] == [place.name]:
        wrapped.rename(place)
        scratch.rmdir()
    else:
        scratch.rename(place)


def _extract(source: Path, target: Path) -> None:
    """Unpacks a zip file, or raises SetupError before anything is written if an entry is unsafe."""
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            for entry in entries:
                _check_entry(entry, source)
            _check_size(entries, source, target)
            for entry in entries:  # zipfile stops at the declared size and checks the CRC
                archive.extract(entry, target)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise SetupError(f"{source}: is damaged or of an unknown kind of zip ({error}).") from error


def _check_entry(entry: zipfile.ZipInfo, source: Path) -> None:
    # The file's own spelling: zipfile has already cut `filename` at a zero byte.
    mode = entry.external_attr >> 16
    unsafe = not is_contained(entry.orig_filename) or (
        mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)
    )
    if unsafe:
        raise SetupError(f"{source}: the entry {entry.orig_filename!r} is a link or leaves the folder.")
    if entry.flag_bits & 0x1:
        raise SetupError(f"{source}: is encrypted; unpack it and give the folder.")


def _check_size(entries: list[zipfile.ZipInfo], source: Path, target: Path) -> None:
    size, free = sum(entry.file_size for entry in entries), shutil.disk_usage(target).free
    if size > _ZIP_BYTES_AT_MOST or len(entries) > _ZIP_FILES_AT_MOST:
        raise SetupError(
            f"{source}: {len(entries)} files of {size / 2**30:.1f} GiB are more than a zip may hold."
        )
    if size > free:
        raise SetupError(f"{source}: needs {size / 2**30:.1f} GiB unpacked; {free / 2**30:.1f} GiB are free.")
