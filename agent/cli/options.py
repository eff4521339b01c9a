"""Makes command-line options from their declarations, and options that several commands share."""

import inspect
import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from agent.core.options import DeclaredOption, declared_options
from agent.engine.run_request import RunRequest

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object to stdout and everything else to stderr.")
]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, a part of the id, or `latest`.")]


def from_declaration(declaration: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one option per declared option of a dataclass.

    The command's first parameter receives the dataclass, made from the options. Its other parameters stay
    as they are.

    Args:
        declaration: a dataclass whose fields carry `agent.core.options.Option`.
    """
    options = declared_options(declaration)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

        def with_options(**given: Any) -> None:
            values = {one.field: _field_value(one, given.pop(one.field)) for one in options}
            command(declaration(**values), **given)

        parameters = [_parameter(one) for one in options]
        parameters += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
        with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {one.name: one.annotation for one in parameters}
        return with_options

    return decorate


def declared_option(declaration: type, field: str) -> Any:
    """Return the option that a field declares, for another command that shares the option."""
    return _typer_option(next(one for one in declared_options(declaration) if one.field == field))


def _parameter(declared: DeclaredOption) -> inspect.Parameter:
    value_type, default = declared.type, declared.default
    if _is_repeatable(declared):
        value_type, default = list[get_args(value_type)[0]] | None, None  # type: ignore[misc]
    if declared.option.word is not None:
        value_type = str  # the callback makes the number
    return inspect.Parameter(
        declared.field,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if declared.required else default,
        annotation=Annotated[value_type, _typer_option(declared)],
    )


def finite(value: float | None) -> float | None:
    """Return the value of an option; typer.BadParameter for a number that is not finite."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value


def _number_or(word: str) -> Callable[[str], str | int]:
    """Return a callback that accepts a whole number or the word."""

    def check(value: str) -> str | int:
        if value == word:
            return word
        try:
            return int(value)
        except ValueError:
            raise typer.BadParameter(f"'{value}' is neither a whole number nor `{word}`.") from None

    return check


def _typer_option(declared: DeclaredOption) -> Any:
    option = declared.option
    if option.word is not None:
        accepted = _number_or(option.word)
        return typer.Option(declared.name, metavar=option.metavar, callback=accepted, help=option.help)
    is_float = float in (declared.type, *get_args(declared.type))
    check = finite if is_float else None
    return typer.Option(
        declared.name,
        metavar=option.metavar,
        min=option.min,
        max=option.max,
        callback=check,
        help=option.help,
    )


def _field_value(declared: DeclaredOption, value: Any) -> Any:
    return tuple(value or ()) if _is_repeatable(declared) else value


def _is_repeatable(declared: DeclaredOption) -> bool:
    return get_origin(declared.type) is tuple


Data = Annotated[Literal["auto", "full", "sample"], declared_option(RunRequest, "data")]
