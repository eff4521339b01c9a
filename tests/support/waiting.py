"""Waits for events with a deadline, instead of fixed sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def wait_until(condition: Callable[[], T], within_s: float = 60.0) -> T:
    """Return the condition's value as soon as it is true; fail the test after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"did not hold within {within_s:g} s")
        time.sleep(0.01)
    return value
