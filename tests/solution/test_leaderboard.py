"""Leaderboard scores on the card: history and range checks."""

import json
import math
from pathlib import Path

import pytest

from agent.cli import app
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.solution.card import CARD_FILE, Card, card_page, load_card
from agent.solution.leaderboard import report_score


def card(**fields: object) -> Card:
    content = {
        "competition": "houses", "data_kind": "full", "fingerprint": "f" * 64, "metric": "micro_f1",
        "higher_is_better": True, "validation": 0.65, "validation_se": 0.01, "audit": 0.62, "audit_se": 0.02,
        "audit_protected": True, "run": "houses-1", "node": 3, "operator": "draft", "lineage": (),
        "idea": "Plain", "lessons": (), "facts": {}, "seconds": 1.0, "seed": 0,
        "threads": 1, "nodes": 4, "environment": {}, "kept_at": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return Card.model_validate({**content, **fields})


def kept(root: Path, **fields: object) -> Path:
    folder = root / "houses"
    folder.mkdir(parents=True)
    (folder / CARD_FILE).write_text(card(**fields).model_dump_json(), encoding="utf-8")
    return folder


def test_reports_are_added_in_order_with_date_and_metric(tmp_path: Path) -> None:
    folder = kept(tmp_path)
    report_score(folder, 0.61)
    report_score(folder, 0.63)
    found = load_card(folder)
    assert found is not None
    assert [(one.score, one.metric) for one in found.leaderboard] == [(0.61, "micro_f1"), (0.63, "micro_f1")]
    assert found.leaderboard[0].reported_at >= "2026"
    assert found.model_copy(update={"leaderboard": ()}) == card(), "nothing else has changed"
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert page == card_page(found)
    dates = [one.reported_at[:10] for one in found.leaderboard]
    assert f"| 0.63000 ({dates[1]}); earlier 0.61000 ({dates[0]}) |" in page
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", CARD_FILE]


def test_a_card_of_before_leaderboards_can_be_read(tmp_path: Path) -> None:
    folder = kept(tmp_path)
    content = json.loads((folder / CARD_FILE).read_text())
    del content["leaderboard"]
    (folder / CARD_FILE).write_text(json.dumps(content))
    assert report_score(folder, 0.5).leaderboard[0].score == 0.5


@pytest.mark.parametrize(
    ("fields", "score", "sentence"),
    [
        ({}, 63.0, r"micro_f1 is at most 1; for a percentage, give 0\.63\."),
        ({}, math.inf, "micro_f1 is at most 1"),
        ({}, math.nan, "nan: not a score of micro_f1"),
        ({"metric": "rmse", "higher_is_better": False}, -0.4, "rmse is at least 0 and lower is better"),
        ({"metric": "rmse", "higher_is_better": False}, math.inf, "inf: not a score of rmse"),
        ({"data_kind": "sample"}, 0.5, "made on its generated sample"),
    ],
)
def test_impossible_scores_are_refused(
    tmp_path: Path, fields: dict[str, object], score: float, sentence: str
) -> None:
    folder = kept(tmp_path, **fields)
    before = (folder / CARD_FILE).read_bytes()
    with pytest.raises(SetupError, match=sentence):
        report_score(folder, score)
    assert (folder / CARD_FILE).read_bytes() == before


@pytest.mark.parametrize(("higher", "score"), [(True, 63.0), (False, -0.4)])
def test_a_metric_of_the_competition_itself_may_have_any_range(
    tmp_path: Path, higher: bool, score: float
) -> None:
    folder = kept(tmp_path, metric="metric.py", higher_is_better=higher)
    assert report_score(folder, score).leaderboard[-1].score == score
    with pytest.raises(SetupError, match=r"nan: not a score of metric\.py"):
        report_score(folder, math.nan)


def test_without_a_solution_there_is_nothing_to_report_on(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="has no solution of 'houses'"):
        report_score(tmp_path / "houses", 0.5)


def mars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr("sys.argv", ["mars", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert not ended.value.code, capsys.readouterr().err
    return capsys.readouterr().out


def test_the_command_reports_and_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MARS_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    kept(Home(tmp_path).solutions, metric="rmse", higher_is_better=False)
    assert mars(monkeypatch, capsys, "solutions", "houses", "--leaderboard", "0.63") == (
        "Leaderboard rmse 0.63000 of houses: 0.02000 better than the validation score 0.65000, "
        "0.01000 worse than the audit score 0.62000. The score is added to the card.\n"
    )
    assert "0.63000" in mars(monkeypatch, capsys, "solutions")
    assert "0.63000" in mars(monkeypatch, capsys, "solutions", "houses")
    listed = json.loads(mars(monkeypatch, capsys, "solutions", "--json"))
    shown = json.loads(mars(monkeypatch, capsys, "solutions", "houses", "--json"))
    assert listed == [shown]
    assert [one["score"] for one in shown["leaderboard"]] == [0.63]
