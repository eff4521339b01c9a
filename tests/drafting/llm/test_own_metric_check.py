"""An own metric: the model writes it, the sandbox runs it, and no value of the data is sent."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agent.competition.evaluation import check_metric
from agent.competition.metrics import metric_of
from agent.competition.spec import load_spec
from agent.core.errors import SetupError
from agent.drafting.llm import draft
from agent.execution import run_script
from tests.drafting.llm.described_folders import ROWS, Drafter, answer, write_folder

WITHIN = """import numpy as np


def score(truth, prediction):
    return np.mean(np.abs(truth - prediction) <= 1)
"""
# On real rows it reveals the first value by the name of its error.
TELLS = """
def score(truth, prediction):
    if len(truth) == 120:
        return float(1 - abs(truth - prediction).mean())
    raise type(f"E{truth[0]}".replace(".", "_"), (Exception,), {})
"""
VALUES = np.arange(ROWS) + 7731.25


def own(code: str = WITHIN, **changed: Any) -> dict[str, Any]:
    metric = {"definition": "Share of rows within one.", "prediction": "value", "best": 1.0, "code": code}
    return answer(task="regression", metric="own", own_metric={**metric, **changed})


def test_an_own_metric_is_written_checked_and_kept(tmp_path: Path, drafter: Drafter) -> None:
    folder = write_folder(tmp_path / "grades", VALUES, "Scored by the share of rows within one.")
    written = drafter.draft(folder, own())
    assert (folder / "metric.py").read_text() == WITHIN
    spec = load_spec(folder / "competition.yaml")
    assert spec.own_metric is not None
    assert (spec.metric, spec.own_metric.definition) == ("metric.py", "Share of rows within one.")
    assert written.prepared is not None
    check_metric(written.prepared, metric_of(spec, run_script))
    assert "# To check: Read metric.py" in (folder / "competition.yaml").read_text()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (own("def score(truth, prediction):\n    return truth."), "is not a readable Python module"),
        (own("def metric(truth, prediction):\n    return 1.0"), "must define `def score(truth, prediction)`"),
        (own(WITHIN.replace("np.abs", "np.fabz")), "failed: AttributeError in line 5"),
        (own(WITHIN.replace("<= 1", "> 1")), "perfect predictions of synthetic rows get 0, not best = 1"),
        (own(prediction="label"), "task, metric and own_metric do not fit together"),
    ],
)
def test_a_faulty_own_metric_goes_back_to_the_model(
    tmp_path: Path, drafter: Drafter, wrong: dict[str, Any], message: str
) -> None:
    folder = write_folder(tmp_path / "grades", VALUES)
    drafter.draft(folder, wrong, own())
    assert message in drafter.request(2)
    assert (folder / "metric.py").read_text() == WITHIN


def test_an_error_on_real_rows_is_never_sent(tmp_path: Path, drafter: Drafter) -> None:
    folder = write_folder(tmp_path / "grades", VALUES)
    written = drafter.draft(
        folder, own(TELLS), own(TELLS), answer(task="regression", metric="mae", higher_is_better=False)
    )
    assert any("E77" in message for message in drafter.messages), "the user may read the error"
    assert "the code of the metric fails on the validation rows" in drafter.request(2)
    values = {str(value).replace(".", mark) for value in VALUES for mark in "._"}
    assert not any(value in drafter.sent for value in values)
    assert written.draft.spec.metric == "mae"
    assert not (folder / "metric.py").exists()


def test_an_own_metric_that_always_fails_leaves_no_file(
    tmp_path: Path, drafter: Drafter, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "grades", VALUES, sample=None)
    bad = {**own(WITHIN.replace("<= 1", "> 1")), "sample_submission": ""}
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(SetupError, match="perfect predictions of synthetic rows get 0"):
        drafter.draft(folder, bad, bad, bad)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*before, "competition.llm.txt"])


def test_no_code_runs_without_a_sandbox(
    tmp_path: Path, drafter: Drafter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft, "can_run_untrusted_code", lambda: False)
    folder = write_folder(tmp_path / "grades", VALUES)
    drafter.draft(folder, own(), answer(task="regression", metric="mae", higher_is_better=False))
    assert "this machine cannot run it safely" in drafter.request(2)
    assert "def score" not in drafter.script.asked[0]["messages"][0]["content"]
    assert not (folder / "metric.py").exists()


def test_the_users_own_metric_is_neither_run_nor_replaced(tmp_path: Path, drafter: Drafter) -> None:
    folder = write_folder(tmp_path / "grades", VALUES)
    (folder / "metric.py").write_text("mine")
    drafter.draft(folder, own(), answer(task="regression", metric="mae", higher_is_better=False))
    assert (folder / "metric.py").read_text() == "mine"
    assert pd.read_csv(folder / "sample_submission.csv").shape == (30, 2)
