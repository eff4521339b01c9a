"""The preparation shows its steps, and nothing of them stays in the way."""

import io
from dataclasses import dataclass, field

from rich.console import Console

from agent.cli.preparation_steps import StepDisplay
from agent.core.steps import counted_step, end_steps, listen_to_steps, report_step


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Heard:
    steps: list[tuple[str, int, int]] = field(default_factory=list)

    def __call__(self, step: str, done: int, total: int) -> None:
        self.steps.append((step, done, total))


def test_steps_reach_the_listener_and_items_pass_through() -> None:
    heard = Heard()
    report_step("nobody listens")
    assert list(counted_step("nobody listens", "ab", 2)) == ["a", "b"]
    with listen_to_steps(heard):
        report_step("reading")
        assert list(counted_step("checking pictures", "ab", 2)) == ["a", "b"]
        end_steps()
    report_step("nobody listens any more")
    assert heard.steps == [
        ("reading", 0, 0),
        ("checking pictures", 1, 2),
        ("checking pictures", 2, 2),
        ("", 0, 0),
    ]


def _display() -> tuple[StepDisplay, Clock, Console]:
    clock, console = Clock(), Console(file=io.StringIO(), width=100)
    return StepDisplay(console, clock), clock, console


def _written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_log_gets_a_line_per_step_and_one_every_ten_seconds() -> None:
    display, clock, console = _display()
    for clock.now in (0.2, 2.0, 3.0, 12.5, 13.0):
        display.show("checking pictures", int(clock.now * 100), 4000)
    clock.now = 14.0
    display.show("splitting the rows", 0, 0)
    display.close()
    assert _written(console).splitlines() == [
        "Preparing the data: checking pictures 200 of 4,000 (2.0 s)",
        "Preparing the data: checking pictures 1,250 of 4,000 (12 s)",
        "Preparing the data: splitting the rows (14 s)",
    ]


def test_a_short_preparation_shows_nothing() -> None:
    display, clock, console = _display()
    clock.now = 0.5
    display.show("reading the tables", 0, 0)
    display.show("", 0, 0)
    assert _written(console) == ""
