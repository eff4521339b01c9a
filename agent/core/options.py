"""Declarations of command-line options as annotations of dataclass fields."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Option:
    """Help text and bounds of an option. Type and default are those of the annotated field.

    Example: `minutes: Annotated[float, Option("Time budget, in minutes.", min=0.05)] = 10.0`.
    """

    help: str
    name: str | None = None
    """Name on the command line, for example `--set`. None means the field's name with dashes."""
    metavar: str | None = None
    """Placeholder of the value in help texts. None means the name of the type."""
    min: float | None = None
    """Smallest valid number."""
    max: float | None = None
    """Largest valid number."""
    word: str | None = None
    """A word that is valid instead of a whole number, for example `auto`."""


@dataclass(frozen=True)
class DeclaredOption:
    """An option with the field that declares it."""

    field: str
    type: Any
    required: bool
    default: Any
    option: Option

    @property
    def name(self) -> str:
        return self.option.name or f"--{self.field.replace('_', '-')}"


def declared_options(declaration: type) -> list[DeclaredOption]:
    """Return the options that a dataclass declares, in the order of its fields.

    Fields without an `Option` are not options. Fields of a base class come first.
    """
    hints = get_type_hints(declaration, include_extras=True)
    found = []
    for field in dataclasses.fields(declaration):
        hint = hints[field.name]
        if get_origin(hint) is not Annotated:
            continue
        value_type, *metadata = get_args(hint)
        for option in metadata:
            if isinstance(option, Option):
                required = field.default is dataclasses.MISSING
                found.append(DeclaredOption(field.name, value_type, required, field.default, option))
    return found
