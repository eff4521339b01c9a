"""Where a competition's raw data is: the user's, the prepared copy, made by a script, or a sample."""

import hashlib
import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.competition.files import aside, inside, is_contained, link_or_copy, machine_errors
from agent.competition.prepared import DataKind
from agent.competition.registry import Competition
from agent.competition.spec import CompetitionSpec
from agent.errors import SetupError
from agent.held import temporary_folder
from agent.paths import Home

DataChoice = Literal["auto", "full", "sample"]

RunScript = Callable[[Path, list[str], list[Path], Path], None]
"""Runs (script, arguments, readable folders, writable folder); raises SetupError when the script fails."""

_MARKER = ".mars-data.json"
_ZIP_BYTES_AT_MOST = 500 * 2**30
_ZIP_FILES_AT_MOST = 5_000_000


@dataclass(frozen=True)
class RawData:
    """A folder with the tables that the specification names, and media."""

    folder: Path
    kind: DataKind
    sentence: str
    """First line of a run: which data it is."""


def locate_data(
    competition: Competition, home: Home, choice: DataChoice, run_script: RunScript, seed: int = 0
) -> RawData:
    """Finds or makes the raw data; `seed` goes to the script that makes it.

    Raises:
        SetupError: the chosen data is not there (with how to get it), or a script failed.
        InfrastructureError: the disk is full.
    """
    spec = competition.spec
    with machine_errors(f"Looking for the data of {spec.id}"):
        full = None if choice == "sample" else _full(competition, home.data, run_script, seed)
        if full is not None:
            return full
        if choice != "full" and spec.sample_script is not None:
            target = home.data / spec.id / _seeded("sample", seed)
            _make(competition, spec.sample_script, target, run_script, seed)
            sentence = f"Data: the competition's sample (generated), not the real data of {spec.title}."
            return RawData(target, "sample", sentence)
    if choice == "sample":
        raise SetupError(f"{spec.id} has no sample; run with --data full.")
    raise SetupError(
        f"{spec.id}: the full data is not here; get it by `mars prepare {spec.id} --from DIR|ZIP`."
    )


def import_data(competition: Competition, source: Path, home: Home) -> RawData:
    """Takes over a folder or zip that the user has, as `home.data/<id>/full` (hard links where possible).

    Raises:
        SetupError: tables are missing (each is named), or the zip is unsafe, damaged or too large.
        InfrastructureError: the disk is full.
    """
    spec = competition.spec
    target = home.data / spec.id / "full"
    if target.resolve().is_relative_to(source.resolve()):
        raise SetupError(f"{source}: holds {target}, where the data would go; give another folder.")
    with machine_errors(f"Taking over {source}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(".unpacked-", target.parent) as unpacked:
            root = _data_root(spec, _unpacked(source, unpacked), source)
            with aside(target, replace=True) as folder:
                _copy_tree(root, folder)
                (folder / _MARKER).write_text(json.dumps({"origin": "imported"}), encoding="utf-8")
    return RawData(target, "full", f"Data: the full data of {spec.title}, prepared in {target}.")


def _full(competition: Competition, data: Path, run_script: RunScript, seed: int) -> RawData | None:
    spec = competition.spec
    if inside(competition.folder, spec.train).is_file():
        return RawData(
            competition.folder, "full", f"Data: the full data of {spec.title} in {competition.folder}."
        )
    target = data / spec.id / "full"
    if spec.data_script is not None and _marker(target).get("origin") != "imported":
        target = data / spec.id / _seeded("full", seed)
        _make(competition, spec.data_script, target, run_script, seed)
        return RawData(target, "full", f"Data: the full data of {spec.title}, made by {spec.data_script}.")
    if (target / spec.train).is_file():
        return RawData(target, "full", f"Data: the full data of {spec.title}, prepared in {target}.")
    return None


def _seeded(name: str, seed: int) -> str:
    return name if seed == 0 else f"{name}-{seed}"


def _make(competition: Competition, script: str, target: Path, run_script: RunScript, seed: int) -> None:
    """Lets a script of the competition make `target`, again only when its code has changed."""
    marker = {"origin": "generated", "seed": seed, "code": _code_hash(competition.folder)}
    if _marker(target) == marker:
        return
    file = inside(competition.folder, script)
    if not file.is_file():
        raise SetupError(f"{file}: is missing.")
    with aside(target, replace=target.exists()) as folder:
        run_script(file, [str(folder), "--seed", str(seed)], [competition.folder], folder)
        missing = _missing_tables(competition.spec, folder)
        if missing:
            raise SetupError(f"{file}: has made no {', '.join(missing)}.")
        (folder / _MARKER).write_text(json.dumps(marker), encoding="utf-8")


def _marker(folder: Path) -> dict[str, object]:
    try:
        content: dict[str, object] = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content


def _code_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _missing_tables(spec: CompetitionSpec, folder: Path) -> list[str]:
    tables = (spec.train, spec.test, spec.sample_submission, spec.label_table)
    return [name for name in tables if name is not None and not inside(folder, name).is_file()]


def _data_root(spec: CompetitionSpec, folder: Path, source: Path) -> Path:
    """`folder`, or the one folder in it that holds the tables (archives often wrap everything in one)."""
    candidates = [folder, *(entry for entry in sorted(folder.iterdir()) if entry.is_dir())]
    for candidate in candidates:
        if not _missing_tables(spec, candidate):
            return candidate
    raise SetupError(
        f"{source}: these tables of {spec.id} are missing: {', '.join(_missing_tables(spec, folder))}."
    )


def _copy_tree(source: Path, target: Path) -> None:
    for entry in sorted(source.iterdir()):
        if entry.is_symlink():
            raise SetupError(f"{entry}: is a link; put the file or folder itself there.")
        if entry.is_dir():
            (target / entry.name).mkdir()
            _copy_tree(entry, target / entry.name)
        elif entry.is_file():
            link_or_copy(entry, target / entry.name)


def _unpacked(source: Path, target: Path) -> Path:
    """The folder itself, or `target` with what the zip file holds."""
    if source.is_dir():
        return source
    if not source.is_file() or not zipfile.is_zipfile(source):
        raise SetupError(f"{source}: is neither a folder nor a zip file.")
    _extract(source, target)
    return target


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
