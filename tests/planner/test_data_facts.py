"""Facts of the exploratory analysis decide which slots, moves and drafts apply."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition.preparation.eda import summarize_training_rows
from agent.competition.spec import CompetitionSpec
from agent.planner.base import TaskContext
from agent.planner.conditions import is_met
from agent.planner.data_facts import DataFacts
from agent.repository.family import Condition
from tests.competition.raw_folders import write_spec

PLAIN = DataFacts(
    inputs=2,
    numbers=1,
    times=0,
    categories=1,
    classes=0,
    levels=7,
    has_gaps=False,
    is_skewed=False,
    has_skewed_target=False,
)


def _facts(folder: Path, spec: CompetitionSpec, **change: object) -> DataFacts:
    rows = 60
    generator = np.random.default_rng(0)
    table = {column.name: [str(value) for value in generator.normal(size=rows)] for column in spec.inputs}
    target = {spec.targets[0]: [str(value) for value in generator.integers(0, 2, rows)]}
    return DataFacts.of(summarize_training_rows(pd.DataFrame({**table, **target, **change}), spec, folder))


@pytest.fixture
def spec(tmp_path: Path) -> CompetitionSpec:
    inputs = [{"name": "size", "role": "number"}, {"name": "town", "role": "category"}]
    return write_spec(tmp_path, inputs=inputs, targets=["price"], task="regression", metric="rmse")


def test_facts_are_those_of_the_training_rows(tmp_path: Path, spec: CompetitionSpec) -> None:
    towns = [f"town {row % 7}" for row in range(60)]
    plain = _facts(tmp_path, spec, town=towns, price=[str(row) for row in range(60)])
    assert plain == PLAIN
    other = _facts(
        tmp_path,
        spec,
        town=towns,
        size=[""] + [str(1.3**row) for row in range(59)],
        price=[str(1.2**row) for row in range(60)],
    )
    assert (other.has_gaps, other.is_skewed, other.has_skewed_target) == (True, True, True)


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        (Condition(has_gaps=True), False),
        (Condition(has_gaps=False), True),
        (Condition(min_levels=7), True),
        (Condition(min_levels=8), False),
        (Condition(max_levels=7), True),
        (Condition(max_levels=6), False),
        (Condition(skewed=True), False),
        (Condition(skewed_target=True), True),
        (Condition(min_numbers=2), False),
        (Condition(min_times=1), False),
        (Condition(min_categories=1), True),
        (Condition(min_categories=2), False),
        (Condition(max_inputs=2), True),
        (Condition(max_inputs=1), False),
        (Condition(max_classes=10), True),
    ],
)
def test_each_fact_is_tested(condition: Condition, met: bool) -> None:
    facts = replace(PLAIN, has_skewed_target=True)
    context = TaskContext("regression", "rmse", frozenset({"number", "category"}), 60, "cpu", facts=facts)
    assert is_met(condition, context) is met
