"""Finds competitions by path or name."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from agent import paths
from agent.competition.files import inside
from agent.competition.spec import CompetitionSpec, load_spec
from agent.errors import SetupError

SPEC_FILE = "competition.yaml"


@dataclass(frozen=True)
class Competition:
    """A specification and the folder that its paths start from."""

    spec: CompetitionSpec
    folder: Path


def find_competition(name_or_path: str, home: paths.Home | None = None) -> Competition:
    """Resolves what a user typed: a folder with competition.yaml or that file, then a name of the benchmarks.

    Raises:
        SetupError: nothing of that name (the nearest are named), or a faulty specification.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return _load(path)
    if (path / SPEC_FILE).is_file():
        return _load(path / SPEC_FILE)
    # A plain name that is a folder here, but no competition, may still be the name of a benchmark.
    if len(path.parts) > 1 or path.is_absolute() or path.suffix in {".yaml", ".yml"}:
        if path.is_dir():
            raise SetupError(f"{path}: holds no {SPEC_FILE}; `mars init {path}` drafts one.")
        raise SetupError(f"{path}: no such file or folder.")
    known = _named(home)
    if name_or_path in known:
        return _load(known[name_or_path])
    raise SetupError(_unknown(name_or_path, sorted(known), path.is_dir()))


def list_competitions(home: paths.Home | None = None) -> list[Competition]:
    """All competitions that have a name, sorted by it; raises SetupError naming a faulty specification."""
    return [_load(file) for _, file in sorted(_named(home).items())]


def _named(home: paths.Home | None) -> dict[str, Path]:
    """Name to specification: the folders of the user's benchmarks, then of the bundled ones."""
    own = (home or paths.home()).root / "benchmarks"
    found: dict[str, Path] = {}
    for folder in (own, paths.benchmarks_dir()):
        for file in sorted(folder.glob(f"*/{SPEC_FILE}")):
            found.setdefault(file.parent.name, file)
    return found


def _load(file: Path) -> Competition:
    spec, folder = load_spec(file), file.parent.resolve()
    named = (
        spec.train,
        spec.test,
        spec.sample_submission,
        spec.label_table,
        spec.data_script,
        spec.sample_script,
    )
    for relative in named:
        if relative is not None:
            inside(folder, relative)
    return Competition(spec, folder)


def _unknown(name: str, known: list[str], is_folder: bool) -> str:
    if is_folder:
        return f"{name}: the folder holds no {SPEC_FILE}; `mars init {name}` drafts one."
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"There is no competition '{name}'; {meant}Known: {', '.join(known) or 'none'}; or give a folder."
