"""Classes that count as novel in validation: no training row has them, and the refit gets their labels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition.metric_parameters import MetricParameters
from agent.competition.metrics import get_metric
from agent.competition.metrics.scorers import AdditiveScorer
from agent.competition.prepared import Prepared
from agent.competition.refit_tables import write_refit_tables
from agent.competition.tables import read_table
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.engine.request import make_settings
from agent.engine.run_request import RunRequest
from tests.competition.hierarchy_folders import KINDS, NOVEL, TARGETS, hierarchy_folder, hierarchy_rows
from tests.competition.raw_folders import prepare_folder


def prepared_hierarchy(folder: Path, labelled: int = 180, **fields: object) -> Prepared:
    spec = hierarchy_folder(folder / "raw", labelled, **fields)
    return prepare_folder(spec, folder / "raw")


def originals(prepared: Prepared, labelled: int) -> pd.DataFrame:
    """The user's labels by opaque id."""
    ids = read_table(prepared.private, "ids.csv")
    rows = hierarchy_rows(labelled).set_index("id").loc[ids[ids["part"] != "test"]["original"]]
    return rows.set_index(ids[ids["part"] != "test"]["opaque"].to_numpy())[["kind", "species"]]


def test_a_superclass_and_a_part_of_the_other_classes_count_as_novel(tmp_path: Path) -> None:
    prepared = prepared_hierarchy(tmp_path)
    (kind,) = prepared.pseudo_novel["kind"]
    species = set(prepared.pseudo_novel["species"])
    assert set(KINDS[kind]) <= species
    assert [len(species & set(KINDS[other])) for other in KINDS if other != kind] == [1, 1]


def test_no_training_row_has_a_class_that_counts_as_novel(tmp_path: Path) -> None:
    prepared = prepared_hierarchy(tmp_path)
    train, val = read_table(prepared.metadata, "train.csv"), read_table(prepared.metadata, "val.csv")
    true = originals(prepared, 180)
    for name, labels in prepared.pseudo_novel.items():
        assert not set(train[name]) & set(labels)
        unseen = true[name].loc[val["id"]].isin(labels).to_numpy()
        assert (val[name][unseen] == NOVEL[name]).all()
        assert (val[name][~unseen] == true[name].loc[val["id"]].to_numpy()[~unseen]).all()
        assert unseen.any()
        assert not unseen.all()
    assert val[["id", "kind", "species"]].equals(read_table(prepared.private, "val.csv"))


def test_every_row_of_such_a_class_validates_or_audits(tmp_path: Path) -> None:
    prepared = prepared_hierarchy(tmp_path, labelled=2100)
    assert prepared.rows.audit == 210
    audit = read_table(prepared.private, "audit.csv")
    assert (audit["species"] == NOVEL["species"]).sum() > 50
    counted = (read_table(prepared.metadata, "val.csv")["species"] == NOVEL["species"]).sum()
    rows = hierarchy_rows(2100)["species"].isin(prepared.pseudo_novel["species"]).sum()
    assert counted + (audit["species"] == NOVEL["species"]).sum() == rows


def test_a_refit_gets_the_labels_back(tmp_path: Path) -> None:
    prepared = prepared_hierarchy(tmp_path, labelled=2100)
    write_refit_tables(prepared, tmp_path / "refit")
    true = originals(prepared, 2100)
    tables = [read_table(tmp_path / "refit", f"{part}.csv") for part in ("train", "val")]
    table = pd.concat(tables).set_index("id")[["kind", "species"]]
    assert len(table) == 2100
    assert table.equals(true.loc[table.index])
    assert not set(NOVEL.values()) & set(table.to_numpy().ravel())


def test_the_same_table_gives_the_same_classes(tmp_path: Path) -> None:
    first, second = (prepared_hierarchy(tmp_path / name) for name in ("first", "second"))
    assert first.pseudo_novel == second.pseudo_novel
    assert first.fingerprint == second.fingerprint


def test_other_metrics_hold_no_class_out(tmp_path: Path) -> None:
    plain = [{**one, "metric": "accuracy", "metric_parameters": {}} for one in TARGETS]
    prepared = prepared_hierarchy(tmp_path, targets=plain)
    assert prepared.pseudo_novel == {}
    assert set(read_table(prepared.metadata, "train.csv")["species"]) == {
        one for k in KINDS.values() for one in k
    }
    assert not (prepared.private / "original_labels.csv").exists()


def test_groups_decide_the_split_alone(tmp_path: Path) -> None:
    groups = [{"name": "x", "role": "group"}, {"name": "x2", "role": "number"}]
    spec = hierarchy_folder(tmp_path / "raw", inputs=groups)
    for name in ("train.csv", "test.csv"):
        table = pd.read_csv(tmp_path / "raw" / name)
        table.assign(x2=table["x"]).to_csv(tmp_path / "raw" / name, index=False)
    prepared = prepare_folder(spec, tmp_path / "raw")
    assert prepared.pseudo_novel == {}


def test_a_wrong_index_of_the_novel_class_is_refused(tmp_path: Path) -> None:
    wrong = [{**TARGETS[0], "metric_parameters": {"novel": 2}}, TARGETS[1]]
    with pytest.raises(SetupError, match=r"index 3, not 2.*novel: 3"):
        prepared_hierarchy(tmp_path, targets=wrong)


def test_the_metric_needs_a_novel_label(tmp_path: Path) -> None:
    without = [{**TARGETS[0], "novel": None}, TARGETS[1]]
    with pytest.raises(SetupError, match="needs its novel label"):
        prepared_hierarchy(tmp_path, targets=without)


def test_seen_and_unseen_rows_count_alike() -> None:
    metric = get_metric("seen_unseen_accuracy", MetricParameters.model_validate({"novel": 2}))
    truth = np.array([0, 0, 1, 1, 2])
    assert metric.score(truth, np.array([0, 0, 1, 2, 2])) == pytest.approx((3 / 4 + 1) / 2)
    assert metric.score(truth, np.full(5, 2)) == pytest.approx(0.5)
    assert metric.score(truth[:4], truth[:4]) == 1.0
    assert isinstance(metric.scorer(truth, truth), AdditiveScorer)


@pytest.mark.parametrize("metric", ["seen_unseen_accuracy", "accuracy"])
def test_a_run_reserves_time_for_a_refit_that_learns_classes(tmp_path: Path, metric: str) -> None:
    is_open = metric != "accuracy"
    plain = [{**one, "metric": "accuracy", "metric_parameters": {}} for one in TARGETS]
    prepared = prepared_hierarchy(tmp_path, targets=list(TARGETS) if is_open else plain)
    request = RunRequest(competition="tiny", minutes=5)
    settings = make_settings(request, prepared, tmp_path, Home(tmp_path / "home"))
    assert settings.refit_is_needed == is_open
