"""What a candidate reports about itself, and what of it is believed."""

import math

import pytest

from agent.engine.candidate_reports import cut_of, facts
from agent.record.events import Cut


def test_a_candidate_says_what_its_limit_cut_short() -> None:
    assert cut_of({"cut": {"what": "training rows", "share": 0.4}}) == Cut(what="training rows", share=0.4)
    anew = cut_of({"cut": {"what": "pixels", "share": 0.4, "anew": True}})
    assert anew == Cut(what="pixels", share=0.4, anew=True)


@pytest.mark.parametrize(
    "cut",
    [
        None,
        "rows",
        {},
        {"what": "rows"},
        {"what": 3, "share": 0.5},
        {"what": "rows", "share": "0.5"},
        {"what": "rows", "share": 0},
        {"what": "rows", "share": 1},
        {"what": "rows", "share": 0.97},
        {"what": "rows", "share": -0.5},
        {"what": "rows", "share": math.nan},
    ],
)
def test_a_complete_run_and_nonsense_are_no_cut(cut: object) -> None:
    assert cut_of({"cut": cut}) is None
    assert cut_of({}) is None


def test_what_a_candidate_wrote_is_plain_and_short() -> None:
    found = cut_of({"cut": {"what": "rows\x1b[31m" * 50, "share": 0.5}})
    assert found is not None
    assert "\x1b" not in found.what
    assert len(found.what) <= 60


ENSEMBLE = {
    "combination": "stack",
    "combination_reason": "stack 0.50000, blend 0.87000; the difference has a standard error of 0.00400",
    "weights": {"003": 0.98, "004": 1.01, "007": 0.0},
    "member_metrics": {"003": 1.118, "004": 1.12, "007": 3.0},
    "member_gains": {"003": 0.618},
}


def test_an_ensemble_says_how_it_combines_its_members_and_what_each_adds() -> None:
    assert facts(ENSEMBLE) == {
        "combination": "stack: stack 0.50000, blend 0.87000; the difference has a standard error of 0.00400",
        "member 003": "weight 0.98, alone 1.11800, adds 0.61800",
        "member 004": "weight 1.01, alone 1.12000",
    }


@pytest.mark.parametrize("name", ["weights", "member_metrics", "member_gains"])
@pytest.mark.parametrize("content", [None, [], "x", {"003": "1.0"}, {"003": math.nan}, {"003": [1.0]}])
def test_nonsense_about_members_is_left_out(name: str, content: object) -> None:
    found = facts({**ENSEMBLE, name: content})
    assert found["combination"].startswith("stack: ")
    assert ("member 003" in found) == (name != "weights")


def test_the_words_of_an_ensemble_are_plain_and_short() -> None:
    found = facts({**ENSEMBLE, "combination_reason": "\x1b[31m" * 100, "weights": {"\x1b" * 100: 1.0}})
    assert list(found) == ["combination", f"member {'?' * 60}"]
    assert found["combination"] == ("stack: " + "?[31m" * 100)[:160]
