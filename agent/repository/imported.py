"""Imports a user's repository as the first node of a run (`mars run --from DIR`)."""

import json
from pathlib import Path

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
from agent.repository.checks import check_repository
from agent.repository.family import Family
from agent.repository.idea import Blueprint, Idea, placeholder_idea
from agent.repository.lineage import Lineage, MergeResult
from agent.repository.rendering import idea_json

# Files that a run links or writes, or that `mars export` adds; they are not part of a solution. The row ids
# of an export would reveal to a candidate which of the rows to predict are audit rows.
_NOT_CODE = frozenset(
    {INPUT_FOLDER, METADATA_FOLDER, WORKING_FOLDER, SUBMISSION_FOLDER, WEIGHTS_FOLDER, "__pycache__"}
    | {"constraints.txt", "finish.py", "ids.csv", "requirements.lock"}
)
_MAX_FILES = 500
_MAX_BYTES = 1_000_000  # of one file


def import_repository(folder: Path, families: dict[str, Family]) -> tuple[dict[str, str], Idea]:
    """Return the files (text by path) and the idea of a repository that meets the contract.

    Links, hidden files and folders that a run writes are left out. A repository made by MARS names its
    blueprint in `idea.json`, so that moves can start from it. Other repositories have no blueprint.

    Raises:
        SetupError: Names the folder or file and the requirement that it does not meet.
    """
    if not folder.is_dir():
        raise SetupError(f"--from {folder}: this is not a folder; give the folder of a repository.")
    files = _texts(folder)
    idea = _idea(files.get(IDEA_FILE), families)
    files.setdefault(IDEA_FILE, idea_json(idea))
    if faults := check_repository(files):
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise SetupError(
            f"--from {folder}: the folder does not meet the repository contract: {' '.join(faults[:3])}{more}"
        )
    return files, idea


def _texts(folder: Path) -> dict[str, str]:
    files: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        left_out = any(part in _NOT_CODE or part.startswith(".") for part in name.parts)
        if left_out or path.is_symlink() or not path.is_file():
            continue
        if len(files) == _MAX_FILES:
            raise SetupError(
                f"--from {folder}: the folder has more than {_MAX_FILES} files; give a folder with code only."
            )
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise SetupError(f"--from {folder}: {name} is larger than 1 MB; a solution holds code only.")
            files[name.as_posix()] = path.read_bytes().decode()  # bytes, to keep line endings
        except UnicodeDecodeError as error:
            raise SetupError(
                f"--from {folder}: {name} is not UTF-8 text; a solution holds code only."
            ) from error
        except OSError as error:
            raise SetupError(f"--from {folder}: {name} cannot be read ({error.strerror}).") from error
    return files


def _idea(text: str | None, families: dict[str, Family]) -> Idea:
    """Return the idea of `idea.json`, without the blueprint if no installed family accepts it."""
    unknown = placeholder_idea("its code", "The imported repository", None)
    try:
        content = json.loads(text or "{}")
        content.pop("contract_version", None)
        found = Idea.model_validate(content)
    except (ValueError, TypeError, AttributeError, ValidationError):
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
