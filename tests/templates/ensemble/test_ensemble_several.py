"""An ensemble of solutions of several typed targets: the harness agrees with its score."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition.evaluation import evaluate
from agent.core.paths import templates_dir
from agent.repository.ensemble_code import MemberSource, ensemble_files
from agent.repository.rendering import write_tree
from agent.repository.target_parts import TargetPart
from tests.competition.several_folders import several_rows
from tests.support.repository_runs import ruff_complaints
from tests.templates.ensemble.ensemble_repository import IDEA, Result, run
from tests.templates.tabular.several_competitions import KINDS, Several, several

MEMBERS = ("001", "002", "003")


def noisy_outputs(
    parts: tuple[TargetPart, ...], truth: pd.DataFrame, classes: pd.DataFrame, seed: int
) -> np.ndarray:
    """Raw outputs (N, K) of a solution that is right more often than not."""
    random, columns = np.random.default_rng(seed), []
    for part in parts:
        cells = truth[part.name]
        if part.n_classes is None:
            columns.append(cells.to_numpy(float)[:, None] + random.normal(0, 1, (len(cells), 1)))
            continue
        labels = classes[classes["target"] == part.name]["label"].tolist()
        right = np.eye(part.n_classes)[cells.map(labels.index).to_numpy()]
        shares = right + random.gamma(1.0, 0.6, right.shape)
        columns.append(shares / shares.sum(axis=1, keepdims=True))
    return np.hstack(columns).astype(np.float32)


def lay_out(competition: Several, workspace: Path) -> Path:
    """Write an ensemble whose members have recorded outputs, of their runs and of their refits."""
    sources = [MemberSource(node, f"Member {node}", {"requirements.txt": "numpy\n"}) for node in MEMBERS]
    write_tree(ensemble_files(sources, competition.view, IDEA, templates_dir()), workspace)
    (workspace / "input").mkdir()
    metadata = workspace / "metadata"
    shutil.copytree(competition.prepared.metadata, metadata)
    read = {"dtype": str, "keep_default_na": False}
    names = pd.read_csv(competition.prepared.private / "ids.csv", **read).set_index("opaque")["original"]
    rows = several_rows(150).astype(str).set_index("id")
    file = metadata / "classes.csv"
    classes = pd.read_csv(file, **read) if file.exists() else pd.DataFrame(columns=["target", "label"])
    for seed, node in enumerate(MEMBERS):
        for part, tables in (("val", ["val", "train"]), ("test", ["test"])):
            ids = [row for name in tables for row in pd.read_csv(metadata / f"{name}.csv", **read)["id"]]
            outputs = noisy_outputs(competition.view.targets, rows.loc[names.loc[ids]], classes, seed)
            for folder in (workspace / "members" / node, workspace / "members" / node / "refit"):
                (folder / "working").mkdir(parents=True, exist_ok=True)
                np.savez(folder / "working" / f"{part}_outputs.npz", ids=np.array(ids), outputs=outputs)
                (folder / "working" / "frozen.json").write_text('{"seconds": 1.0}')
    return workspace


@pytest.fixture(scope="module", params=["both", "probability", "numbers"])
def finished(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Several, Result]:
    folder = tmp_path_factory.mktemp("several")
    competition = several(folder, request.param)
    return competition, run(lay_out(competition, folder / "run"))


def test_the_harness_agrees_with_the_score_of_the_blend(finished: tuple[Several, Result]) -> None:
    competition, result = finished

    found = evaluate(competition.prepared, result.workspace, result.printed)

    assert found.fault is None, result.output
    assert found.validation is not None
    assert found.validation > max(result.analysis["member_metrics"].values())
    assert sum(result.analysis["weights"].values()) == pytest.approx(1)


def test_a_refit_blends_the_members_refits(finished: tuple[Several, Result]) -> None:
    _, result = finished
    submission = result.workspace / "submission" / "submission.csv"
    asked = pd.read_csv(submission)
    submission.unlink()

    again = run(result.workspace, "--refit")

    assert "Final Validation Metric" not in again.output
    pd.testing.assert_frame_equal(pd.read_csv(submission), asked)


def test_is_clean(tmp_path: Path) -> None:
    for kind in KINDS:
        lay_out(several(tmp_path / "data" / kind, kind), tmp_path / "rendered" / kind)

    assert not ruff_complaints(tmp_path / "rendered")
