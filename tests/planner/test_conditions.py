"""Conditions of moves ask for a metric by name, by trait, or by what a submission holds."""

from pathlib import Path

import pytest

from agent.core.errors import SetupError
from agent.core.paths import templates_dir
from agent.planner.base import TaskContext
from agent.planner.conditions import is_met, serves, unserved_message
from agent.planner.family_packages import require_slot_needs, unmet_needs
from agent.repository.family import Condition, load_family
from tests.competition.raw_folders import write_spec
from tests.competition.several_folders import TARGETS, several_folder

CASES = {
    "qwk": ("classification", {"name", "trait", "prediction"}),
    "balanced_accuracy": ("classification", {"trait", "prediction"}),
    "accuracy": ("classification", {"name", "prediction"}),
    "log_loss": ("classification", set()),
    "macro_f1": ("multilabel", set()),
}
CONDITIONS = {
    "name": Condition(metrics=("qwk", "accuracy")),
    "trait": Condition(metric_traits=("class_order", "mean_recall")),
    "prediction": Condition(predictions=("label", "ranking")),
}


@pytest.mark.parametrize("metric", CASES)
def test_conditions_on_the_metric(metric: str, tmp_path: Path) -> None:
    task, met = CASES[metric]
    context = TaskContext.of(write_spec(tmp_path, task=task, metric=metric), 100, "cpu")
    assert {name for name, condition in CONDITIONS.items() if is_met(condition, context)} == met
    assert is_met(Condition(), context)


def test_an_own_metric_has_a_prediction_form_and_no_traits(tmp_path: Path) -> None:
    (tmp_path / "metric.py").write_text("def score(truth, prediction):\n    return 1.0\n")
    own = {"definition": "Share of right rows.", "prediction": "label", "higher_is_better": True}
    context = TaskContext.of(write_spec(tmp_path, metric="metric.py", own_metric=own), 100, "cpu")
    assert {name for name, condition in CONDITIONS.items() if is_met(condition, context)} == {"prediction"}


@pytest.mark.parametrize(("n_test", "expected"), [(299, False), (300, True), (None, False)])
def test_a_condition_on_the_rows_to_predict(n_test: int | None, expected: bool, tmp_path: Path) -> None:
    known = {} if n_test is None else {"n_test": n_test}
    context = TaskContext.of(write_spec(tmp_path), 10_000, "cpu", **known)
    assert is_met(Condition(min_test=300), context) == expected


def test_a_family_must_serve_each_of_several_targets(tmp_path: Path) -> None:
    tabular = load_family(templates_dir() / "tabular")
    without_sets = [target for target in TARGETS if target["type"] != "label_set"]

    served = several_folder(tmp_path / "a", targets=without_sets)
    unserved = several_folder(tmp_path / "b")

    assert serves(tabular, TaskContext.of(served, 100, "cpu"))
    assert not serves(tabular, TaskContext.of(unserved, 100, "cpu"))
    assert "no family serves several targets (binary, bounded, category, label_set, ordinal, value)" in (
        unserved_message(unserved, ["tabular"])
    )


def test_a_value_that_does_not_serve_several_targets_is_not_offered(tmp_path: Path) -> None:
    tabular = load_family(templates_dir() / "tabular")
    context = TaskContext.of(several_folder(tmp_path), 100, "cpu")

    assert set(unmet_needs(tabular, {"model": "realmlp"}, context)) == {"model=realmlp"}
    assert not unmet_needs(tabular, {"model": "lightgbm"}, context)
    with pytest.raises(SetupError, match="serves the tasks classification and regression, not several"):
        require_slot_needs(tabular, {"model": "realmlp"}, context, "--set")


def test_texts_go_to_the_families_of_tables_and_of_texts(tmp_path: Path) -> None:
    families = [load_family(templates_dir() / name) for name in ("tabular", "text")]
    text, number = {"name": "words", "role": "text"}, {"name": "x", "role": "number"}

    def serving(folder: str, **fields: object) -> list[str]:
        context = TaskContext.of(write_spec(tmp_path / folder, **fields), 100, "cpu")
        return [family.id for family in families if serves(family, context)]

    assert serving("both", inputs=[text, number]) == ["tabular", "text"]
    assert serving("numbers", inputs=[number]) == ["tabular"]
    assert serving("sets", inputs=[text], task="multilabel", metric="micro_f1") == ["text"]
