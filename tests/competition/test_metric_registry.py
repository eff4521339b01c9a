"""The registry of metrics: loaded lazily, extended by packages, and strict about what an entry holds."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from agent.competition.metrics import METRICS, get_metric
from agent.competition.metrics.traits import TRAITS, Trait
from agent.competition.spec import MetricParameters
from agent.core.errors import SetupError
from tests.support.packages import install_package

HIT_SHARE = """
import numpy as np

from agent.competition.metrics import AdditiveScorer, Metric


def share(truth, prediction):
    hits = (truth == prediction).astype(float)[:, None]
    return AdditiveScorer(hits, lambda totals, rows: totals[:, 0] / rows)


METRIC = Metric("hit_share", "Share of hits.", True, {"classification": "label"}, share)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path with an installed package that adds metrics."""
    points = {"hit_share": "hit_share_metric:METRIC", "misnamed": "hit_share_metric:METRIC"}
    install_package(tmp_path, "hit-share", {"mars.metrics": points}, {"hit_share_metric.py": HIT_SHARE})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "hit_share_metric", raising=False)
    return tmp_path


@pytest.mark.usefixtures("package")
def test_a_package_adds_a_metric() -> None:
    assert "hit_share" in METRICS
    assert METRICS["hit_share"].tasks == ("classification",)


@pytest.mark.usefixtures("package")
def test_an_entry_must_hold_the_metric_of_its_name() -> None:
    with pytest.raises(
        SetupError, match=r"'misnamed' of the package hit-share .* holds the metric 'hit_share'"
    ):
        get_metric("misnamed")


@pytest.mark.usefixtures("package")
def test_a_metric_without_code_for_repositories_is_refused() -> None:
    with pytest.raises(SetupError, match="'hit_share' has no code for repositories"):
        get_metric("hit_share").source_for("classification", 3)


@pytest.mark.parametrize("name", METRICS)
def test_every_entry_holds_a_valid_metric(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name
    assert metric.traits <= set(TRAITS)
    assert set(metric.parameter_names) <= set(MetricParameters.model_fields)
    assert set(metric.alternatives) <= set(METRICS)
    assert metric.definition.endswith(".")


def test_metrics_load_without_slow_packages() -> None:
    code = (
        "import sys; from agent.competition.metrics import METRICS; [METRICS[name] for name in METRICS];"
        "print(*sorted({'pandas', 'scipy', 'sklearn', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_direction_and_error_agree() -> None:
    for metric in (get_metric("accuracy"), get_metric("rmse")):
        better, worse = (0.9, 0.5) if metric.higher_is_better else (0.5, 0.9)
        assert metric.is_better(better, worse)
        assert metric.error(better) < metric.error(worse)
        assert metric.direction.key(better) < metric.direction.key(worse)


def test_every_trait_is_explained_and_some_metric_has_it() -> None:
    assert set(TRAITS) == set(get_args(Trait))
    assert set(TRAITS) == {trait for metric in METRICS.values() for trait in metric.traits}
