"""Steps of long work that a command shows: reading, checking pictures n of N, splitting."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")

Listener = Callable[[str, int, int], None]
"""Receives a step, the number of finished items and the number of all items; 0 and 0 for a step without.

The step "" says that the work is done.
"""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listen_to_steps(listener: Listener) -> Iterator[None]:
    """Pass the steps of the block to a listener; without one, steps have no effect."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report_step(step: str) -> None:
    """Report that a step begins, e.g. `reading the tables`."""
    listener = _listener.get()
    if listener is not None:
        listener(step, 0, 0)


def end_steps() -> None:
    """Report that the work is done, so that nothing of it stays on the screen."""
    report_step("")


def counted_step(step: str, items: Iterable[Item], total: int) -> Iterator[Item]:
    """Yield the items of a step, and report after each how many of `total` are done.

    Iterate in the thread that started the command: other threads have no listener.
    """
    listener = _listener.get()
    for done, item in enumerate(items, start=1):
        if listener is not None:
            listener(step, done, total)
        yield item
