"""`mars doctor` names missing packages as commands that can be pasted."""

import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest

from agent.cli.doctor import EXTRAS, doctor_command
from agent.core.paths import Home
from agent.repository.family import known_families


def test_extras_are_named_with_their_brackets(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kaggle", None)
    doctor_command()
    printed = capsys.readouterr().out
    assert "kaggle     no client: install it by `pip install 'mars-search[kaggle]'`\n" in printed
    assert "extra      kaggle: to download data from Kaggle, pip install 'mars-search[kaggle]'\n" in printed


def test_every_extra_of_the_project_is_reported(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    families = {family.extra for family in known_families(home).values()}
    assert {"image", "tabular"} <= families
    assert set(EXTRAS) == set(project["optional-dependencies"]) - families - {"dev"}


def test_the_extra_of_a_family_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "skops", None)
    doctor_command()
    assert (
        "family     tabular: missing skops: pip install 'mars-search[tabular]'\n" in capsys.readouterr().out
    )


def test_what_recalls_lessons_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    doctor_command()
    said = capsys.readouterr().out
    assert "recall     by words; for embeddings, `pip install 'mars-search[recall]'`.\n" in said


def test_missing_weights_of_the_user_are_named_by_task(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed: set[str] = set()
    monkeypatch.setattr("agent.planner.family_packages.is_installed", lambda name: name in installed)
    home.weights.mkdir(parents=True)
    (home.weights / "tabicl-regressor-v2.ckpt").touch()
    for packages, classification, regression in (
        (
            set(),
            "the value needs tabicl, torch, which this environment lacks. "
            "Run: pip install 'mars-search[tabular-icl]'. "
            f"It also needs weights. Put a file tabicl-classifier*.ckpt into {home.weights}",
            "the value needs tabicl, torch, which this environment lacks. "
            "Run: pip install 'mars-search[tabular-icl]'",
        ),
        (
            {"tabicl", "torch"},
            f"the value needs weights. Put a file tabicl-classifier*.ckpt into {home.weights}",
            "ready",
        ),
    ):
        installed.update(packages)
        doctor_command()
        said = capsys.readouterr().out
        assert f"weights    tabular model=tabicl, classification: {classification}\n" in said
        assert f"weights    tabular model=tabicl, regression: {regression}\n" in said
