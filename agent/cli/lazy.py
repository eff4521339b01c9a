"""A command group that imports the module of a command only when the command is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class LazyCommand:
    """A command that is not imported yet."""

    place: str
    """`module:attribute` of its function, or of its `typer.Typer` if it has subcommands."""
    summary: str
    """First line of the docstring: help and completion show it without importing the module."""

    def load(self, name: str) -> Any:
        """Import the module and return the click command."""
        module, _, attribute = self.place.partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(name)(function)
        command = typer.main.get_command(found)
        command.name = name
        return command


class LazyGroup(TyperGroup):
    """A group whose listings show summaries; only the command that runs is imported.

    A subclass sets `table`.
    """

    table: ClassVar[Mapping[str, LazyCommand]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # Placeholders, for help, completion and suggestions.
        for name, command in self.table.items():
            self.add_command(TyperCommand(name, help=command.summary), name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Replace the placeholder of the command that runs by the command."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.table[name].load(name) if name and name in self.table else command, rest
