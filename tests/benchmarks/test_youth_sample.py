"""The sample of the youth narratives: schema, determinism, documented rates and errors, telling reports."""

import hashlib
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import f1_score

from agent.competition.grading import grade_submission
from agent.competition.spec import load_spec
from tests.benchmarks.benchmark_scripts import YOUTH, files_below, import_script, run_script

CODES = ["InjuryLocationType", "WeaponType1"]
README = (YOUTH / "README.md").read_text()


@pytest.fixture(scope="module")
def sample() -> ModuleType:
    return import_script(YOUTH / "sample.py")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole sample, made by the script's own process."""
    out = tmp_path_factory.mktemp("youth") / "sample"
    done = run_script(YOUTH / "sample.py", out, "--seed", "0")
    assert done.returncode == 0, done.stderr
    return out


def labels(made: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(made / name).set_index("uid")


def test_tables_follow_the_spec(made: Path) -> None:
    spec = load_spec(YOUTH / "competition.yaml")
    train, test = pd.read_csv(made / spec.train), pd.read_csv(made / str(spec.test))
    assert list(train) == list(test) == ["uid", *spec.columns_with("text")]
    assert (len(train), len(test)) == (2000, 1000)
    assert len(set(train["uid"]) | set(test["uid"])) == 3000
    assert not train.isna().any().any()
    for name, rows in (
        (str(spec.train_labels), train),
        (spec.sample_submission, test),
        ("answers/test.csv", test),
    ):
        table = pd.read_csv(made / name)
        assert list(table) == ["uid", *spec.targets]
        assert list(table["uid"]) == list(rows["uid"])


def test_metric_is_the_mean_of_21_f1_and_two_shares_of_right_codes() -> None:
    spec = load_spec(YOUTH / "competition.yaml")
    assert (spec.task, spec.metric, len(spec.typed_targets)) == ("several", "mean_of", 23)
    kinds = [(target.type, target.metric, target.positive_class) for target in spec.typed_targets]
    assert kinds == [("binary", "f1", "1")] * 21 + [("category", "accuracy", None)] * 2
    assert {target.weight for target in spec.typed_targets} == {1.0}
    assert not spec.llm_may_see_rows


def test_it_is_said_everywhere_that_the_sample_is_generated() -> None:
    assert "other reports, made of templates" in (YOUTH / "description.md").read_text()
    assert "made-up reports" in README


def test_shares_are_those_of_the_readme(made: Path) -> None:
    found = pd.concat([labels(made, f"answers/{name}.csv") for name in ("train", "test")])
    binary = found.drop(columns=CODES).mean()
    assert 0.03 < binary.min() < 0.06
    assert 0.55 < binary.max() < 0.65
    stated = re.findall(r"^\| (`[a-z_`, ]+) \| (\d+)(?: to (\d+))? % \|$", README, re.M)
    named = {name: row[1:] for row in stated for name in re.findall(r"\w+", row[0])}
    assert set(named) == set(binary.index)
    for name, (low, high) in named.items():
        assert float(low) - 1.5 < 100 * binary[name] < float(high or low) + 1.5, name
    places = found["InjuryLocationType"].value_counts(normalize=True).sort_index()
    assert list(places) == pytest.approx([0.54, 0.06, 0.08, 0.12, 0.11, 0.09], abs=0.02)
    items = found["WeaponType1"].value_counts(normalize=True)
    assert set(items.index) == set(range(1, 13))
    assert items.max() == pytest.approx(0.28, abs=0.03)


def test_only_training_labels_have_the_documented_errors(made: Path) -> None:
    clean, noisy = labels(made, "answers/train.csv"), labels(made, "train_labels.csv")
    truth, given = clean.drop(columns=CODES).to_numpy(), noisy.drop(columns=CODES).to_numpy()
    assert np.mean(given[truth == 1] == 0) == pytest.approx(0.06, abs=0.01)
    assert np.mean(given[truth == 0] == 1) == pytest.approx(0.015, abs=0.003)
    for name, codes in zip(CODES, (6, 12), strict=True):
        assert (clean[name] != noisy[name]).mean() == pytest.approx(0.05 * (1 - 1 / codes), abs=0.015)


def test_diagnoses_occur_with_a_mental_health_problem_only(made: Path) -> None:
    table = labels(made, "answers/train.csv")
    diagnoses = [name for name in table if name.endswith("_diagnosis")]
    assert len(diagnoses) == 4
    assert (table.loc[table[diagnoses].any(axis=1), "mental_health_problem"] == 1).all()


def test_every_variable_has_clauses_with_a_person_and_no_template_shows(sample: ModuleType) -> None:
    from narrative_parts.clauses import CLAUSES
    from narrative_parts.variables import BINARY

    assert tuple(CLAUSES) == BINARY
    assert all("{v}" in clause for clauses in CLAUSES.values() for clause in clauses)
    features, _ = sample.make_rows("comparison", 1, 1000)
    text = " ".join([*features["NarrativeLE"], *features["NarrativeCME"]])
    assert not set("[]|{}") & set(text)


def test_items_are_opaque_codes(made: Path) -> None:
    text = " ".join(
        pd.read_csv(made / "train_features.csv")[["NarrativeLE", "NarrativeCME"]].to_numpy().ravel()
    )
    said = re.findall(r"The item (?:was entered|is listed|was coded) as ([^.]+)\.", text)
    assert len(said) > 1000
    assert all(re.fullmatch(r"type (\d+|[a-z]+)|T\d\d", code) for code in said)


def test_a_clause_alone_does_not_tell_whether_it_holds(made: Path) -> None:
    """Of the cases that mention a diagnosis, a part has none: it is denied, or somebody else has it."""
    train, truth = pd.read_csv(made / "train_features.csv"), labels(made, "answers/train.csv")
    both = (train["NarrativeLE"] + " " + train["NarrativeCME"]).str.lower()
    for word, name in (("bipolar", "bipolar_diagnosis"), ("adhd|attention deficit", "attention_diagnosis")):
        mentioned = both.str.contains(word).to_numpy()
        assert 0.2 < np.mean(truth.loc[mentioned, name] == 1) < 0.7
    denied = (
        "denied|disputed|did not believe|no (?:record|indication|evidence) that|never heard|not confirmed"
    )
    assert both.str.contains(denied).mean() > 0.4


def score(truth: pd.DataFrame, predicted: pd.DataFrame) -> float:
    """The competition's metric, by scikit-learn."""
    binary = [f1_score(truth[name], predicted[name], zero_division=0.0) for name in truth.columns[:-2]]
    return float(np.mean([*binary, *((truth[name] == predicted[name]).mean() for name in CODES)]))


def test_grading_agrees_with_scikit_learn(made: Path, tmp_path: Path) -> None:
    truth = labels(made, "answers/test.csv")
    guess = truth.sample(frac=1, random_state=0).set_axis(truth.index)
    guess.to_csv(tmp_path / "submission.csv")
    grade = grade_submission(load_spec(YOUTH / "competition.yaml"), made, tmp_path / "submission.csv")
    assert (grade.metric, grade.rows) == ("mean_of", 1000)
    assert grade.score == pytest.approx(score(truth, guess))
    assert [of.target for of in grade.target_scores] == list(truth)


def test_a_bag_of_words_beats_a_constant_and_shuffled_labels_do_not(made: Path) -> None:
    train, test = (pd.read_csv(made / f"{part}_features.csv") for part in ("train", "test"))
    given, truth = labels(made, "train_labels.csv"), labels(made, "answers/test.csv")
    terms = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True)
    x = terms.fit_transform(train["NarrativeLE"] + " " + train["NarrativeCME"])
    x_test = terms.transform(test["NarrativeLE"] + " " + test["NarrativeCME"])

    def learned(table: pd.DataFrame) -> float:
        models = {name: RidgeClassifier(class_weight="balanced").fit(x, table[name]) for name in table}
        predicted = {name: model.predict(x_test) for name, model in models.items()}
        return score(truth, pd.DataFrame(predicted, index=truth.index))

    constant = score(
        truth, truth.assign(**dict.fromkeys(truth.columns[:-2], 1), **given[CODES].mode().iloc[0])
    )
    shuffled = given.sample(frac=1, random_state=0)
    assert 0.28 < constant < 0.36
    assert constant + 0.2 < learned(given) < 0.8  # neither hopeless nor trivial
    assert learned(shuffled) < constant


