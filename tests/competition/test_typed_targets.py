"""Targets with types in competition.yaml: what is accepted, and the sentence for what is not."""

from pathlib import Path

import pytest

from agent.competition.metrics import metric_of
from agent.competition.spec import CompetitionSpec, load_spec
from agent.competition.target_views import target_views
from agent.core.errors import SetupError
from tests.competition.raw_folders import write_spec
from tests.competition.several_folders import NAMES, TARGETS, several_folder

Entry = dict[str, object]


def test_targets_keep_their_names_and_types(tmp_path: Path) -> None:
    spec = several_folder(tmp_path)

    assert spec.targets == NAMES
    assert [target.type for target in spec.typed_targets] == [target["type"] for target in TARGETS]
    assert CompetitionSpec.model_validate_json(spec.model_dump_json()) == spec


def test_each_target_is_a_competition_of_its_own(tmp_path: Path) -> None:
    views = target_views(several_folder(tmp_path))

    assert [view.task for view in views] == [
        "classification",
        "classification",
        "multilabel",
        "regression",
        "classification",
        "regression",
    ]
    assert [view.metric for view in views] == ["f1", "accuracy", "micro_f1", "r2", "qwk", "r2"]
    assert views[0].positive_class == "yes"
    assert views[4].class_order == ("low", "mid", "high")


def test_a_competition_of_one_task_is_its_only_view(tmp_path: Path) -> None:
    spec = write_spec(tmp_path)

    assert target_views(spec) == (spec,)


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        ([{"name": "a", "type": "binary"}], "needs the metric of each target, but 'a' has none"),
        ([{"name": "a", "type": "yes-no", "metric": "f1"}], "'targets.0': 'type': Input should be 'binary'"),
        ([{"name": "a", "typ": "value"}], "'targets.0'"),
        (["a", {"name": "b", "type": "value", "metric": "r2"}], "give every target a type, or none"),
        (["a", "b"], "targets with types belong together"),
        ([{"name": "a", "type": "value", "metric": "r2", "low": 0}], "type value, but low is for bounded"),
        ([{"name": "a", "type": "bounded", "metric": "r2", "low": 0}], "'a' needs low and high"),
        (
            [{"name": "a", "type": "bounded", "metric": "r2", "low": 2, "high": 2}],
            "low must be below high",
        ),
        ([{"name": "a", "type": "value", "metric": "r2"}] * 2, "two targets have the same name"),
        ([{"name": "a", "type": "value", "metric": "r2", "novel": "x"}], "novel is for category"),
        (
            [{"name": "a", "type": "category", "metric": "accuracy", "parent_of": "b"}],
            "parent_of of the target 'a' names 'b', but there is no such target",
        ),
        (
            [
                {"name": "a", "type": "category", "metric": "accuracy", "parent_of": "b"},
                {"name": "b", "type": "value", "metric": "r2"},
            ],
            "that target is of type value",
        ),
        (
            [{"name": "a", "type": "ordinal", "metric": "qwk", "order": ["low", "low"]}],
            "each label once",
        ),
    ],
)
def test_a_fault_is_one_sentence(tmp_path: Path, targets: list[Entry | str], sentence: str) -> None:
    with pytest.raises(SetupError) as caught:
        write_spec(tmp_path, task="several", metric="mean_of", targets=targets)

    assert sentence in str(caught.value)
    assert "competition.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"metric": "accuracy"}, "takes the metric mean_of or metric.py, not accuracy"),
        ({"positive_class": "yes"}, "positive_class belongs to one target"),
        ({"class_order": ["a", "b"]}, "write order into its entry"),
        ({"task": "regression", "metric": "rmse"}, "targets with types belong together"),
    ],
)
def test_fields_over_all_targets(tmp_path: Path, fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        several_folder(tmp_path, **fields)


def test_the_mean_is_for_several_targets_only(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="mean_of is for `task: several`"):
        write_spec(tmp_path, metric="mean_of")


def test_labels_that_yaml_reads_as_numbers_stay_labels(tmp_path: Path) -> None:
    write_spec(tmp_path, task="several", metric="mean_of", targets=list(TARGETS))
    text = (tmp_path / "competition.yaml").read_text().replace("novel: other", "novel: 87")
    (tmp_path / "competition.yaml").write_text(text)

    assert load_spec(tmp_path / "competition.yaml").typed_targets[1].novel == "87"


def test_metrics_of_two_directions_have_no_mean(tmp_path: Path) -> None:
    targets = [{**target, "metric": "rmse"} if target["name"] == "price" else target for target in TARGETS]

    with pytest.raises(SetupError, match="cannot average f1 of 'churn' and rmse of 'price'"):
        metric_of(several_folder(tmp_path, targets=targets))


def test_a_metric_must_serve_the_type(tmp_path: Path) -> None:
    targets = [{**target, "metric": "rmse"} if target["name"] == "grade" else target for target in TARGETS]

    with pytest.raises(SetupError, match="'rmse' does not serve the target 'grade' of type ordinal"):
        metric_of(several_folder(tmp_path, targets=targets))
