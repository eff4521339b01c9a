"""One field of a dataclass is one option of a command, with its type, default, bounds and help."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from agent.cli import options
from agent.core.options import Option, declared_options
from agent.engine.run_request import RunRequest


@dataclass(frozen=True)
class Extended(RunRequest):
    """The request of a run with one more option, and a field that is no option."""

    patience: Annotated[int, Option("Stop after this many nodes without a gain.", min=2)] = 20
    internal: int = 7


class Command:
    """A command over `Extended` that keeps its requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[Extended, bool]] = []
        app = typer.Typer(add_completion=False)

        @app.command()
        @options.from_declaration(Extended)
        def search(request: Extended, as_json: options.Json = False) -> None:
            """Search with the extended options."""
            self.requests.append((request, as_json))

        self.app = app

    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(self.app, arguments, env={"COLUMNS": "300"})


@pytest.fixture
def command() -> Command:
    return Command()


def test_a_new_field_is_in_the_help(command: Command) -> None:
    page = " ".join(command.run("--help").output.split())
    assert "Search with the extended options." in page
    (line,) = [line for line in command.run("--help").output.splitlines() if "--patience" in line]
    for text in ("x>=2", "Stop after this many nodes without a gain.", "20"):
        assert text in page
    assert "Stop after" in line
    assert "--internal" not in page


def test_a_new_field_reaches_the_request(command: Command) -> None:
    done = command.run("--competition", "toy", "--patience", "5", "--json")
    assert done.exit_code == 0, done.output
    assert command.requests == [(Extended("toy", patience=5), True)]


def test_options_have_the_defaults_of_the_fields(command: Command) -> None:
    assert command.run("--competition", "toy").exit_code == 0
    assert command.requests == [(Extended("toy"), False)]


def test_every_kind_of_option_reaches_the_request(command: Command) -> None:
    done = command.run(
        *("--competition", "toy", "--minutes", "2.5", "--max-nodes", "3", "--policy", "greedy"),
        *("--share-gpus", "--set", "kind=plain", "--set", "width=2", "--forbid", "deeper"),
        *("--from", "own", "--hint", "keep it plain"),
    )
    assert done.exit_code == 0, done.output
    ((request, _),) = command.requests
    assert request == Extended(
        competition="toy",
        minutes=2.5,
        max_nodes=3,
        policy="greedy",
        share_gpus=True,
        pinned=("kind=plain", "width=2"),
        forbidden=("deeper",),
        imported="own",
        hint="keep it plain",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--patience", "1"),
        ("--data", "best"),
        ("--minutes", "0"),
        ("--internal", "1"),
        ("--minutes", "inf"),
        ("--minutes", "nan"),
        ("--node-minutes", "inf"),
        ("--max-usd", "inf"),
        ("--seed", "-1"),
    ],
)
def test_bounds_and_choices_hold(command: Command, arguments: tuple[str, ...]) -> None:
    assert command.run("--competition", "toy", *arguments).exit_code == 2
    assert command.requests == []


@pytest.mark.parametrize(("text", "value"), [("auto", "auto"), ("3", 3)])
def test_an_option_may_be_a_number_or_a_word(command: Command, text: str, value: object) -> None:
    assert command.run("--competition", "toy", "--workers", text).exit_code == 0
    assert command.requests == [(Extended("toy", workers=value), False)]  # type: ignore[arg-type]
    wrong = command.run("--competition", "toy", "--workers", "two")
    assert wrong.exit_code == 2
    assert "'two' is neither a whole number nor `auto`." in " ".join(wrong.output.split())


def test_a_required_option_must_be_given(command: Command) -> None:
    assert "--competition" in command.run().output
    assert command.requests == []


def test_every_field_of_a_run_but_the_seed_of_the_data_is_an_option() -> None:
    declared = [one.field for one in declared_options(RunRequest)]
    assert {field.name for field in fields(RunRequest)} - set(declared) == {"data_seed"}
    assert len(declared) > 20
