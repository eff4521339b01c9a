"""The sample of metric matching: schema, determinism, documented distribution, texts that tell the score."""

import hashlib
import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from agent.competition.grading import grade_submission
from agent.competition.spec import load_spec
from tests.benchmarks.benchmark_scripts import METRIC_MATCHING, files_below, import_script, run_script

TEXTS = ["metric_name", "system_prompt", "user_prompt", "response"]
SCRIPTS = {"hindi": "[\u0900-\u097f]", "tamil": "[\u0b80-\u0bff]", "english": "[a-z]"}


@pytest.fixture(scope="module")
def sample() -> ModuleType:
    return import_script(METRIC_MATCHING / "sample.py")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole sample, made by the script's own process."""
    out = tmp_path_factory.mktemp("metrics") / "sample"
    done = run_script(METRIC_MATCHING / "sample.py", out, "--seed", "0")
    assert done.returncode == 0, done.stderr
    return out


def records(file: Path) -> pd.DataFrame:
    return pd.DataFrame(json.loads(file.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def train(made: Path) -> pd.DataFrame:
    return records(made / "train_data.json")


@pytest.fixture(scope="module")
def scores(made: Path) -> np.ndarray:
    return pd.read_csv(made / "answers" / "test.csv")["score"].to_numpy(float)


def rmse(truth: np.ndarray, predicted: np.ndarray | float) -> float:
    return float(np.sqrt(np.mean((truth - predicted) ** 2)))


def test_tables_follow_the_spec(made: Path, train: pd.DataFrame) -> None:
    spec = load_spec(METRIC_MATCHING / "competition.yaml")
    assert (spec.task, spec.metric, spec.columns_with("text")) == ("regression", "rmse", TEXTS)
    test = records(made / str(spec.test))
    assert (list(train), list(test)) == ([*TEXTS, "score"], TEXTS)
    assert (len(train), len(test)) == (3000, 1500)
    submission, answers = (
        pd.read_csv(made / spec.sample_submission),
        pd.read_csv(made / "answers" / "test.csv"),
    )
    assert list(submission) == list(answers) == ["ID", "score"]
    assert list(submission["ID"]) == list(answers["ID"]) == list(range(1, 1501))
    assert submission["score"].nunique() == 1


def test_grading_finds_the_answers_by_place(made: Path, scores: np.ndarray) -> None:
    spec = load_spec(METRIC_MATCHING / "competition.yaml")
    grade = grade_submission(spec, made, made / spec.sample_submission)
    assert (grade.metric, grade.rows) == ("rmse", 1500)
    assert grade.score == pytest.approx(rmse(scores, 9.0))


def test_it_is_said_everywhere_that_the_sample_is_generated() -> None:
    assert "other records, made of templates" in (METRIC_MATCHING / "description.md").read_text()
    assert "made-up records" in (METRIC_MATCHING / "README.md").read_text()


def test_scores_are_as_unbalanced_as_documented(train: pd.DataFrame, scores: np.ndarray) -> None:
    for values in (train["score"].to_numpy(float), scores):
        assert set(values) <= set(range(11))
        assert 0.87 < np.mean(values >= 9) < 0.92
        assert 1.6 < values.std() < 2.1
        assert np.mean(values <= 3) > 0.03


def test_kinds_have_the_shares_of_the_readme(sample: ModuleType) -> None:
    from record_parts.records import KIND_ODDS, KINDS

    shares = re.findall(
        r"^\| (?:the|flawed).*\| ([\d.]+) % \|", (METRIC_MATCHING / "README.md").read_text(), re.M
    )
    assert [float(share) / 100 for share in shares] == pytest.approx(KIND_ODDS)
    drawn = pd.Series([record.kind for record in sample.make_records("train", 0, 3000)])
    found = drawn.value_counts(normalize=True)
    assert list(found[list(KINDS)]) == pytest.approx(KIND_ODDS, abs=0.012)


def test_every_language_is_written_in_its_script(sample: ModuleType) -> None:
    drawn = sample.make_records("train", 0, 3000)
    shares = pd.Series([record.language for record in drawn]).value_counts(normalize=True)
    assert dict(shares) == pytest.approx({"hindi": 0.42, "tamil": 0.33, "english": 0.25}, abs=0.03)
    for record in drawn:
        found = {name for name, letters in SCRIPTS.items() if re.search(letters, record.response)}
        assert found == {record.language}, record.response


def test_templates_leave_no_bracket(sample: ModuleType) -> None:
    records = list(sample.make_records("comparison", 1, 3000))
    assert len(records) == 3000
    for record in records:
        for text in record.fields.values():
            assert text is None or not set("[]|{}") & set(text), text


def test_every_language_has_the_same_grammar() -> None:
    from record_parts.metrics import CONCEPTS
    from record_parts.records import LANGUAGES

    for language in LANGUAGES.values():
        assert tuple(language.concepts) == CONCEPTS
        sizes = {(len(one.asks), len(one.good), len(one.poor)) for one in language.concepts.values()}
        assert sizes == {(2, 3, 2)}
        assert (len(language.topics), len(language.fillers)) == (8, 4)
    assert len(LANGUAGES) == 3


def test_mismatches_score_low_and_fitting_responses_high(sample: ModuleType) -> None:
    drawn = pd.DataFrame([vars(record) for record in sample.make_records("train", 0, 3000)])
    means = drawn.groupby("kind")["score"].mean()
    assert means["fitting"] == pytest.approx(9.53, abs=0.05)
    assert (means.drop("fitting") < 5.2).all()
    other = drawn[~drawn["kind"].isin(["fitting", "evasive"])]
    assert rmse(other["score"].to_numpy(float), other["fit"].to_numpy()) < 1.2


def test_vectors_of_metrics_of_one_concept_are_close(made: Path) -> None:
    from record_parts.metrics import CONCEPT_OF, are_related

    names = json.loads((made / "metric_names.json").read_text())
    vectors = np.load(made / "metric_name_embeddings.npy")
    assert vectors.shape == (len(names), 768) == (36, 768)
    cosines: dict[str, list[float]] = {"same": [], "related": [], "other": []}
    for row, one in enumerate(names):
        for column, other in enumerate(names[:row]):
            first, second = CONCEPT_OF[one], CONCEPT_OF[other]
            kind = "same" if first == second else "related" if are_related(first, second) else "other"
            cosines[kind].append(float(vectors[row] @ vectors[column]))
    assert min(cosines["same"]) > 0.5 > 0.3 > max(cosines["related"])
    assert np.mean(cosines["related"]) > 0.1 > 0.03 > np.mean(cosines["other"])
    assert set(records(made / "test_data.json")["metric_name"]) <= set(names)


def counted(train: pd.DataFrame, test: pd.DataFrame) -> tuple[csr_matrix, csr_matrix]:
    """TF-IDF of words and word pairs, apart for each column."""
    parts = []
    for name in TEXTS:
        terms = TfidfVectorizer(token_pattern=r"[^\s.,;:!?।]+", ngram_range=(1, 2), sublinear_tf=True)
        parts.append([terms.fit_transform(train[name].fillna("")), terms.transform(test[name].fillna(""))])
    return tuple(hstack(part).tocsr() for part in zip(*parts, strict=True))  # type: ignore[return-value]


def test_a_bag_of_words_beats_a_constant_and_a_shuffled_target_does_not(
    made: Path, train: pd.DataFrame, scores: np.ndarray
) -> None:
    target = train["score"].to_numpy(float)
    x, x_test = counted(train, records(made / "test_data.json"))
    constant = rmse(scores, target.mean())
    learned = rmse(scores, Ridge(alpha=3.0).fit(x, target).predict(x_test))
    shuffled = np.random.default_rng(0).permutation(target)
    kinds = pd.read_csv(made / "answers" / "test_kinds.csv")

    assert learned < 0.97 * constant
    assert rmse(scores, Ridge(alpha=3.0).fit(x, shuffled).predict(x_test)) > constant
    assert (
        rmse(scores, kinds["fit"].to_numpy()) < 0.45 * learned
    )  # words alone are far from what can be known


def test_seed_decides_the_bytes(sample: ModuleType, tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        sample.write_sample(tmp_path / name, seed, train=12, test=6)
    one, same, other = (files_below(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert len(one) == 7
    differing = {name for name in one if one[name] != other[name]}
    assert differing >= {"train_data.json", "test_data.json", "metric_name_embeddings.npy"}


def test_comparison_rows_and_counts_change_nothing_else(sample: ModuleType, tmp_path: Path) -> None:
    sample.write_sample(tmp_path / "without", train=8, test=4)
    sample.write_sample(tmp_path / "with", train=8, test=4, comparison=5)
    without, with_rows = files_below(tmp_path / "without"), files_below(tmp_path / "with")
    assert {path: with_rows[path] for path in without} == without
    assert set(with_rows) - set(without) == {"comparison_data.json", "answers/comparison.csv"}
    assert sample.make_records("train", 0, 12)[:8] == sample.make_records("train", 0, 8)


def test_a_folder_in_use_is_refused(made: Path) -> None:
    done = run_script(METRIC_MATCHING / "sample.py", made)
    assert done.returncode == 2
    assert "is not empty; give a new folder" in done.stderr


def test_generator_is_frozen(made: Path) -> None:
    """Scores are compared on these records. To change them is to start every comparison anew."""
    digests = {
        name: hashlib.sha256((made / name).read_bytes()).hexdigest()[:16]
        for name in ("train_data.json", "test_data.json", "answers/test.csv")
    }
    assert digests == {
        "train_data.json": "d5fac34fdbd30d08",
        "test_data.json": "6d3f7ac9bd414b1e",
        "answers/test.csv": "d890ed36974f4ff9",
    }
