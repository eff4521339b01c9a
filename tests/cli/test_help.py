"""`--help` shows the complete help text of every option and argument."""

from collections.abc import Iterator

import pytest
import typer
from click import Command, Context
from typer.testing import CliRunner

from agent.cli.app import app
from tests.cli.commands import mars


def _commands(command: Command, *path: str) -> Iterator[tuple[tuple[str, ...], Command]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, *path, name)


WIDE = {"COLUMNS": "300"}
COMMANDS = dict(_commands(typer.main.get_command(app)))


def _words(page: str) -> str:
    """Return the page without frames and line ends, so that layout does not split a sentence."""
    return " ".join(page.replace("│", " ").split())


def test_the_options_of_a_run_say_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", WIDE["COLUMNS"])
    page = _words(mars("run", "--help").stdout)
    assert (
        "Time limit of one node, in minutes. Default: a sixth of --minutes, twice that near the end." in page
    )


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_help_text_loses_a_word_on_its_way_to_the_terminal(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    page = _words(CliRunner().invoke(app, [*path, "--help"], env=WIDE).output)
    assert _words(command.help or "") in page
    for parameter in command.get_params(Context(command)):
        assert _words(getattr(parameter, "help", None) or "") in page, parameter.name


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_argument_is_named_in_capitals_as_other_texts_name_it(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    arguments = [one for one in command.get_params(Context(command)) if one.param_type_name == "argument"]
    names = [str(one.metavar or one.name) for one in arguments]
    assert names == [name.upper() for name in names]
