"""The positive one of two classes, by words, numbers and rarity."""

import pytest

from agent.competition.positive_class import guess_positive_class


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        ("no", "yes"),
        ("good", "bad"),
        ("stay", "churn"),
        ("Retained", "Exited"),
        ("false", "true"),
        ("FALSE", "TRUE"),
        ("0", "1"),
        ("-1", "1"),
        ("2", "10"),
        ("--", "yes"),
        ("good loan", "bad loan"),
        ("benign", "malignant"),
        ("not churned", "churned"),
        ("Non-Smoker", "smoker"),
        ("no disease", "disease"),
        ("<=50K", ">50K"),
        ("ham", "spam"),
        ("pass", "fail"),
        ("healthy", "sick"),
        ("normal", "anomaly"),
        ("lost", "won"),
        ("N", "Y"),
    ],
)
def test_words_and_numbers_decide_whatever_the_shares(negative: str, positive: str) -> None:
    for counts in ({negative: 10, positive: 90}, {positive: 10, negative: 90}):
        guess = guess_positive_class(counts)
        assert guess is not None
        assert (guess.negative, guess.positive, guess.is_certain) == (negative, positive, True)


def test_the_rarer_class_is_positive_if_words_do_not_decide() -> None:
    guess = guess_positive_class({"alpha": 20, "beta": 80})
    assert guess is not None
    assert (guess.positive, guess.is_certain) == ("alpha", False)
    assert guess.reason == "it is the rarer class (20 % of the rows)"


@pytest.mark.parametrize("counts", [{"alpha": 50, "beta": 50}, {"yes": 3}, {"yes": 3, "no": 4, "maybe": 5}])
def test_nothing_is_guessed_without_a_reason(counts: dict[str, int]) -> None:
    guess = guess_positive_class(counts)
    assert guess is None
