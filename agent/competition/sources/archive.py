"""Safe unpacking of untrusted zip files.

MARS rejects archives with links, with entries outside the target folder, and archives that are too large.
"""

import shutil
import stat
import zipfile
from pathlib import Path

from agent.core.errors import SetupError
from agent.core.files import is_contained

_MAX_BYTES = 500 * 2**30
_MAX_FILES = 5_000_000


def unpack(source: Path, target: Path) -> Path:
    """Return the folder with the files of `source`.

    A folder is returned unchanged. A zip file is unpack into `target`, and so are the zip files directly
    in it, since Kaggle nests them.

    Raises:
        SetupError: `source` is neither a folder nor a zip file, or the zip file is unsafe, damaged, encrypted
            or too large.
    """
    if source.is_dir():
        return source
    if not source.is_file() or not zipfile.is_zipfile(source):
        raise SetupError(f"{source}: the path is neither a folder nor a zip file.")
    _extract(source, target)
    for inner in sorted(target.glob("*.zip")):
        _unpack_inner(inner)
    return target


def _unpack_inner(inner: Path) -> None:
    """Replace `train.zip` or `train.csv.zip` by `train/` or `train.csv`, unless that name exists already."""
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
    """Unpack a zip file; raise SetupError before the first write if an entry is unsafe."""
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            for entry in entries:
                _check_entry(entry, source)
            _check_size(entries, source, target)
            for entry in entries:  # zipfile stops at the declared size and checks the CRC
                archive.extract(entry, target)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise SetupError(f"{source}: the zip file is damaged or of an unsupported kind ({error}).") from error


def _check_entry(entry: zipfile.ZipInfo, source: Path) -> None:
    # Check the stored name: zipfile has already cut `filename` at a zero byte.
    mode = entry.external_attr >> 16
    unsafe = not is_contained(entry.orig_filename) or (
        mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)
    )
    if unsafe:
        raise SetupError(f"{source}: the entry {entry.orig_filename!r} is a link or leaves the folder.")
    if entry.flag_bits & 0x1:
        raise SetupError(f"{source}: the zip file is encrypted; unpack it and give the folder.")


def _check_size(entries: list[zipfile.ZipInfo], source: Path, target: Path) -> None:
    size, free = sum(entry.file_size for entry in entries), shutil.disk_usage(target).free
    if size > _MAX_BYTES or len(entries) > _MAX_FILES:
        raise SetupError(
            f"{source}: the zip file holds {len(entries)} files of {size / 2**30:.1f} GiB; at most "
            f"{_MAX_FILES} files of {_MAX_BYTES / 2**30:.0f} GiB are allowed."
        )
    if size > free:
        raise SetupError(
            f"{source}: unpacking needs {size / 2**30:.1f} GiB, but {free / 2**30:.1f} GiB are free."
        )
