"""Writes docs/reference/command-line.md from the code: python docs/make_reference.py."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

PAGE = Path(__file__).parent / "reference" / "command-line.md"
HEAD = """# Command line

`python docs/make_reference.py` makes this page from the code. Every command has `--help`.
"""
EXIT_CODES = """## Exit codes

| code | meaning |
| --- | --- |
| 0 | success; a run has a valid solution, a replay is equal to the record |
| 1 | a run without a valid solution, a replay that differs, a failure of the machine |
| 2 | the command or the set-up is wrong; one sentence says what to do |
| 130 | interrupted; the state is saved |
"""


def command_line() -> Any:
    """Return the command `mars` with all its subcommands."""
    import typer

    from agent.cli.commands import app

    return typer.main.get_command(app)


def commands(command: Any, path: str = "mars") -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its name from `mars` on."""
    import typer

    # A lazy group lists placeholders; resolving a name gives the command itself.
    names = command.list_commands(typer.Context(command)) if hasattr(command, "list_commands") else []
    for name in names:
        _, found, _ = command.resolve_command(typer.Context(command), [name])
        yield from commands(found, f"{path} {name}")
    if not names:
        yield path, command


def page() -> str:
    """Return the text of the page."""
    found = list(commands(command_line()))
    links = [f"- [`{path}`](#{path.replace(' ', '-')}): {_summary(command)}" for path, command in found]
    return "\n".join([HEAD, *links, "", *(_section(path, command) for path, command in found), EXIT_CODES])


def _section(path: str, command: Any) -> str:
    import typer

    parameters = [one for one in command.get_params(typer.Context(command)) if one.name != "help"]
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    options = [one for one in parameters if one.param_type_name == "option"]
    usage = " ".join([path, *(_usage(one) for one in arguments), *(["[OPTIONS]"] if options else [])])
    lines = [f"## {path}", "", " ".join((command.help or "").split()), "", "```text", usage, "```", ""]
    for kind, group in (("argument", arguments), ("option", options)):
        if group:
            lines += [f"| {kind} | meaning |", "| --- | --- |"]
            lines += [f"| {_name(one)} | {_meaning(one)} |" for one in group]
            lines.append("")
    return "\n".join(lines)


def _usage(argument: Any) -> str:
    name = str(argument.metavar or argument.name.upper())
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    values = parameter.metavar or _values(parameter.type_descriptor.annotation)
    return f"{names} `{values}`".replace("|", "\\|") if values else names


def _values(annotation: Any) -> str:
    """Return the placeholder of an option's value; empty for a switch."""
    words = {bool: "", int: "INTEGER", float: "NUMBER", Path: "PATH"}
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    inner = [one for one in get_args(annotation) if one is not type(None)]  # of `X | None`
    return _values(inner[0]) if inner else words.get(annotation, "TEXT")


def _meaning(parameter: Any) -> str:
    text = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
    if parameter.param_type_name == "argument":
        return text
    if parameter.required:
        return f"{text} Required."
    if parameter.default is None or parameter.default is False or parameter.default in ("", (), []):
        return text
    return f"{text} Default: `{parameter.default}`."


def _summary(command: Any) -> str:
    """Return the first sentence of a command's description."""
    return " ".join((command.help or "").split()).split(". ")[0].rstrip(".")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
