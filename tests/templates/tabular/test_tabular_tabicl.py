"""TabICL reads the rows of a fit as context. The weights are the user's own: those here are random."""

import json
from pathlib import Path

import numpy as np
import pytest

from agent.core.paths import Home
from agent.planner.base import TaskContext
from agent.planner.family_packages import is_installed
from agent.planner.search_space import SearchSpace
from agent.record.opened_run import open_run
from agent.repository.family import Value
from tests.cli.commands import mars
from tests.templates.tabular.tabular_competitions import (
    FAMILY,
    Competition,
    folded,
    lay_out,
    mixed,
    mixed_table,
    run_all,
)

SLOTS: dict[str, Value] = {"model": "tabicl", "views": 2, "text_components": 2}
needs_tabicl = pytest.mark.skipif(
    not (is_installed("tabicl") and is_installed("torch")),
    reason="the package tabicl or torch is not installed",
)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_draft_is_offered_where_package_and_weights_are(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.planner.family_packages.is_installed", lambda name: True)

    def offered(rows: int = 800) -> bool:
        context = TaskContext(task, "rmse", frozenset({"number"}), rows, "cpu", weights=tmp_path)  # type: ignore[arg-type]
        drafts = SearchSpace({"tabular": FAMILY}, context).drafts()
        return "tabicl" in {draft.id for _, draft in drafts}

    right, wrong = ("classifier", "regressor") if task == "classification" else ("regressor", "classifier")
    (tmp_path / f"tabicl-{wrong}-v2.ckpt").touch()
    assert not offered()
    (tmp_path / f"tabicl-{right}-v2.ckpt").touch()
    assert offered()
    assert not offered(rows=10_001)
    monkeypatch.setattr("agent.planner.family_packages.is_installed", lambda name: name != "tabicl")
    assert not offered()


def save_random_weights(folder: Path) -> None:
    """Writes checkpoints of TabICL's form, whose small transformers have learned nothing."""
    import torch
    from tabicl._model.tabicl import TabICL

    torch.manual_seed(0)
    folder.mkdir(exist_ok=True)
    for name, classes in (("classifier", 10), ("regressor", 0)):
        config = {"max_classes": classes, "num_quantiles": 9, "embed_dim": 16, "zero_init": False}
        config |= {"col_num_blocks": 1, "row_num_blocks": 1, "icl_num_blocks": 1, "col_num_inds": 4}
        config |= {"col_nhead": 2, "row_nhead": 2, "icl_nhead": 2, "row_num_cls": 2}
        content = {"config": config, "state_dict": TabICL(**config).state_dict()}
        torch.save(content, folder / f"tabicl-{name}-random-weights.ckpt")


CASES: dict[str, tuple[Competition, dict[str, Value]]] = {
    "probabilities": (folded(mixed("classification", "log_loss", 150), 3), {}),
    "labels": (
        folded(mixed("classification", "balanced_accuracy", 150), 3),
        {"class_weight": "balanced", "category_encoding": "one_hot"},
    ),
    "values": (folded(mixed("regression", "rmse", 150), 3), {"target_transform": "quantile"}),
}


@needs_tabicl
@pytest.mark.slow
def test_runs_refits_saves_and_predicts(tmp_path: Path) -> None:
    folders = [
        lay_out(competition, SLOTS | slots, tmp_path / name) for name, (competition, slots) in CASES.items()
    ]
    for folder in folders:
        save_random_weights(folder / "weights")
    runs = run_all(folders, "--save")
    for done, (competition, _) in zip(runs, CASES.values(), strict=True):
        assert done.printed == pytest.approx(competition.score(done.workspace), abs=1e-6)
        kind = "classifier" if competition.classes else "regressor"
        assert done.analysis["weights"] == {"tabicl": f"file tabicl-{kind}-random-weights.ckpt"}
        assert json.loads((done.workspace / "working" / "frozen.json").read_text())["rows_per_fit"] == 0
    for done, after in zip(runs, run_all(folders, "--predict"), strict=True):
        assert after.exit_code == 0, after.output
        assert np.array_equal(done.outputs("test"), after.outputs("predicted"))
    for after in run_all(folders, "--refit"):
        assert after.exit_code == 0, after.output
        assert np.isfinite(after.outputs("test")).all()


@needs_tabicl
@pytest.mark.slow
def test_missing_and_damaged_weights_are_named(tmp_path: Path) -> None:
    competition, _ = CASES["values"]
    missing, damaged = (lay_out(competition, SLOTS, tmp_path / name) for name in ("missing", "damaged"))
    (damaged / "weights").mkdir()
    file = damaged / "weights" / "tabicl-regressor-v2.ckpt"
    file.write_bytes(b"no checkpoint")
    without, broken = run_all([missing, damaged])
    assert (without.exit_code, broken.exit_code) == (1, 1)
    assert f"{missing / 'weights'}: holds no file tabicl-regressor*.ckpt. Download" in without.output
    assert f"{file}: holds no weights of TabICL. Download the file again.\n" in broken.output
    assert "Traceback" not in without.output + broken.output


@needs_tabicl
@pytest.mark.slow
def test_a_run_reads_the_weights_of_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "shop"
    folder.mkdir()
    table = mixed_table(400, 0).drop(columns="customer").rename(columns={"signal": "target"})
    table[:300].to_csv(folder / "train.csv", index=False)
    table[300:].drop(columns="target").to_csv(folder / "test.csv", index=False)
    mars("init", str(folder))
    run = ("run", "--competition", str(folder), "--minutes", "1", "--max-nodes", "1", "--set", "model=tabicl")
    refused = mars(*run, code=2).stderr
    assert "--set model=tabicl: the value needs weights. Put a file tabicl-regressor*.ckpt into" in refused
    save_random_weights(tmp_path / "home" / "weights")
    mars(*run)
    result = open_run("latest", Home(tmp_path / "home")).state.nodes[1].result
    assert result is not None
    assert result.status == "valid", result
    assert result.facts["weights of tabicl"] == "file tabicl-regressor-random-weights.ckpt"
