"""Lists are readable on a terminal of 80 columns, and names and scores on one of 40."""

import json
import re

import pytest

from agent.core.paths import Home
from tests.cli.commands import mars
from tests.cli.obedient import SOUND

WIDTH = 80


@pytest.fixture
def searched(home: Home, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the id of a finished run; commands then see a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    done = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "6", "--json", *SOUND)
    return str(json.loads(done.stdout)["run_id"])


def _page(*arguments: str) -> list[str]:
    lines = mars(*arguments).stdout.splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    return lines


def test_lists_fit_without_squeezed_columns(searched: str, home: Home) -> None:
    header, row, *_ = _page("runs")
    assert [name for name in header.split() if name in ("run", "best", "state")] == ["run", "best", "state"]
    assert row.split()[0] == searched
    assert "0." in row
    assert "…" not in row

    header, *rows = _page("lessons", "list")
    assert {"id", "lesson", "error", "for", "against"} <= set(header.split())
    lessons = [row for row in rows if row.split()[0].isdecimal()]
    assert lessons
    for row in lessons:
        assert row.count("%") == 2, "the effect is on one line"
    assert len(rows) <= 3 * len(lessons), "a lesson takes a few lines at most"

    header, row, *_ = _page("solutions")
    assert {"competition", "validation", "idea"} <= set(header.split())
    assert row.split()[0] == "toy"

    tree = _page("tree", searched)
    assert sum("●" in line or "★" in line for line in tree) == 6


def test_a_terminal_without_unicode_shows_lists_too(searched: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    for command in (("lessons", "list"), ("tree", searched), ("show", searched, "2")):
        assert mars(*command).stdout.isascii()


def test_names_and_scores_are_whole_on_40_columns(searched: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    header, *rows = mars("tree", searched).stdout.splitlines()[:8]
    assert header.split() == ["node", "score", "status"]
    scores = [row.split()[-3] for row in rows if "●" in row or "★" in row]
    assert len(scores) == 6
    assert all(len(score) == 6 and score.startswith(("0.", "1.")) for score in scores)

    header, *rows = mars("solutions", "toy", "--history").stdout.splitlines()
    assert header.split()[:1] + header.split()[-1:] == ["no.", "validation"]
    assert re.fullmatch(r"1\*.* +[01]\.\d{5} *", rows[0].strip())

    names = mars("competitions").stdout.splitlines()
    assert any(line.split()[:1] == ["imet-2020"] for line in names)

    *_, total = mars("gc", "--dry-run").stdout.splitlines()
    rows = mars("gc", "--dry-run").stdout.splitlines()[:-1]
    assert total.endswith("would be removed.")
    assert rows[0].split()[-1] == "MB"
    assert max(len(row) for row in rows) <= 40
    assert "…" not in "".join(rows)
