"""Grades in words get their order; other classes get none."""

import random

import pytest

from agent.drafting.rules.grades import order_of_grades


@pytest.mark.parametrize(
    "order",
    [
        ("poor", "fair", "good", "excellent"),
        ("Low", "Medium", "High"),
        ("Strongly disagree", "Disagree", "Neutral", "Agree", "Strongly agree"),
        ("Po", "Fa", "TA", "Gd", "Ex"),
        ("never", "rarely", "sometimes", "often", "always"),
        ("Very Dissatisfied", "Dissatisfied", "Neutral", "Satisfied", "Very Satisfied"),
        ("small", "medium", "large"),
        ("none", "mild", "moderate", "severe"),
        ("1 star", "2 stars", "3 stars", "10 stars"),
        ("1 - bad", "2 - middling", "3 - fine"),
        ("<18", "18-25", "26-40", ">40"),
        ("grade 1", "grade 2", "grade 3"),
    ],
)
def test_grades_have_an_order(order: tuple[str, ...]) -> None:
    shuffled = list(order)
    random.Random(4).shuffle(shuffled)
    assert order_of_grades(shuffled) == order


@pytest.mark.parametrize(
    "labels",
    [
        ("red", "green", "blue"),
        ("1", "2", "3"),
        ("low", "high"),
        ("poor", "fair", "blue"),
        ("cat 1", "dog 2", "3"),
    ],
)
def test_other_classes_have_none(labels: tuple[str, ...]) -> None:
    assert order_of_grades(labels) is None
