"""Lazy registries: a name stands for a dotted path, which is imported when the name is used.

Installed packages add names of their own by entry points, for example in their pyproject.toml:

    [project.entry-points."mars.metrics"]
    pinball = "mars_pinball:PINBALL"
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Generic, TypeVar, cast

from agent.core.errors import SetupError

Entry = TypeVar("Entry")

BUILT_IN = "mars-search"


@dataclass(frozen=True)
class Source:
    """The package that adds a name, and the dotted path that the name stands for."""

    package: str
    path: str  # package.module:attribute


@dataclass(frozen=True)
class Registry(Generic[Entry]):
    """Names of one kind of part, for example the planners. Nothing is imported before a name is loaded."""

    group: str  # the entry-point group, `mars.` and the plural of the kind: "mars.planners"
    builtin: Mapping[str, str]  # name -> "package.module:attribute"
    missing: Callable[[object], str] = lambda found: ""
    """Returns what a package's part must be and is not, e.g. "a function"; "" for a part that can be used."""

    @property
    def kind(self) -> str:
        """The kind in the singular, for messages: "planner"."""
        plural = self.group.rpartition(".")[2]
        return f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s")

    def names(self) -> list[str]:
        """Return the known names: the built-in names in their order, then those of packages, sorted."""
        return [*self.builtin, *sorted(name for name in self._installed() if name not in self.builtin)]

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self._installed()

    def source(self, name: str) -> Source:
        """Return the package and the dotted path of a name, without an import.

        Raises:
            SetupError: the name is unknown, or two packages add it.
        """
        found = list(self._installed().get(name, ()))
        if name in self.builtin:
            found.insert(0, Source(BUILT_IN, self.builtin[name]))
        if not found:
            choices = ", ".join(nearest_first(name, self.names()))
            raise SetupError(f"Unknown {self.kind} '{name}'; choose one of: {choices}.")
        if len(found) > 1:
            packages = " and ".join(source.package for source in found)
            raise SetupError(
                f"{packages} each add a {self.kind} called '{name}'; uninstall one of these packages."
            )
        return found[0]

    def load(self, name: str) -> Entry:
        """Import and return the part that a name stands for.

        Raises:
            SetupError: the name is unknown, two packages add it, the module lacks the attribute, the module
                of an installed package cannot be imported, or its part is of the wrong kind.
            ImportError: a package that a built-in module imports is absent.
        """
        source = self.source(name)
        module_name, _, attribute = source.path.partition(":")
        found: object = self._import(name, source, module_name)
        for part in attribute.split(".") if attribute else ():
            if not hasattr(found, part):
                raise SetupError(
                    f"The {self.kind} '{name}' of the package {source.package} names {source.path}, "
                    f"but {module_name} has no attribute '{attribute}'; correct the entry point."
                )
            found = getattr(found, part)
        if source.package != BUILT_IN and (wanted := self.missing(found)):
            raise SetupError(
                f"The {self.kind} '{name}' of the package {source.package} names {source.path}, which is "
                f"{_kind_of(found)} and not {wanted}; correct the entry point."
            )
        return cast(Entry, found)

    def _import(self, name: str, source: Source, module: str) -> ModuleType:
        if source.package == BUILT_IN:
            return import_module(module)
        try:
            return import_module(module)
        except (Exception, SystemExit) as error:  # foreign code
            raise SetupError(
                f"The {self.kind} '{name}' of the package {source.package} cannot be imported "
                f"({type(error).__name__}: {error}); repair or uninstall {source.package}."
            ) from error

    def _installed(self) -> Mapping[str, tuple[Source, ...]]:
        return _entry_points(self.group, tuple(sys.path))


@lru_cache
def _entry_points(group: str, paths: tuple[str, ...]) -> Mapping[str, tuple[Source, ...]]:
    """Return the installed packages' entries by name; `paths` only makes the cache follow sys.path."""
    from importlib.metadata import entry_points  # slow to import, and most commands load no part

    found: dict[str, tuple[Source, ...]] = {}
    for entry in entry_points(group=group):
        package = entry.dist.name if entry.dist is not None else entry.module
        found[entry.name] = (*found.get(entry.name, ()), Source(package, entry.value))
    return found


def _kind_of(found: object) -> str:
    if isinstance(found, type):
        return f"the class {found.__name__}"
    name = type(found).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def nearest_first(name: str, choices: list[str]) -> list[str]:
    """Return the choices, the most similar to a mistyped name first."""
    return sorted(choices, key=lambda choice: -SequenceMatcher(None, name.lower(), choice.lower()).ratio())
