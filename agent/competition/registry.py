"""Lookup of competitions by path or name."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from agent.competition.reading.table_names import is_table_name
from agent.competition.spec import CompetitionSpec, load_spec
from agent.core import paths
from agent.core.errors import SetupError
from agent.core.files import resolve_inside, resolve_table

SPEC_FILE = "competition.yaml"


@dataclass(frozen=True)
class Competition:
    """A specification and the folder that its paths are relative to."""

    spec: CompetitionSpec
    folder: Path


def find_competition(name_or_path: str, home: paths.Home | None = None) -> Competition:
    """Find a competition by a folder with competition.yaml, by that file, or by the name of a benchmark.

    Raises:
        SetupError: the competition is unknown (the message lists similar names), or the specification is
            invalid.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        _refuse_table(path)
        return _load(path)
    if (path / SPEC_FILE).is_file():
        return _load(path / SPEC_FILE)
    # A plain name may be a benchmark, even if a folder of that name without competition.yaml exists here.
    if any(parent.is_file() for parent in path.parents):  # train.csv/
        raise SetupError(f"{path}: the path leads through a file; give the folder that holds the tables.")
    if len(path.parts) > 1 or path.is_absolute() or path.suffix in {".yaml", ".yml"}:
        if path.is_dir():
            raise SetupError(f"{path}: the folder holds no {SPEC_FILE}; `mars init {path}` drafts one.")
        raise SetupError(f"{path}: no such file or folder.")
    known = _spec_files(home)
    if name_or_path in known:
        return _load(known[name_or_path])
    raise SetupError(_unknown_message(name_or_path, sorted(known), path.is_dir()))


def _refuse_table(file: Path) -> None:
    """Raise SetupError for a table in place of the folder."""
    if is_table_name(file.name):
        folder = file.parent
        action = "give" if (folder / SPEC_FILE).is_file() else "run `mars init` with"
        raise SetupError(f"{file}: the path is a table, not a competition; {action} its folder: {folder}.")


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
    for table in (spec.train, spec.test, spec.sample_submission, spec.label_table, spec.train_labels):
        if table is not None:
            resolve_table(folder, table)
    for script in (spec.data_script, spec.sample_script):
        if script is not None:
            resolve_inside(folder, script)
    return Competition(spec, folder)


def _unknown_message(name: str, known: list[str], is_folder: bool) -> str:
    if is_folder:
        return f"{name}: the folder holds no {SPEC_FILE}; `mars init {name}` drafts one."
    similar = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    suggestion = f"did you mean {' or '.join(similar)}? " if similar else ""
    names = ", ".join(known) or "none"
    return f"There is no competition '{name}'; {suggestion}Known: {names}; or give a folder."
