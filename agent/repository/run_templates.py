"""The templates of a run: copied into its folder at the start, so that later changes never reach it."""

import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.core.errors import SetupError
from agent.core.files import staged_folder, translate_os_errors
from agent.core.paths import Home, templates_dir
from agent.repository.family import Family, known_families, load_families

FOLDER = "templates"
BUNDLED, OWN = "bundled", "own"
# Templates of the last version that kept no copy in the run's folder.
_BEFORE_COPIES = Path(__file__).with_name("templates_before_copies.zip")
_NO_TEMPLATES = (".git", "__pycache__")
_MAX_FILES = 2000  # of one family, or of one folder of partials
_MAX_BYTES = 10_000_000  # of one template; a larger file is data


@dataclass(frozen=True)
class Templates:
    """The templates that repositories are rendered with."""

    bundled: Path
    """Folder of the shared partials, the frame of written modules and the ensemble."""
    families: Mapping[str, Family]


def copy_templates(run_folder: Path, home: Home) -> Templates:
    """Copy the current templates into the folder of a new run, and return the copies.

    Raises:
        SetupError: a family is invalid or cannot be read, or its folder holds thousands of files.
    """
    with translate_os_errors("Copying the templates"), staged_folder(run_folder / FOLDER) as folder:
        shutil.copytree(templates_dir(), folder / BUNDLED)
        _copy_own(folder, home)
    return templates_of(run_folder, home, copied=True)


def templates_of(run_folder: Path, home: Home, copied: bool) -> Templates:
    """Return the templates that a recorded run was rendered with.

    A run that was recorded before templates were copied gets the bundled templates of that time, and the
    families that are outside the bundled ones now.

    Args:
        run_folder: The folder of the run.
        home: The folder with the user's own families.
        copied: Whether the run copied its templates when it started, as its record says.

    Raises:
        SetupError: The copy is gone.
    """
    folder = run_folder / FOLDER
    if copied and not (folder / BUNDLED).is_dir():
        raise SetupError(
            f"{folder}: the run's copy of its templates is gone, so its repositories cannot be rendered; "
            "restore the folder from a backup, or start a new run."
        )
    if not folder.is_dir():
        with (
            translate_os_errors("Copying the templates"),
            staged_folder(folder) as staged,
            zipfile.ZipFile(_BEFORE_COPIES) as archive,
        ):
            archive.extractall(staged / BUNDLED)
            _copy_own(staged, home)
    bundled = folder / BUNDLED
    return Templates(bundled, load_families(bundled, folder / OWN, bundled=bundled))


def _copy_own(folder: Path, home: Home) -> None:
    """Copy the families of the user and of packages, and the partials that the user's families share."""
    bundled = templates_dir().resolve()
    for family in known_families(home).values():
        if family.folder.resolve().parent != bundled:
            _copy_folder(family.folder, folder / OWN / family.id)
    if home.families.is_dir() and home.families.resolve() != bundled:
        for partials in home.families.iterdir():
            is_folder = partials.is_dir() and partials.name not in _NO_TEMPLATES
            if is_folder and not (partials / "family.yaml").is_file():
                _copy_folder(partials, folder / OWN / partials.name)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy the files that templates may be read from; a copy never depends on a link of the user."""
    target.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(_template_files(source, frozenset())):
        if number == _MAX_FILES:
            raise SetupError(
                f"{source}: the folder has more than {_MAX_FILES} files, and every run copies it; "
                "move away what is no template."
            )
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _template_files(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Yield the regular files below a folder, also those behind links; a link that leads nowhere is left out.

    Args:
        folder: the folder.
        above: the folders that lead to it, without links. A link to one of them would never end.
    """
    place = folder.resolve()
    if place in above:
        return
    for entry in sorted(folder.iterdir()):
        if entry.name in _NO_TEMPLATES:
            continue
        if entry.is_dir():
            yield from _template_files(entry, above | {place})
        elif entry.is_file() and entry.stat().st_size <= _MAX_BYTES:
            yield entry
