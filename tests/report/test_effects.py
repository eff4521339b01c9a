"""Effects of lessons as text."""

import pytest

from agent.memory.lesson import FixEvidence
from agent.report.formatting import comparison, effect, titled_effect
from tests.report.scripted_run import lesson

FIX = FixEvidence(run="r", competition="toy", data_kind="full", node=3, number=1, mended=True)


@pytest.mark.parametrize(
    ("measured", "error", "text", "of_one_pair"),
    [
        (0.102, 0.031, "10.2 % ± 3.1 % less error (1 pair)", "10.2 % ± 3.1 % less error"),
        (
            -0.4,
            0.05,
            "40.0 % ± 5.0 % less error without this change (1 pair)",
            "40.0 % ± 5.0 % less error without this change",
        ),
        (
            1.0,
            0.81,
            "no measurable difference (error -100 % ± 81 %, 1 pair)",
            "no measurable difference (error -100 % ± 81 %)",
        ),
        (
            -0.003,
            0.015,
            "no measurable difference (error +0.3 % ± 1.5 %, 1 pair)",
            "no measurable difference (error +0.3 % ± 1.5 %)",
        ),
    ],
)
def test_an_effect_is_one_readable_line(measured: float, error: float, text: str, of_one_pair: str) -> None:
    one = lesson("00001", 2, 1, measured, error, "Larger pictures")
    assert effect(one) == text
    assert comparison(one, one.evidence[0]) == of_one_pair


def test_a_title_that_states_the_verdict_does_not_repeat_it() -> None:
    helps = lesson("00001", 2, 1, 0.2, 0.02, "Larger pictures help")
    assert titled_effect(helps) == "Larger pictures help: 20.0 % ± 2.0 % less error (1 pair)"
    title = "Larger pictures make no measurable difference"
    unclear = lesson("00001", 2, 1, 0.02, 0.02, title)
    assert titled_effect(unclear) == f"{title} (error -2.0 % ± 2.0 %, 1 pair)"


def test_an_effect_counts_its_pairs_and_fixes() -> None:
    one = lesson("00001", 2, 1, 0.2, 0.02, "Larger pictures")
    assert effect(one.model_copy(update={"evidence": one.evidence * 2})).endswith(" less error (2 pairs)")
    bare = one.model_copy(update={"evidence": ()})
    assert effect(bare) == "not compared yet"
    failed = FIX.model_copy(update={"mended": False})
    fixes = bare.model_copy(update={"fixes": (FIX, failed, FIX)})
    assert effect(fixes) == "fixed the error in 2 of 3 attempts"
