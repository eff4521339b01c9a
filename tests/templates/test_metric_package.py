"""A metric of an installed package, one file and one entry point, from competition.yaml to a scored node."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from agent.core.paths import Home
from agent.record.opened_run import open_run
from tests.cli.commands import mars
from tests.support.packages import install_package

METRIC = '''
"""Geometric mean of the recalls of all classes."""

import numpy as np

from agent.competition.metrics import AdditiveScorer, Metric, MetricSource

BODY = """\\
present = np.unique(truth)
recalls = [max(np.mean(prediction[truth == label] == label), {correction}) for label in present]
return float(np.prod(recalls) ** (1 / len(present)))"""


def g_mean(truth, prediction, correction=0.0):
    one_hot = np.eye(int(max(truth.max(), prediction.max())) + 1)[truth]  # (N, C)
    hits = one_hot * (truth == prediction)[:, None]

    def finish(totals, rows):
        right, true = np.split(totals, 2, axis=1)
        recalls = np.where(true > 0, np.maximum(right / np.maximum(true, 1), correction), 1.0)
        return recalls.prod(axis=1) ** (1 / (true > 0).sum(axis=1))

    return AdditiveScorer(np.hstack([hits, one_hot]), finish)


def source(context):
    return MetricSource(BODY.format(**context.parameters))


G_MEAN = Metric(
    name="g_mean",
    definition="Geometric mean of the recalls of all classes, each at least {correction:g}.",
    higher_is_better=True,
    prediction_kinds={"classification": "label"},
    scorer=g_mean,
    source=source,
    traits=frozenset({"class_mean", "rare_classes"}),
    parameter_names=("correction",),
)
NO_CODE = Metric("no_code", "Scored by the harness only.", True, {"classification": "label"}, g_mean)
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with two metrics, for this process and for those that it starts."""
    folder = tmp_path / "site-packages"
    points = {"g_mean": "g_mean_metric:G_MEAN", "no_code": "g_mean_metric:NO_CODE"}
    install_package(folder, "g-mean", {"mars.metrics": points}, {"g_mean_metric.py": METRIC})
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "g_mean_metric", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))


def write_competition(folder: Path, metric: str, **parameters: float) -> Path:
    random = np.random.default_rng(0)
    size, weight = random.normal(size=(2, 330))
    table = pd.DataFrame({"id": [f"row{i}" for i in range(330)], "size": size, "weight": weight})
    colour = np.digitize(size + 0.3 * random.normal(size=330), [-0.5, 0.5])
    table["target"] = np.array(["blue", "green", "red"])[colour]
    folder.mkdir()
    table[:300].to_csv(folder / "train.csv", index=False)
    table[300:].drop(columns="target").to_csv(folder / "test.csv", index=False)
    table[300:][["id"]].assign(target="red").to_csv(folder / "sample_submission.csv", index=False)
    inputs = [{"name": name, "role": "number"} for name in ("size", "weight")]
    spec = {"id": "case", "title": "A case", "task": "classification", "targets": "target", "inputs": inputs}
    (folder / "competition.yaml").write_text(
        yaml.safe_dump({**spec, "metric": metric, "metric_parameters": parameters})
    )
    return folder


@pytest.mark.usefixtures("package")
def test_a_run_scores_by_the_metric_of_a_package(home: Home, tmp_path: Path) -> None:
    folder = write_competition(tmp_path / "case", "g_mean", correction=0.001)
    mars("run", "--competition", str(folder), "--minutes", "1", "--max-nodes", "1")
    run = open_run("latest", home)
    result = run.state.nodes[1].result
    assert result is not None
    assert result.status == "valid", result.reason  # the repository printed the harness's score
    assert result.metric is not None
    assert 0.4 < result.metric < 1
    assert result.metric_se
    assert "== label), 0.001) for label in present]" in run.lineage.read(result.commit)["library/loss.py"]


@pytest.mark.usefixtures("package", "home")
def test_a_run_by_a_metric_without_code_ends_before_the_first_node(tmp_path: Path) -> None:
    folder = write_competition(tmp_path / "case", "no_code")
    done = mars("run", "--competition", str(folder), "--minutes", "1", "--max-nodes", "1", code=2)
    assert "The metric 'no_code' has no code for repositories" in done.stdout + done.stderr
