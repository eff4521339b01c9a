"""`requirements.lock`: the exact versions of the packages with which a solution was scored."""

import re
from collections.abc import Iterable, Mapping
from importlib import metadata

from agent.core import contract

LOCK_FILE = "requirements.lock"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def installed_packages() -> dict[str, str]:
    """Return the version of every installed distribution, by normalised name."""
    return {_normalised(found.name): found.version for found in metadata.distributions() if found.name}


def requirements_lock(files: Mapping[str, str], packages: Mapping[str, str]) -> str:
    """Return the lock file of a repository: names and versions only, so that any index can serve them.

    The lock holds the packages that the `requirements.txt` files name, and the packages that those depend on.

    Args:
        files: the repository's files (text by path).
        packages: versions by normalised name, as in the environment that scored the repository. Empty for a
            run that recorded none; the installed versions then take their place.
    """
    title = "# The versions of the packages with which this solution was scored.\n"
    if not packages:
        title = "# The versions that were installed when this file was written; the run recorded none.\n"
        packages = installed_packages()
    required = {
        _normalised(match.group())
        for name, text in files.items()
        if name.endswith(contract.REQUIREMENTS_FILE)
        for line in text.splitlines()
        if (match := _NAME.match(line))
    }
    return title + "".join(
        _line(name, packages[name]) for name in sorted(_with_dependencies(required, packages))
    )


def _line(name: str, version: str) -> str:
    # Package indices do not serve local versions such as 2.8.0+cpu.
    public, _, local = version.partition("+")
    return f"{name}=={public}" + (f"  # {version}" if local else "") + "\n"


def _with_dependencies(names: Iterable[str], packages: Mapping[str, str]) -> set[str]:
    """Return the named packages and all that they depend on, as far as they are among `packages`."""
    found: set[str] = set()
    open_names = [name for name in names if name in packages]
    while open_names:
        name = open_names.pop()
        if name not in found:
            found.add(name)
            open_names += [other for other in _dependencies(name) if other in packages]
    return found


def _dependencies(name: str) -> list[str]:
    """Return the names that an installed distribution depends on, without those of its extras."""
    try:
        requirements = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    # Other markers need no evaluation: a dependency for another platform is not among the packages.
    needed = [one for one in requirements if not re.search(r";.*\bextra\b", one)]
    return [_normalised(match.group()) for one in needed if (match := _NAME.match(one))]


def _normalised(name: str) -> str:
    """Return the name as the packaging standard (PEP 503) compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
