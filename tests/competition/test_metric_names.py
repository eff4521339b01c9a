"""`metric:` takes the names that people use, and stores the name of the registry."""

import pytest

from agent.competition.metric_names import ALIASES, canonical_metric
from agent.competition.metrics import METRICS
from agent.competition.spec import CompetitionSpec


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("root_mean_squared_error", "rmse"),
        ("RMSE", "rmse"),
        ("neg_root_mean_squared_error", "rmse"),
        ("auc", "roc_auc"),
        ("roc-auc", "roc_auc"),
        ("ROC AUC", "roc_auc"),
        ("f1_macro", "macro_f1"),
        ("Macro-F1", "macro_f1"),
        ("logloss", "log_loss"),
        ("quadratic_weighted_kappa", "qwk"),
        ("accuracy_score", "accuracy"),
        ("Mean Absolute Error", "mae"),
        ("R^2", "r2"),
        ("R²", "r2"),
        ("micro_f1_answer_classes", "micro_f1_answer_classes"),
        ("metric_of_nobody", "metric_of_nobody"),
    ],
)
def test_a_name_that_people_use_becomes_the_registered_name(given: str, stored: str) -> None:
    spec = CompetitionSpec.model_validate(
        {
            "id": "a",
            "title": "A",
            "task": "regression",
            "metric": given,
            "targets": "y",
            "inputs": [{"name": "x", "role": "number"}],
        }
    )
    assert spec.metric == stored


def test_every_alias_leads_to_a_metric_and_no_alias_is_a_name_of_another_metric() -> None:
    assert set(ALIASES) <= set(METRICS)
    for name in METRICS:
        assert canonical_metric(name) == name
    every = [alias for aliases in ALIASES.values() for alias in aliases]
    assert len(set(every)) == len(every)
    for name, aliases in ALIASES.items():
        assert {canonical_metric(alias) for alias in aliases} == {name}
