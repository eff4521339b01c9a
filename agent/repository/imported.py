"""Imports a user's repository as the first node of a run (`mars run --from`)."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.core.contract import (
    IDEA_FILE,
    INPUT_FOLDER,
    METADATA_FOLDER,
    SUBMISSION_FOLDER,
    WEIGHTS_FOLDER,
    WORKING_FOLDER,
)
from agent.core.errors import SetupError
from agent.core.files import is_contained
from agent.repository.checks import check_repository
from agent.repository.family import Family
from agent.repository.git_source import GitSource, cloned_commit, parse_source
from agent.repository.idea import Blueprint, Idea, placeholder_idea
from agent.repository.lineage import Lineage, MergeResult
from agent.repository.rendering import idea_json

if TYPE_CHECKING:
    import git

# Files that a run links or writes, or that `mars export` adds; they are not part of a solution. The row ids
# of an export would reveal to a candidate which of the rows to predict are audit rows.
_NOT_CODE = frozenset(
    {INPUT_FOLDER, METADATA_FOLDER, WORKING_FOLDER, SUBMISSION_FOLDER, WEIGHTS_FOLDER, "__pycache__"}
    | {"constraints.txt", "finish.py", "ids.csv", "requirements.lock"}
)
_MAX_FILES = 500
_MAX_BYTES = 1_000_000  # of one file
_MAX_ENTRIES = 20_000  # of a git tree, which may name the same folder any number of times


@dataclass(frozen=True)
class ImportedCode:
    """Files (text by path) and idea of an imported repository, and the git revision that they come from."""

    files: dict[str, str]
    idea: Idea
    source: GitSource | None = None


@dataclass(frozen=True)
class _File:
    """One regular file of a source, before it is read."""

    name: PurePosixPath
    size: int  # bytes
    read: Callable[[], bytes]


def import_repository(
    source: str | Path, families: dict[str, Family], *, offline: bool = False
) -> ImportedCode:
    """Import a repository that meets the contract.

    Links, hidden files and folders that a run writes are left out. A repository made by MARS names its
    blueprint in `idea.json`, so that moves can start from it. Other repositories have no blueprint.

    Args:
        source: A folder, or PATH@REVISION or URL@REVISION of a git repository.
        families: The installed families, by name.
        offline: Refuse URLs of other machines.

    Raises:
        SetupError: Names the folder or file and the requirement that it does not meet.
    """
    place = parse_source(str(source))
    if isinstance(place, Path):
        files, origin = _texts(_folder_files(place), f"--from {place}"), None
    else:
        with cloned_commit(place, offline=offline) as commit:
            files = _texts(_committed_files(commit, f"--from {place}"), f"--from {place}")
            origin = GitSource(url=place.url, revision=place.revision, commit=commit.hexsha)
    idea = _idea(files.get(IDEA_FILE), families)
    files.setdefault(IDEA_FILE, idea_json(idea))
    if faults := check_repository(files):
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise SetupError(
            f"--from {place}: the code does not meet the repository contract: {' '.join(faults[:3])}{more}"
        )
    return ImportedCode(files, idea, origin)


def _folder_files(folder: Path) -> Iterator[_File]:
    try:
        paths = sorted(folder.rglob("*"))
    except RecursionError as error:
        raise SetupError(
            f"--from {folder}: its folders are nested too deep; give a folder with code only."
        ) from error
    for path in paths:
        name = path.relative_to(folder)
        if _is_code(name.parts) and not path.is_symlink() and path.is_file():
            yield _File(PurePosixPath(name.as_posix()), path.stat().st_size, path.read_bytes)


def _committed_files(commit: "git.Commit", where: str) -> Iterator[_File]:
    """Yield the regular files of a commit; links and submodules are left out."""
    import git

    for number, item in enumerate(_committed_items(commit, where)):
        if number == _MAX_ENTRIES:
            raise SetupError(f"{where}: the revision has more than {_MAX_ENTRIES} files and folders.")
        if isinstance(item, git.Blob) and item.mode != git.Blob.link_mode and _is_code(_parts(item)):
            yield _File(PurePosixPath(str(item.path)), item.size, partial(_read_blob, item))


def _committed_items(commit: "git.Commit", where: str) -> Iterator[object]:
    """Yield files, folders, links and submodules of a commit."""
    try:
        yield from commit.tree.traverse(prune=lambda item, _: not _is_code(_parts(item)))
    except ValueError as error:  # an entry called `..`, or a damaged tree
        raise SetupError(f"{where}: the revision has a damaged folder ({error}).") from error


def _read_blob(blob: "git.Blob") -> bytes:
    content: bytes = blob.data_stream.read()
    return content


def _parts(item: object) -> tuple[str, ...]:
    return PurePosixPath(str(getattr(item, "path", ""))).parts


def _is_code(parts: tuple[str, ...]) -> bool:
    """Whether a path may belong to a solution."""
    return not any(part in _NOT_CODE or part.startswith(".") for part in parts)


def _texts(found: Iterable[_File], where: str) -> dict[str, str]:
    files: dict[str, str] = {}
    for file in found:
        name = str(file.name)
        if len(files) == _MAX_FILES:
            raise SetupError(f"{where}: it has more than {_MAX_FILES} files; give a folder with code only.")
        if not is_contained(name):
            raise SetupError(f"{where}: {name!r} is not a name that a solution's file may have.")
        try:
            name.encode()
            if file.size > _MAX_BYTES:
                raise SetupError(f"{where}: {name} is larger than 1 MB; a solution holds code only.")
            files[name] = file.read().decode()  # bytes, to keep line endings
        except UnicodeDecodeError as error:
            raise SetupError(f"{where}: {name} is not UTF-8 text; a solution holds code only.") from error
        except UnicodeEncodeError as error:
            raise SetupError(f"{where}: the file name {name!r} is not UTF-8; rename the file.") from error
        except OSError as error:
            raise SetupError(f"{where}: {name} cannot be read ({error.strerror}).") from error
    return files


def _idea(text: str | None, families: dict[str, Family]) -> Idea:
    """Return the idea of `idea.json`, without the blueprint if no installed family accepts it."""
    unknown = placeholder_idea("its code", "The imported repository", None)
    try:
        content = json.loads(text or "{}")
        content.pop("contract_version", None)
        found = Idea.model_validate(content)
    except (ValueError, TypeError, AttributeError, ValidationError, RecursionError):
        return unknown
    blueprint = found.blueprint
    # The files contain the results of moves, changes and edits, so these must not be applied again.
    applied: dict[str, object] = {"moves": (), "changes": (), "edits": ()}
    if blueprint is None or blueprint.family not in families:
        return found.model_copy(update=applied | {"blueprint": None})
    try:
        slots = families[blueprint.family].fill(blueprint.slots, IDEA_FILE)
    except SetupError:
        return found.model_copy(update=applied | {"blueprint": None})
    known = Blueprint(family=blueprint.family, slots=slots)
    return found.model_copy(update=applied | {"blueprint": known})


def merge_into_edited(
    lineage: Lineage, base: dict[str, str], ours: str, theirs: dict[str, str]
) -> MergeResult:
    """Merge a child's rendered changes into its parent's edited code.

    Only code can conflict; `idea.json` is always the child's.

    Args:
        lineage: The run's repository.
        base: The rendering of the parent's blueprint.
        ours: The parent's commit.
        theirs: The rendering of the child's blueprint.
    """
    found = lineage.merge(base, ours, theirs)
    code = tuple(name for name in found.conflicts if name.endswith(".py"))
    return MergeResult(found.files | {IDEA_FILE: theirs[IDEA_FILE]}, code)
