"""Several target columns of different types are drafted as such, with reasons and questions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from agent.competition.spec import load_spec
from agent.competition.typed_targets import TypedTarget
from agent.drafting.draft_check import try_draft
from agent.drafting.rules.draft import Draft, draft_spec
from agent.drafting.rules.write_draft import write_draft
from agent.drafting.summary import summarise
from tests.competition.several_folders import NAMES, several_rows
from tests.drafting.rules.folders import table, write_tables

ROWS = 180


def drafted(folder: Path, sample: dict[str, object] | None = None, **targets: object) -> Draft:
    """Draft a folder whose sample submission asks for these targets."""
    frame = table(ROWS).drop(columns="price").assign(**targets)
    answers = dict.fromkeys(targets, 0) if sample is None else sample
    return draft_spec(write_tables(folder, frame, *targets, sample={"id": None, **answers}))


def typed(draft: Draft) -> dict[str, TypedTarget]:
    return {target.name: target for target in draft.spec.typed_targets}


def cycle(*labels: object) -> np.ndarray:
    return np.array(labels)[np.arange(ROWS) % len(labels)]


def test_each_target_gets_the_type_of_its_cells(tmp_path: Path) -> None:
    frame = several_rows(ROWS).assign(tags=cycle("sun|rain", "rain", "sun|snow", "snow|rain|sun", "snow"))
    sample = {"churn": "no", "breed": "dog", "tags": "sun|rain", "price": 0, "grade": "low", "stars": 0}
    folder = write_tables(tmp_path / "a", frame, *NAMES, sample={"id": None, **sample})

    draft = draft_spec(folder)

    assert draft.spec.task == "several"
    assert draft.spec.metric == "mean_of"
    assert {name: (target.type, target.metric) for name, target in typed(draft).items()} == {
        "churn": ("binary", "f1"),
        "breed": ("category", "accuracy"),
        "tags": ("label_set", "micro_f1"),
        "price": ("value", "r2"),
        "grade": ("ordinal", "qwk"),
        "stars": ("bounded", "r2"),
    }
    assert typed(draft)["churn"].positive_class == "yes"
    assert typed(draft)["grade"].order == ("low", "mid", "high")
    assert (typed(draft)["stars"].low, typed(draft)["stars"].high) == (0, 10)
    assert typed(draft)["tags"].label_separator == "|"


def test_the_written_file_is_the_draft_with_a_reason_for_each_target(tmp_path: Path) -> None:
    draft = drafted(tmp_path / "a", kind=cycle("a", "b", "c"), size_of_it=np.arange(ROWS) / 7)

    file = write_draft(draft, tmp_path / "a", lambda spec: try_draft(spec, tmp_path / "a").warnings)

    assert load_spec(file) == draft.spec
    text = file.read_text()
    entries = yaml.safe_load(text)["targets"]
    assert entries[0] == {"name": "kind", "type": "category", "metric": "accuracy"}
    assert "# 'kind' has 3 different values" in text
    told = "\n".join(summarise(draft))
    assert "targets: ['kind', 'size_of_it']" in told
    assert "targets.kind: category" in told
    assert "Is the score the mean of a metric per target: 1 category (accuracy), 1 value (r2)?" in told


def test_numbers_with_few_values_are_no_regression(tmp_path: Path) -> None:
    draft = drafted(tmp_path / "a", coarse=cycle(0, 1, 2), fine=np.arange(ROWS) % 12)

    assert [target.type for target in draft.spec.typed_targets] == ["category", "category"]


def test_many_flags_beside_categories(tmp_path: Path) -> None:
    """As in a competition with 21 answers of yes or no and two categories."""
    rng = np.random.default_rng(2)
    flags = {f"flag_{number}": (rng.random(ROWS) < 0.3).astype(int) for number in range(21)}
    draft = drafted(tmp_path / "a", **flags, cause=rng.integers(1, 7, ROWS), place=rng.integers(1, 13, ROWS))

    kinds = [target.type for target in draft.spec.typed_targets]
    assert kinds == ["binary"] * 21 + ["category"] * 2
    assert "21 binary (f1), 2 category (accuracy)" in draft.questions[0]
    assert not any(line.startswith("targets.flag_") for line in summarise(draft))


def test_probabilities_in_the_sample_ask_for_probabilities(tmp_path: Path) -> None:
    draft = drafted(
        tmp_path / "a", {"sick": 0.5, "ward": "b"}, sick=cycle(0, 0, 1), ward=cycle("a", "b", "c")
    )

    assert typed(draft)["sick"].metric == "roc_auc"


@pytest.mark.parametrize(
    ("name", "values", "bounds"),
    [
        ("score", np.arange(ROWS) % 101 / 10, (0, 10)),
        ("rating", np.arange(ROWS) % 5 + 1, (1, 5)),
        ("mark_in_maths", np.arange(ROWS) % 101, (0, 100)),
        ("score", np.arange(ROWS) * 3.7, None),
        ("height", np.arange(ROWS) % 101 / 10, None),
    ],
)
def test_a_score_on_a_usual_scale_is_bounded(
    tmp_path: Path, name: str, values: np.ndarray, bounds: tuple[int, int] | None
) -> None:
    draft = drafted(tmp_path / "a", **{name: values, "kind": cycle("a", "b", "c")})

    target = typed(draft)[name]
    assert target.type == ("value" if bounds is None else "bounded")
    assert (target.low, target.high) == (bounds or (None, None))


def test_a_mapping_table_names_classes_and_a_novel_label(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    drafted(folder, superclass=cycle(0, 1, 2), subclass=np.arange(ROWS) % 12)
    names = [*(f"breed {number}" for number in range(12)), "novel"]
    pd.DataFrame({"index": range(13), "class": names}).to_csv(folder / "subclass_mapping.csv", index=False)
    above = {"index": [0, 1, 2, 3], "class": ["bird", "dog", "reptile", "novel"]}
    pd.DataFrame(above).to_csv(folder / "superclass_mapping.csv", index=False)

    draft = draft_spec(folder)

    coarse, fine = typed(draft)["superclass"], typed(draft)["subclass"]
    assert (coarse.label_table, coarse.novel) == ("superclass_mapping.csv", "3")
    assert (fine.label_table, fine.novel) == ("subclass_mapping.csv", "12")
    assert (coarse.metric, coarse.metric_parameters.set_values) == ("seen_unseen_accuracy", {"novel": 3})
    assert (fine.metric, fine.metric_parameters.set_values) == ("seen_unseen_accuracy", {"novel": 12})
    assert coarse.parent_of == "subclass"
    assert fine.parent_of is None
    assert any("have the label '3' of 'superclass'" in question for question in draft.questions)
    assert any("Does each label of 'subclass' belong to one" in question for question in draft.questions)
    assert try_draft(draft.spec, folder).rows.test > 0


def test_labels_that_cross_have_no_parent(tmp_path: Path) -> None:
    draft = drafted(tmp_path / "a", coarse=cycle(0, 1, 2), fine=np.arange(ROWS) % 7)

    assert typed(draft)["coarse"].parent_of is None


def test_a_folder_without_a_sample_gets_one_with_all_targets(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    drafted(folder, kind=cycle("a", "b", "b"), length=np.arange(ROWS) / 7)
    draft = draft_spec(folder)

    assert draft.generated_sample is None
    assert draft.spec.targets == ("kind", "length")
