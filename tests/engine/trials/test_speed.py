"""The time per row is measured with the saved model, and decides what is kept."""

from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.record.opened_run import Run
from agent.search.scheduler import Propose
from agent.solution.card import card_page, load_card
from tests.support.finished_runs import blending_home, carried_out
from tests.support.states import idea

pytestmark = pytest.mark.slow

SLOTS = {"depth": 1, "width": 1, "breadth": 1, "finish": 1, "kind": "plain"}


def slow_home(root: Path) -> Home:
    """A home whose toys take one millisecond of every row per unit of depth, and a second to start."""
    home = blending_home(root)
    main = home.families / "toy" / "main.py.j2"
    code = main.read_text()
    for old, new in (
        ("library.config import ", "library.config import DEPTH, "),
        (
            "def predict_saved() -> None:",
            "def predict_saved() -> None:\n    time.sleep(1 + DEPTH * len(read('test')) / 1000)\n",
        ),
    ):
        assert old in code
        code = code.replace(old, new, 1)
    main.write_text(code)
    return home


def run_of(home: Home, limit_ms: float, *depths: int) -> Run:
    steps = [
        Propose("draft", (), idea(f"Depth {depth}", {**SLOTS, "depth": depth, "breadth": number}), None)
        for number, depth in enumerate(depths, start=1)
    ]
    return carried_out(home, *steps, predict_ms=limit_ms, minutes=3.0)


def test_the_time_per_row_is_measured_without_the_start_and_the_best_fast_node_is_kept(
    tmp_path: Path,
) -> None:
    home = slow_home(tmp_path)
    run = run_of(home, 3.0, 1, 6)
    measured = [node.result.predict_ms for node in run.state.nodes.values() if node.result is not None]
    assert measured == pytest.approx([1.0, 6.0], rel=0.15)
    first, second = (run.state.nodes[number] for number in (1, 2))
    assert first.metric is not None
    assert second.metric is not None
    assert first.metric < second.metric
    card = load_card(home.solutions / "toy")
    assert card is not None
    assert card.node == 1
    assert (card.predict_rows, card.predict_limit_ms) == (677, 3.0)
    assert f"measured {card.predict_ms:.3g} ms in a batch of 677 rows, without the start" in card_page(card)
    assert "asked for at most 3 ms |" in card_page(card)


def test_an_ensemble_takes_only_members_that_fit_and_is_measured_itself(tmp_path: Path) -> None:
    run = run_of(slow_home(tmp_path), 3.0, 1, 1, 6, 1)
    (blend,) = [node for node in run.state.nodes.values() if node.operator == "ensemble"]
    assert 3 not in blend.parents
    assert len(blend.parents) >= 2
    assert blend.result is not None
    assert blend.result.status == "valid"
    assert blend.result.predict_ms is not None
    assert blend.result.predict_ms <= 3.0


def test_if_no_node_is_fast_enough_the_fastest_is_kept_and_the_run_says_so(tmp_path: Path) -> None:
    home = slow_home(tmp_path)
    run = run_of(home, 1.0, 6, 3)
    assert run.state.finished is not None
    said = "; no node predicts a row within the 1 ms of --predict-ms, so the fastest one is chosen, node 002"
    assert said in run.state.finished.reason
    card = load_card(home.solutions / "toy")
    assert card is not None
    assert card.node == 2
    assert "**not met**: no solution was faster |" in card_page(card)
