"""`mars doctor` names missing packages as commands that can be pasted."""

import importlib.util
import sys

import pytest

from agent.cli.doctor import doctor_command
from agent.core.paths import Home


def test_extras_are_named_with_their_brackets(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kaggle", None)
    doctor_command()
    assert (
        "kaggle     no client: install it by `pip install 'mars-search[kaggle]'`\n" in capsys.readouterr().out
    )


def test_what_recalls_lessons_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    doctor_command()
    said = capsys.readouterr().out
    assert "recall     by words; for embeddings, `pip install 'mars-search[recall]'`.\n" in said
