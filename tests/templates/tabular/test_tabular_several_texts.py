"""Texts beside several targets: the terms are counted once for all targets, and short time ends no run."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import make_pipeline

from agent.repository.rendering import write_tree
from tests.competition.raw_folders import prepare_folder
from tests.competition.several_folders import several_folder
from tests.support.repository_runs import ruff_complaints
from tests.templates.tabular.several_competitions import KINDS, Several
from tests.templates.tabular.tabular_competitions import mixed, render, run_all

INPUTS = [{"name": "x", "role": "number"}, {"name": "note", "role": "text"}]


@pytest.fixture(scope="module")
def competition(tmp_path_factory: pytest.TempPathFactory) -> Several:
    """The breed stands in the text alone."""
    raw = tmp_path_factory.mktemp("several") / "raw"
    spec = several_folder(raw, targets=list(KINDS["both"]), inputs=INPUTS)
    for name in ("train.csv", "test.csv"):
        table = pd.read_csv(raw / name)
        table["note"] = "painted " + table["colour"] + " in " + table["id"]
        table.drop(columns="colour").to_csv(raw / name, index=False)
    return Several(prepare_folder(spec, raw))


@pytest.mark.parametrize("scores", ["none", "words", "characters"])
def test_every_use_of_texts_renders_to_clean_code(competition: Several, scores: str, tmp_path: Path) -> None:
    for components in (0, 4):
        slots = {"model": "lightgbm", "text_scores": scores, "text_components": components}
        files = competition.render(slots)
        assert ("library/terms.py" in files) == (scores != "none" or components > 0)
        write_tree(files, tmp_path / str(components))
    assert not ruff_complaints(tmp_path)


def test_one_target_shares_its_terms_with_nobody() -> None:
    assert "library/terms.py" not in render(mixed("classification", "accuracy"), {"model": "lightgbm"})


def test_terms_are_counted_once_and_as_they_would_be_without_sharing(competition: Several) -> None:
    module = ModuleType("terms")
    code = competition.render({"model": "linear", "text_scores": "words"})["library/terms.py"]
    exec(compile(code, "terms.py", "exec"), module.__dict__)
    texts = pd.Series(["red and blue", "red red", "blue"])

    for options in (
        {"ngram_range": (1, 2), "n_features": 64},
        {"analyzer": "char_wb", "ngram_range": (2, 4), "n_features": 256},
    ):
        shared = module.Terms(**options)
        counts = shared.fit_transform(texts)
        plain = HashingVectorizer(alternate_sign=False, **options).transform(texts)
        assert (counts != plain).nnz == 0
        assert module.Terms(**options).transform(texts.copy()) is counts
        assert module.Terms(**options).transform(texts[:2]).shape == (2, options["n_features"])


def test_latent_dimensions_are_fitted_once_and_as_they_would_be_without_sharing(competition: Several) -> None:
    module = ModuleType("terms")
    code = competition.render({"model": "linear", "text_components": 4})["library/terms.py"]
    exec(compile(code, "terms.py", "exec"), module.__dict__)
    texts = pd.Series(
        [f"{colour} and {other}" for colour in ("red", "blue") for other in ("tea", "oil", "ink")]
    )
    plain = make_pipeline(
        HashingVectorizer(ngram_range=(1, 2), n_features=64, alternate_sign=False),
        TfidfTransformer(sublinear_tf=True),
        TruncatedSVD(2, random_state=5),
    )

    one, other, less = (module.Topics((1, 2), 64, 2, seed=5) for _ in range(3))
    found = one.fit_transform(texts)
    other.fit(texts.copy())
    less.fit(texts[:4])

    assert np.allclose(found, plain.fit_transform(texts))
    assert other.reduction_ is one.reduction_
    assert less.reduction_ is not one.reduction_


def test_texts_tell_a_target_and_saved_models_predict_the_same(competition: Several, tmp_path: Path) -> None:
    workspace = competition.lay_out({"model": "linear", "text_scores": "characters"}, tmp_path / "run")
    (full,) = run_all([workspace], "--save")
    assert full.exit_code == 0, full.output
    assert competition.evaluate(full).target_scores["breed"] > 0.9
    first = pd.read_csv(workspace / "submission" / "submission.csv", dtype=str)

    (predicted,) = run_all([workspace], "--predict")

    assert predicted.exit_code == 0, predicted.output
    again = pd.read_csv(workspace / "submission" / "submission.csv", dtype=str)
    assert np.mean(first[["churn", "breed", "grade"]] == again[["churn", "breed", "grade"]]) == 1.0


@pytest.mark.parametrize("model", ["lightgbm", "xgboost", "catboost"])
def test_boosting_without_time_for_a_second_round_is_no_error(
    competition: Several, model: str, tmp_path: Path
) -> None:
    run = competition.run({"model": model}, tmp_path / "run", MARS_TIME_LIMIT_S="2")

    assert run.exit_code == 0, run.output
    assert competition.evaluate(run).fault is None
