"""Lookup of competitions by path or name."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from agent.competition.spec import CompetitionSpec, load_spec
from agent.competition.target_views import target_views
from agent.core import paths
from agent.core.errors import SetupError
from agent.core.files import resolve_inside, resolve_table
from agent.core.format import as_argument

SPEC_FILE = "competition.yaml"
_YAML = (".yaml", ".yml")


@dataclass(frozen=True)
class Competition:
    """A specification and the folder that its paths are relative to."""

    spec: CompetitionSpec
    folder: Path


def find_competition(name_or_path: str, home: paths.Home | None = None) -> Competition:
    """Find a competition by a folder with competition.yaml, by that file, or by the name of a benchmark.

    Raises:
        SetupError: the competition is unknown (the message lists similar names), the path is that of a table,
            or the specification is invalid.
    """
    _require_readable_name(name_or_path)
    path = Path(name_or_path)
    if not path.exists():  # a folder here may be called ~, too
        path = path.expanduser()
    if path.is_file() and path.suffix.lower() not in _YAML:
        raise SetupError(_file_message(path))
    if path.is_file():
        return _load(path)
    if (path / SPEC_FILE).is_file():
        return _load(path / SPEC_FILE)
    # A plain name may be a benchmark, even if a folder of that name without competition.yaml exists here.
    if any(parent.is_file() for parent in path.parents):  # train.csv/
        raise SetupError(f"{path}: the path leads through a file; give the folder that holds the tables.")
    if len(path.parts) > 1 or path.is_absolute() or path.suffix in _YAML:
        if path.is_dir():
            raise SetupError(
                f"{path}: the folder holds no {SPEC_FILE}; `mars init {as_argument(path)}` drafts one."
            )
        raise SetupError(f"{path}: no such file or folder.")
    known = _spec_files(home)
    if name_or_path in known:
        return _load(known[name_or_path])
    raise SetupError(_unknown_message(name_or_path, sorted(known), path.is_dir()))


def list_competitions(home: paths.Home | None = None) -> list[Competition]:
    """Return all bundled and user benchmarks by name; raise SetupError for an invalid specification."""
    return [_load(file) for _, file in sorted(_spec_files(home).items())]


def _spec_files(home: paths.Home | None) -> dict[str, Path]:
    """Return the specification file of each name. Benchmarks of the user come before the bundled ones."""
    own = (home or paths.home()).root / "benchmarks"
    found: dict[str, Path] = {}
    for folder in (own, paths.benchmarks_dir()):
        for file in sorted(folder.glob(f"*/{SPEC_FILE}")):
            found.setdefault(file.parent.name, file)
    return found


def _load(file: Path) -> Competition:
    spec, folder = load_spec(file), file.parent.resolve()
    label_tables = [view.label_table for view in target_views(spec)]
    for table in (spec.train, spec.test, spec.sample_submission, spec.train_labels, *label_tables):
        if table is not None:
            resolve_table(folder, table)
    for script in (spec.data_script, spec.sample_script):
        if script is not None:
            resolve_inside(folder, script)
    return Competition(spec, folder)


def _file_message(path: Path) -> str:
    """Return the message for a file, such as a table, that is given instead of its folder."""
    folder = as_argument(path.parent)
    if (path.parent / SPEC_FILE).is_file():
        return f"{path}: is a file; give its folder: mars run --competition {folder}"
    return f"{path}: is a file; give its folder, after `mars init {folder}` has drafted its {SPEC_FILE}."


def _require_readable_name(name: str) -> None:
    """Raise SetupError for bytes that are no text, because the record could not name the folder."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        shown = name.encode("ascii", "backslashreplace").decode()
        raise SetupError(
            f"{shown}: the name of the folder is not valid text here; rename the folder, or set "
            "LC_ALL=C.UTF-8 if its name is in UTF-8."
        ) from error


def _unknown_message(name: str, known: list[str], is_folder: bool) -> str:
    if is_folder:
        return f"{name}: the folder holds no {SPEC_FILE}; `mars init {as_argument(name)}` drafts one."
    similar = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    suggestion = f"did you mean {' or '.join(similar)}? " if similar else ""
    names = ", ".join(known) or "none"
    return f"There is no competition '{name}'; {suggestion}Known: {names}; or give a folder."
