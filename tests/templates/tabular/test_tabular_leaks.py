"""A real table: rendered code with an honest edit leads; what learns from validation rows does not."""

from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer

from agent.core.paths import Home
from agent.record.events import NodeResult
from agent.record.opened_run import open_run
from tests.cli.commands import mars

ROWS = 480
HONEST = ("library/loss.py", '"""', '"""Edited. ')
LEAKY = (
    "library/splits.py",
    "rows = np.flatnonzero(folds != fold)",
    "rows = np.flatnonzero(folds >= 0)",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tumours of which too few are known to withhold any."""
    inputs, answers = load_breast_cancer(return_X_y=True, as_frame=True)
    table = inputs.rename(columns=lambda name: name.replace(" ", "_"))
    table = table.assign(label=answers.map({0: "malignant", 1: "benign"}))
    table.insert(0, "id", [f"r{row}" for row in table.index])
    table = table.sample(frac=1, random_state=1)
    folder = tmp_path / "tumours"
    folder.mkdir()
    table[:ROWS].to_csv(folder / "train.csv", index=False)
    table[ROWS:].drop(columns="label").to_csv(folder / "test.csv", index=False)
    mars("init", str(folder))
    return folder


def _result(home: Home) -> tuple[dict[str, str], NodeResult]:
    run = open_run("latest", home)
    result = run.state.nodes[1].result
    assert result is not None
    return run.lineage.read(result.commit), result


@pytest.mark.slow
def test_boosting_that_learns_from_validation_rows_is_found_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARS_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home")
    run = ("run", "--competition", str(folder), "--minutes", "1", "--max-nodes", "1")
    mars(*run, "--set", "model=hist_gradient_boosting")
    files, _ = _result(home)
    for (name, old, new), status, verdict in ((HONEST, "valid", "passed"), (LEAKY, "suspect", "follows")):
        own = tmp_path / status
        for other, text in files.items():
            (own / other).parent.mkdir(parents=True, exist_ok=True)
            (own / other).write_text(text.replace(old, new, 1) if other == name else text)
        assert old in files[name]
        mars(*run, "--from", str(own), code=0 if status == "valid" else 1)
        _, result = _result(home)
        assert result.audit_metric is None
        assert result.probe is not None
        assert (result.status, result.probe.verdict) == (status, verdict), result.reason
