"""Columns made of others: their values, the choice of them, and that no row learns from its own target."""

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from agent.repository.family import Value
from tests.templates.tabular.tabular_competitions import mixed, render

EVERYTHING: dict[str, Value] = {
    "interactions": "chosen",
    "level_counts": True,
    "category_pairs": 4,
    "group_means": 4,
    "text_scores": "characters",
}


def _made(task: str, **slots: Value) -> ModuleType:
    """The module library/made.py of a repository with these slots."""
    metric = "rmse" if task == "regression" else "log_loss"
    competition = mixed(task, metric)  # type: ignore[arg-type]
    inputs = [*competition.view.inputs, competition.view.inputs[4].model_copy(update={"name": "delivered"})]
    seen = competition.view.model_copy(update={"inputs": tuple(inputs)})
    text = render(
        type(competition)(seen, competition.tables), {**EVERYTHING, "date_differences": True, **slots}
    )
    module = ModuleType("made")
    exec(compile(text["library/made.py"], "made.py", "exec"), module.__dict__)
    return module


@pytest.fixture(scope="module")
def values() -> ModuleType:
    return _made("regression")


@pytest.fixture(scope="module")
def classes() -> ModuleType:
    return _made("classification")


def test_no_module_is_left_where_nothing_is_made() -> None:
    assert "library/made.py" not in render(mixed("regression", "rmse"), {})


def test_counts_are_those_of_the_fit(values: ModuleType) -> None:
    counts = values.LevelCounts().fit(pd.DataFrame({"a": ["x", "x", "x", "y"]}))
    assert counts.transform(pd.DataFrame({"a": ["x", "y", "new"]}))[:, 0] == pytest.approx(np.log([4, 2, 1]))


def test_what_groups_explain_is_corrected_for_chance(values: ModuleType) -> None:
    random = np.random.default_rng(0)
    target = values.target_columns(random.normal(size=400))
    by_chance = np.mean([values.explained(random.integers(0, 100, 400), target) for _ in range(50)])
    assert abs(by_chance) < 0.03
    assert values.explained(random.permutation(400), target) == 0
    groups = np.repeat([0, 1], 200)
    assert values.explained(groups, values.target_columns(groups.astype(float))) == pytest.approx(1)


def test_the_pair_that_decides_together_is_chosen(classes: ModuleType) -> None:
    random = np.random.default_rng(0)
    x = pd.DataFrame({name: random.choice(["p", "q"], 300) for name in "abcd"})
    y = ((x["b"] == "p") ^ (x["d"] == "p")).to_numpy(dtype=int)
    pairs = classes.CategoryPairs(1).fit(x, y)
    assert [sorted(pair) for pair in pairs.pairs_] == [["b", "d"]]
    first, second = pairs.pairs_[0]
    made = pairs.transform(x.iloc[:3])
    assert made.iloc[:, :4].equals(x.iloc[:3])
    assert made.iloc[:, 4].tolist() == [f"{x[first][row]} & {x[second][row]}" for row in range(3)]


def test_group_means_are_shrunk_and_differences_are_taken_from_them(values: ModuleType) -> None:
    random = np.random.default_rng(0)
    place = random.integers(0, 30, 900)
    town, level = np.where(place == 0, "x", "t") + place.astype(str), 2.0 * place
    size = level + random.normal(size=900)
    x = pd.DataFrame({"town": town, "size": size, "noise": random.normal(size=900)})
    means = values.GroupMeans(["town"], count=1).fit(x, size - level)
    made = means.transform(pd.DataFrame({"town": ["x0", "new"], "size": [7.0, np.nan], "noise": [0.0, 0.0]}))
    own = size[town == "x0"]
    expected = (own.sum() + 5 * size.mean()) / (len(own) + 5)
    assert made[0] == pytest.approx([expected, 7.0 - expected])
    assert made[1, 0] == pytest.approx(size.mean())
    assert np.isnan(made[1, 1])


@pytest.mark.parametrize("kind", ["product", "ratio", "difference"])
def test_the_combination_that_makes_the_target_is_chosen(values: ModuleType, kind: str) -> None:
    random = np.random.default_rng(0)
    x = pd.DataFrame({name: random.uniform(-3, 3, 400) for name in "abc"})
    if kind == "ratio":
        x += 3.1
    target = {"product": x["a"] * x["c"], "ratio": x["a"] / x["c"], "difference": x["a"] - x["c"]}[kind]
    made = values.Combinations(1).fit(x, target.to_numpy())
    ((first, second, chosen),) = made.chosen_
    assert {first, second} == {"a", "c"}
    assert chosen.removeprefix("inverse ") == kind
    zero = pd.DataFrame({"a": [0.0], "b": [0.0], "c": [0.0]})
    assert not np.isinf(made.transform(zero)).any()


def test_date_differences_are_days(values: ModuleType) -> None:
    x = pd.DataFrame({"ordered": [10.0, np.nan], "delivered": [12.5, 3.0]})
    made = values.DateDifferences().fit(x).transform(x)
    assert made[0].tolist() == [-2.5]
    assert np.isnan(made[1, 0])


def test_scores_of_training_texts_come_from_other_rows(values: ModuleType) -> None:
    random = np.random.default_rng(0)
    unique = pd.DataFrame({"text": [f"word{row}" for row in range(200)]})
    y = random.normal(size=200)
    scores = values.TextScores(False, 1.0, 5, 0)
    trained = scores.fit_transform(unique, y)[:, 0]
    assert abs(np.corrcoef(trained, y)[0, 1]) < 0.3, "the words of a row occur in no other row"
    assert np.corrcoef(scores.transform(unique)[:, 0], y)[0, 1] > 0.9


@pytest.mark.parametrize("characters", [False, True])
def test_scores_say_the_class_of_a_text(classes: ModuleType, characters: bool) -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 240)
    words = np.array(["red", "green", "blue"])[y]
    texts = pd.DataFrame({"text": [f"a {word} thing {row}" for row, word in enumerate(words)]})
    scores = classes.TextScores(characters, 1.0, 5, 0)
    assert (scores.fit_transform(texts, y).argmax(axis=1) == y).mean() > 0.95
    new = pd.DataFrame({"text": ["blue", "red", ""]})
    assert scores.transform(new)[:2].argmax(axis=1).tolist() == [2, 0]


def test_hinges_are_zero_below_a_quantile() -> None:
    text = render(mixed("regression", "rmse"), {"model": "linear", "splines": 4})["library/made.py"]
    module = ModuleType("made")
    exec(compile(text, "made.py", "exec"), module.__dict__)
    hinges = module.Hinges(3).fit(np.arange(101.0)[:, None])
    assert hinges.knots_[:, 0] == pytest.approx([25, 50, 75])
    assert hinges.transform(np.array([[-9.0], [60.0], [200.0]])).tolist() == [
        [0, 0, 0],
        [35, 10, 0],
        [175, 150, 125],
    ]
