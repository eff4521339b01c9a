"""Scores, ranks, the store and the page of the quality benchmark."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.quality_modules import quality

problem, scores, ranks = quality("problem"), quality("scores"), quality("ranks")
results, page, compare, ablations = (
    quality("results"),
    quality("page"),
    quality("compare"),
    quality("ablations"),
)
measure = quality("measure")


def _problem(task: str, metric: str, classes: tuple[str, ...] = (), positive: str | None = None) -> Any:
    return problem.Problem("t", "y", task, metric, classes, positive)


def _result(table: str, entrant: str, error: float | None, seed: int = 0, **changes: Any) -> Any:
    facts = {
        "table": table,
        "seed": seed,
        "entrant": entrant,
        "minutes": 3.0,
        "threads": 1,
        "clock": "wall",
        "metric": "mae",
        "score": error,
        "error": error,
        "failure": None if error is not None else "it fell",
        "seconds": 100.0,
        "cpu_s": 99.0,
        "foreign_s": 1.0,
        "measured": "2026-11-28T12:00:00+00:00",
    }
    return results.Result(**{**facts, **changes})


def test_scores_of_numbers() -> None:
    predictions = pd.DataFrame({"prediction": [1.0, 2.0, 6.0]})
    truth = pd.Series([1.0, 4.0, 2.0])
    assert scores.score_of(predictions, truth, _problem("regression", "mae")) == 2.0
    assert scores.score_of(predictions, truth, _problem("regression", "rmse")) == math.sqrt(20 / 3)


def test_scores_of_classes() -> None:
    truth = pd.Series(["b", "a", "a"])
    chances = pd.DataFrame({"a": [0.2, 0.5, 0.9], "b": [0.8, 0.5, 0.1]})
    log_loss = scores.score_of(chances, truth, _problem("classification", "log_loss", ("a", "b")))
    assert log_loss == pytest.approx(-np.log([0.8, 0.5, 0.9]).mean())
    ranked = _problem("classification", "roc_auc", ("a", "b"), "a")
    assert scores.score_of(chances, truth, ranked) == 1.0
    assert scores.error_of(1.0, ranked) == 0.0
    labels = pd.DataFrame({"prediction": ["b", "b", "a"]})
    accuracy = scores.score_of(labels, truth, _problem("classification", "accuracy", ("a", "b")))
    assert accuracy == pytest.approx(2 / 3)


def test_log_loss_of_a_certain_mistake_is_finite() -> None:
    chances = pd.DataFrame({"a": [0.0], "b": [1.0]})
    loss = scores.score_of(chances, pd.Series(["a"]), _problem("classification", "log_loss", ("a", "b")))
    assert loss == pytest.approx(-math.log(1e-15))


def test_ranks_are_means_over_tables_with_failures_last_and_ties_shared() -> None:
    errors = ranks.errors_by_table(
        [
            _result("one", "mars", 1.0),
            _result("one", "peer", 2.0),
            _result("one", "other", None),
            _result("two", "mars", 3.0),
            _result("two", "peer", 3.0),
            _result("two", "other", 1.0),
        ]
    )
    found = ranks.mean_ranks(errors)
    assert {name: found[name].value for name in found} == {"mars": 1.75, "peer": 2.25, "other": 2.0}
    assert (found["other"].low, found["other"].high) == (1.0, 3.0)


def test_a_table_that_not_all_entrants_have_counts_in_duels_only() -> None:
    errors = ranks.errors_by_table(
        [
            _result("one", "mars", 1.0),
            _result("one", "peer", 2.0),
            _result("one", "other", 3.0),
            _result("two", "mars", 5.0),
            _result("two", "peer", 4.0),
        ]
    )
    assert ranks.mean_ranks(errors)["mars"].value == 1.0
    against = ranks.duel(errors, "mars", "peer")
    assert (against.wins, against.ties, against.tables) == (1, 0, 2)
    assert against.difference.value == pytest.approx((-0.5 + 0.2) / 2)
    assert ranks.duel(errors, "mars", "absent") is None


def test_duels_average_seeds_before_they_count_tables() -> None:
    errors = ranks.errors_by_table(
        [
            *[_result("one", "mars", error, seed) for seed, error in enumerate((1.0, 5.0, 1.0))],
            *[_result("one", "peer", 2.0, seed) for seed in range(3)],
        ]
    )
    against = ranks.duel(errors, "mars", "peer")
    assert (against.wins, against.tables) == (0, 1)
    assert against.seeds_won == pytest.approx(2 / 3)


def test_the_store_gives_the_newest_result_of_a_measurement(tmp_path: Path) -> None:
    store = tmp_path / "work" / "results.jsonl"
    for error in (None, 0.5):
        results.append_result(store, _result("one", "mars", error))
    results.append_result(store, _result("one", "mars", 0.7, seed=1))
    read = results.read_results(store)
    assert [(result.seed, result.error) for result in read] == [(0, 0.5), (1, 0.7)]
    assert results.read_results(tmp_path / "none.jsonl") == []


def test_only_equal_conditions_are_compared() -> None:
    stored = [
        _result("one", "mars", 1.0),
        _result("one", "peer", 1.0),
        _result("one", "peer", 2.0, clock="cpu"),
        _result("one", "mars", 3.0, minutes=10.0),
    ]
    assert [result.error for result in results.comparable(stored, 3.0, 1, "wall")] == [1.0, 1.0]
    assert [result.error for result in results.comparable(stored, 3.0, 1, "cpu")] == [1.0, 2.0]


def test_a_stopped_comparison_goes_on_and_repeats_failures() -> None:
    conditions = measure.Conditions(3.0, 1, "wall", "python")
    stored = [_result("carseats", "mars", 1.0), _result("carseats", "hist-gradient-boosting", None)]
    jobs = compare._open_jobs(["carseats", "beps"], ["mars", "hist-gradient-boosting"], 1, conditions, stored)
    assert [(job.table, job.entrant) for job in jobs] == [
        ("carseats", "hist-gradient-boosting"),
        ("beps", "mars"),
        ("beps", "hist-gradient-boosting"),
    ]


def test_entrants_get_only_what_they_read() -> None:
    conditions = measure.Conditions(3.0, 1, "wall", "python")
    entrants = ["mars", "imagenet-logistic", "hist-gradient-boosting"]
    jobs = compare._open_jobs(["carseats", "emoji"], entrants, 1, conditions, [])
    assert [(job.table, job.entrant) for job in jobs] == [
        ("carseats", "mars"),
        ("carseats", "hist-gradient-boosting"),
        ("emoji", "mars"),
        ("emoji", "imagenet-logistic"),
    ]


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match=r"no table is named nothing\. Known: participation, anes96"):
        compare._table_names("nothing,carseats")
    with pytest.raises(SystemExit, match=r"unknown: nobody\. Known: mars,"):
        compare._present(["nobody"], "python")


def test_the_page_says_who_is_better_where_and_under_which_conditions() -> None:
    measured = [
        _result("carseats", "mars", 0.5, versions={"commit": "abc1234"}),
        _result("carseats", "five-learners", 0.75, versions={"lightgbm": "4.7.0"}, foreign_s=50.0),
        _result("diabetes", "mars", None, versions={"commit": "abc1234"}),
        _result("diabetes", "five-learners", 60.0, versions={"lightgbm": "4.7.0"}),
    ]
    text = page.make_page("Title", measured, {"carseats": "dev", "diabetes": "held-out"}, "the command")
    assert text.startswith("# Title\n")
    assert "- Command: `the command`" in text
    assert "- MARS at commit abc1234. Peers: lightgbm 4.7.0." in text
    assert "- 4 results, 1 failed. Others took more than 10 % of the cores in 1." in text
    assert "- Failed: mars on diabetes (0)." in text
    assert "| five-learners | 1.50 [1.00, 2.00] | 1 of 2 |" in text
    assert "| carseats | dev | mae ↓ | **0.5000** | 0.7500 |" in text
    assert "| diabetes | held-out | mae ↓ | failed | **60.0000** |" in text
    assert text.index("## All tables") < text.index("## Held-out tables")


@pytest.mark.parametrize(("metric", "best"), [("log_loss", 0.4), ("roc_auc", 0.5)])
def test_ablations_compare_the_ensemble_with_the_single_node_of_the_best_validation_score(
    metric: str, best: float
) -> None:
    tree = [
        {"node": 1, "operator": "draft", "parents": [], "score": 0.1, "private_error": 0.4},
        {"node": 2, "operator": "draft", "parents": [], "score": 0.2, "private_error": 0.5},
        {"node": 3, "operator": "ensemble", "parents": [1, 2], "score": 0.15, "private_error": 0.2},
    ]
    text = ablations.ablations_text([_result("one", "mars", 0.2, metric=metric, facts={"tree": tree})])
    share = 100 * (0.2 / best - 1)
    assert f"{share:+.1f} % [{share:+.1f}, {share:+.1f}] in 1 runs, lower in 1, higher in 0" in text


def test_ablations_compare_second_runs_with_the_first_ones_in_their_homes() -> None:
    pairs = [("one", 0.9, 1.0), ("two", 2.2, 2.0)]
    measured = [
        _result(name, "mars-second", error, facts={"earlier_errors": [first]}) for name, error, first in pairs
    ]
    text = ablations.ablations_text(measured)
    assert "lower private error than the first one in 1 of 2 pairs; its error against it: +0.0 %" in text


def test_ablations_print_variants_ensembles_and_steps() -> None:
    tree = [
        {"node": 1, "operator": "draft", "parents": [], "score": 1.0, "private_error": 1.0},
        {"node": 2, "operator": "improve", "parents": [1], "score": 0.8, "private_error": 0.8},
        {"node": 3, "operator": "improve", "parents": [2], "score": 0.9, "private_error": 0.9},
        {"node": 4, "operator": "improve", "parents": [2], "score": None, "private_error": None},
    ]
    sizes = {"1": 1.0, "2": 0.9, "4": 0.8, "8": 0.8, "16": 0.8, "25": 0.8}
    measured = [
        _result("one", "mars", 0.88, facts={"tree": tree, "ensembles": sizes}),
        _result("one", "mars-greedy", 1.1),
    ]
    text = ablations.ablations_text(measured)
    assert "| mars-greedy | policy greedy in place of mcts | 1 of 1 | -20.0 % [-20.0, -20.0] |" in text
    assert "| 2 | -10.0 % [-10.0, -10.0] | 1 |" in text
    assert "- 33 % of 3 steps improve on their parent on the private rows." in text
    assert "+10.0 % [+10.0, +10.0] above that of the best node" in text
