"""What a candidate reports about itself, and what of it is believed."""

import math

import pytest

from agent.engine.candidate_reports import cut_of
from agent.record.events import Cut


def test_a_candidate_says_what_its_limit_cut_short() -> None:
    assert cut_of({"cut": {"what": "training rows", "share": 0.4}}) == Cut(what="training rows", share=0.4)


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
