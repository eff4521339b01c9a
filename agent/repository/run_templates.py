"""The templates of a run: copied into its folder at the start, so that later changes never reach it."""

import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.core.files import staged_folder
from agent.core.paths import Home, templates_dir
from agent.repository.family import Family, known_families, load_families

FOLDER = "templates"
BUNDLED, OWN = "bundled", "own"
# Templates of the last version that kept no copy in the run's folder.
_BEFORE_COPIES = Path(__file__).with_name("templates_before_copies.zip")


@dataclass(frozen=True)
class Templates:
    """The templates that repositories are rendered with."""

    bundled: Path
    """Folder of the shared partials, the frame of written modules and the ensemble."""
    families: Mapping[str, Family]


def current_templates(home: Home) -> Templates:
    """Return the templates of this version, of installed packages and of the user."""
    return Templates(templates_dir(), known_families(home))


def copy_templates(run_folder: Path, home: Home) -> Templates:
    """Copy the current templates into the folder of a new run, and return the copies."""
    with staged_folder(run_folder / FOLDER) as folder:
        shutil.copytree(templates_dir(), folder / BUNDLED)
        _copy_own(folder, home)
    return templates_of(run_folder, home)


def templates_of(run_folder: Path, home: Home) -> Templates:
    """Return the templates that a recorded run was rendered with.

    A run that was recorded before templates were copied gets the bundled templates of that time, and the
    families that are outside the bundled ones now.
    """
    folder = run_folder / FOLDER
    if not folder.is_dir():
        with staged_folder(folder) as staged, zipfile.ZipFile(_BEFORE_COPIES) as archive:
            archive.extractall(staged / BUNDLED)
            _copy_own(staged, home)
    bundled = folder / BUNDLED
    return Templates(bundled, load_families(bundled, folder / OWN, bundled=bundled))


def _copy_own(folder: Path, home: Home) -> None:
    """Copy the families of the user and of packages, and the partials that the user's families share."""
    bundled = templates_dir().resolve()
    for family in known_families(home).values():
        if family.folder.resolve().parent != bundled:
            shutil.copytree(family.folder, folder / OWN / family.id)
    if home.families.is_dir() and home.families.resolve() != bundled:
        for partials in home.families.iterdir():
            if partials.is_dir() and not (partials / "family.yaml").is_file():
                shutil.copytree(partials, folder / OWN / partials.name, dirs_exist_ok=True)
