"""The choice between live screen and plain lines."""

from rich.console import Console

from agent.record.observer import Observer
from agent.report.live_screen import LiveScreen
from agent.report.plain_lines import PlainLines


def make_observer(console: Console, json_mode: bool, metric: str = "score") -> Observer:
    """Return a live screen for a terminal, else plain lines. JSON mode never writes to stdout.

    Args:
        console: Console to write to.
        json_mode: Whether stdout is reserved for the JSON object; output then goes to stderr.
        metric: Displayed name of the competition's metric.
    """
    if json_mode and not console.stderr:
        console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveScreen(console, metric)
    return PlainLines(console)
