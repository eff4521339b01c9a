"""A repository that the user already has, as the first node of a run (`mars run --from DIR`)."""

import json
from pathlib import Path

from pydantic import ValidationError

from agent.errors import SetupError
from agent.repository.checks import check_repository
from agent.repository.family import Family
from agent.repository.idea import Blueprint, Idea, idea_told_by
from agent.repository.lineage import Lineage, Merged
from agent.repository.render import idea_json

# What a run links or writes and what `mars export` adds: no part of a solution. An export's row names would
# tell a candidate which of the rows to predict are audit rows.
_NOT_CODE = frozenset(
    {"input", "metadata", "working", "submission", "weights", "__pycache__"}
    | {"constraints.txt", "finish.py", "ids.csv"}
)
_MAX_FILES = 500
_MAX_BYTES = 1_000_000  # of one file


def read_repository(folder: Path, families: dict[str, Family]) -> tuple[dict[str, str], Idea]:
    """The files (text by path) and the idea of a repository that keeps the contract.

    Links, hidden files and the folders that a run writes are left out. A repository that MARS made names its
    blueprint in `idea.json`, so that moves can be made from it; any other one is taken as it is.

    Raises:
        SetupError: names the folder or file and what the contract asks of it.
    """
    if not folder.is_dir():
        raise SetupError(f"--from {folder}: is no folder.")
    files = _texts(folder)
    idea = _idea(files.get("idea.json"), families)
    files.setdefault("idea.json", idea_json(idea))
    if faults := check_repository(files):
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise SetupError(f"--from {folder}: keeps not the repository contract: {' '.join(faults[:3])}{more}")
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
                f"--from {folder}: holds more than {_MAX_FILES} files; give a folder with code only."
            )
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise SetupError(f"--from {folder}: {name} is larger than 1 MB; a solution holds code only.")
            files[name.as_posix()] = path.read_bytes().decode()  # as it is, line endings too
        except UnicodeDecodeError as error:
            raise SetupError(
                f"--from {folder}: {name} is no text in UTF-8; a solution holds code only."
            ) from error
        except OSError as error:
            raise SetupError(f"--from {folder}: {name} cannot be read ({error.strerror}).") from error
    return files


def _idea(text: str | None, families: dict[str, Family]) -> Idea:
    """What `idea.json` says, as far as it fits the families that are here."""
    unknown = idea_told_by("its code", "The repository that was given", None)
    try:
        content = json.loads(text or "{}")
        content.pop("contract_version", None)
        found = Idea.model_validate(content)
    except (ValueError, TypeError, AttributeError, ValidationError):
        return unknown
    blueprint = found.blueprint
    # What led to the code is part of it by now; nothing of that is to be done again.
    taken: dict[str, object] = {"moves": (), "changes": (), "edits": ()}
    if blueprint is None or blueprint.family not in families:
        return found.model_copy(update=taken | {"blueprint": None})
    try:
        slots = families[blueprint.family].fill(blueprint.slots, "idea.json")
    except SetupError:
        return found.model_copy(update=taken | {"blueprint": None})
    known = Blueprint(family=blueprint.family, slots=slots)
    return found.model_copy(update=taken | {"blueprint": known})


def merged(lineage: Lineage, base: dict[str, str], ours: str, theirs: dict[str, str]) -> Merged:
    """A child below edited code: the commit `ours` plus what `theirs` changed of `base`.

    `base` is what the parent's blueprint renders to, `theirs` what the child's does. What describes the
    child is the child's own; only code can conflict.
    """
    found = lineage.merge(base, ours, theirs)
    code = tuple(name for name in found.conflicts if name.endswith(".py"))
    return Merged(found.files | {"idea.json": theirs["idea.json"]}, code)