def test_seed_decides_the_bytes(sample: ModuleType, tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        sample.write_sample(tmp_path / name, seed, train=12, test=6)
    one, same, other = (files_below(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert len(one) == 6
    assert all(one[name] != other[name] for name in one)


def test_comparison_rows_and_counts_change_nothing_else(sample: ModuleType, tmp_path: Path) -> None:
    sample.write_sample(tmp_path / "without", train=8, test=4)
    sample.write_sample(tmp_path / "with", train=8, test=4, comparison=5)
    without, with_rows = files_below(tmp_path / "without"), files_below(tmp_path / "with")
    assert {path: with_rows[path] for path in without} == without
    assert set(with_rows) - set(without) == {"comparison_features.csv", "answers/comparison.csv"}
    few, many = sample.make_rows("train", 0, 8)[0], sample.make_rows("train", 0, 12)[0]
    assert many[:8].equals(few)


def test_a_folder_in_use_is_refused(made: Path) -> None:
    done = run_script(YOUTH / "sample.py", made)
    assert done.returncode == 2
    assert "is not empty; give a new folder" in done.stderr


def test_generator_is_frozen(made: Path) -> None:
    """Scores are compared on these reports. To change them is to start every comparison anew."""
    digests = {
        name: hashlib.sha256((made / name).read_bytes()).hexdigest()[:16]
        for name in ("train_features.csv", "train_labels.csv", "test_features.csv", "answers/test.csv")
    }
    assert digests == {
        "train_features.csv": "52b3a3f0da6e8210",
        "train_labels.csv": "ffbc22ad8fb60916",
        "test_features.csv": "1666aa8bb91de901",
        "answers/test.csv": "24ae6a748e031551",
    }
