"""`--help` shows the complete help text of every option and argument."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from agent.cli.commands import COMMANDS, app
from tests.cli.commands import mars


def _commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        loaded = COMMANDS[name].load(name) if not path else below
        yield from _commands(loaded, *path, name)


WIDE = {"COLUMNS": "300"}
ALL_COMMANDS = dict(_commands(typer.main.get_command(app)))


def _words(page: str) -> str:
    """Return the page without frames and line ends, so that layout does not split a sentence."""
    return " ".join(page.replace("│", " ").split())


def _context(command: Any) -> Any:
    return command.make_context(command.name, [], resilient_parsing=True)


def test_all_commands_are_found() -> None:
    assert {("run",), ("tree",), ("lessons", "verify")} <= set(ALL_COMMANDS)


def test_the_options_of_a_run_say_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", WIDE["COLUMNS"])
    page = _words(mars("run", "--help").stdout)
    assert (
        "Time limit of one node, in minutes. "
        "Default: a share of the time left, larger for nodes that promise more." in page
    )


@pytest.mark.parametrize("path", ALL_COMMANDS, ids=" ".join)
def test_no_help_text_loses_a_word_on_its_way_to_the_terminal(path: tuple[str, ...]) -> None:
    command = ALL_COMMANDS[path]
    page = _words(CliRunner().invoke(app, [*path, "--help"], env=WIDE).output)
    assert _words(command.help or "") in page
    for parameter in command.get_params(_context(command)):
        assert _words(getattr(parameter, "help", None) or "") in page, parameter.name


@pytest.mark.parametrize("path", ALL_COMMANDS, ids=" ".join)
def test_every_argument_is_named_in_capitals_as_other_texts_name_it(path: tuple[str, ...]) -> None:
    command = ALL_COMMANDS[path]
    arguments = [one for one in command.get_params(_context(command)) if one.param_type_name == "argument"]
    names = [str(one.metavar or one.name) for one in arguments]
    assert names == [name.upper() for name in names]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_in_the_table_is_the_first_line_of_the_help(name: str) -> None:
    assert COMMANDS[name].summary == (COMMANDS[name].load(name).help or "").partition("\n")[0]


def test_a_misspelt_command_is_told_the_nearest_one() -> None:
    found = mars("tre", "latest", code=2)
    assert "Did you mean 'tree'" in _words(found.stderr)
