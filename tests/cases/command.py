"""`mars` in this process: a new process takes seconds, and most cases ask only `mars init`."""

import sys

import pytest

from agent.cli.app import main


def mars_here(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """Run a command and return its exit code, output and errors. Other exceptions go through."""
    monkeypatch.setattr(sys, "argv", ["mars", *arguments])
    capsys.readouterr()
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    out, err = capsys.readouterr()
    return code, out, err
