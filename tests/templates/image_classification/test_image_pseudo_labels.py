"""Which predictions become pseudo-labels, when a student trains, and where the slot and its moves apply."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from agent.planner.base import TaskContext
from agent.planner.conditions import is_met
from tests.templates.image_classification.image_runs import FAMILY, QUICK, Slots, render
from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported

PSEUDO: Slots = {**QUICK, "pseudo_labels": "confident", "pseudo_confidence": 0.6}


@pytest.fixture(params=["classification", "multilabel"])
def pseudo_labels(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModuleType]:
    task = task_view(request.param, "accuracy" if request.param == "classification" else "micro_f1")
    with imported(
        task, {**PSEUDO, "pseudo_confidence": 0.8}, tmp_path / request.param, "pseudo_labels"
    ) as code:
        yield code


def labelled(truth: Any) -> Any:
    return SimpleNamespace(train=SimpleNamespace(truth=truth), n_labelled=truth.shape[0])


@pytest.mark.parametrize("pseudo_labels", ["classification"], indirect=True)
def test_the_most_probable_class_decides_and_a_share_bounds_the_rows(pseudo_labels: ModuleType) -> None:
    outputs = np.array([[0.8, 0.2], [0.7, 0.3], [0.1, 0.9], [0.45, 0.55]], dtype=np.float32)
    config = default_config()
    assert pseudo_labels.confident_rows(config, labelled(np.zeros(9)), outputs).tolist() == [0, 2]
    many = np.tile(outputs, (1000, 1))
    chosen = pseudo_labels.confident_rows(config, labelled(np.zeros(200)), many)
    assert len(set(chosen.tolist())) == 200, "as many as there are labelled rows"
    assert set(chosen % 4) == {0, 2}
    assert chosen.max() > 3000, "the first ones are not preferred"
    assert (np.diff(chosen) > 0).all()


@pytest.mark.parametrize("pseudo_labels", ["multilabel"], indirect=True)
def test_each_label_of_a_set_must_be_decided(pseudo_labels: ModuleType) -> None:
    outputs = np.array(
        [[0.9, 0.1, 0.2], [0.9, 0.5, 0.1], [0.1, 0.0, 0.1], [0.81, 0.95, 0.19]], dtype=np.float32
    )
    config = default_config()
    some_empty = csr_array(np.array([[True, False, False], [False, False, False]] * 4))
    assert pseudo_labels.confident_rows(config, labelled(some_empty), outputs).tolist() == [0, 2, 3]
    none_empty = csr_array(np.array([[True, False, False], [False, True, False]] * 4))
    assert pseudo_labels.confident_rows(config, labelled(none_empty), outputs).tolist() == [0, 3]


@pytest.mark.parametrize("pseudo_labels", ["classification"], indirect=True)
def test_a_student_needs_time_and_labels_and_a_refit_follows_the_run_before(
    pseudo_labels: ModuleType,
) -> None:
    teacher = pseudo_labels.Teacher(outputs=None, epochs={"tiny_cnn": 4.0}, seconds=100.0)
    config, rows = default_config(), np.arange(3)

    def reason(left: float, rows: np.ndarray = rows, **changes: object) -> str | None:
        clock = SimpleNamespace(left=lambda: left)
        answer: str | None = pseudo_labels.reason_against_student(
            default_config(**changes), teacher, rows, clock
        )
        return answer

    assert reason(float("inf")) is None
    assert reason(81.0) is None
    assert reason(79.0) == "79 s are left, and the teacher took 100 s"
    assert reason(-5.0) == "0 s are left, and the teacher took 100 s"
    assert reason(500.0, rows[:0]) == "no prediction is confident"
    epochs = {"tiny_cnn": 0.0, "teacher, tiny_cnn": 4.0}
    assert reason(500.0, refit=True, frozen={"epochs": epochs}) == "the run before the refit trained none"
    assert pseudo_labels.teacher_share(default_config(refit=True, frozen={"epochs": epochs})) == 1.0
    assert pseudo_labels.teacher_share(config) == 0.4
    epochs["tiny_cnn"] = 6.0
    assert reason(500.0, refit=True, frozen={"epochs": epochs}) is None
    assert pseudo_labels.teacher_share(default_config(refit=True, frozen={"epochs": epochs})) == 0.4


@pytest.mark.parametrize("pseudo_labels", ["classification"], indirect=True)
def test_the_teachers_clock_has_its_share_of_what_is_left(pseudo_labels: ModuleType) -> None:
    clock = pseudo_labels.Clock(1000.0)
    part = clock.part(0.4)
    assert part.left() == pytest.approx(0.4 * clock.left(), abs=0.5)
    assert part.elapsed() == pytest.approx(clock.elapsed(), abs=0.5)
    assert pseudo_labels.Clock(float("inf")).part(0.4).left() == float("inf")


@pytest.mark.parametrize("own_folds", [False, True])
def test_pseudo_labelled_rows_are_in_no_fold_and_not_held_out(own_folds: bool, tmp_path: Path) -> None:
    task = task_view("classification", "accuracy")
    if own_folds:
        task = task.model_copy(update={"fold_column": "part", "own_folds": 3})
    truth = np.arange(36) % 4
    rows = SimpleNamespace(truth=truth, __len__=lambda: 36)
    with imported(task, {**PSEUDO, "folds": 3}, tmp_path / "folds", "dataset") as dataset:
        data = dataset.Data(
            classes=[],
            train=dataset.Rows(ids=[""] * 36, pictures=None, truth=truth),
            val=rows,
            test=rows,
            submission_ids=[],
            unreadable=[],
            n_pseudo=6,
            **({"folds": np.arange(30) % 3} if own_folds else {}),
        )
        folds = dataset.split_folds(default_config(), data)
    assert folds[30:].tolist() == [-1] * 6
    assert np.bincount(folds[:30]).tolist() == [10, 10, 10]
    with imported(task, {**PSEUDO, "schedule": "plateau"}, tmp_path / "holdout", "train") as train:
        kept = train.split_off_holdout(default_config(), SimpleNamespace(train=truth, n_labelled=30))
        alone = train.split_off_holdout(default_config(), SimpleNamespace(train=truth[:30], n_labelled=30))
    assert len(alone) == 27
    assert kept.tolist() == [*alone.tolist(), *range(30, 36)], "the rows held out are those of the teacher"


@pytest.mark.parametrize(
    ("task", "slots"),
    [
        ("classification", {"pseudo_labels": "none"}),
        ("classification", {"backbone": "tf_efficientnet_lite0", "finetune": "head"}),
        ("multilabel", {"loss": "asymmetric"}),
        ("multilabel", {"balance": "weights"}),
    ],
)
def test_where_it_has_no_use_the_slot_changes_nothing(task: Any, slots: Slots) -> None:
    view = task_view(task, "accuracy" if task == "classification" else "micro_f1")
    files = [
        render(view, {"pseudo_labels": "confident", "pseudo_confidence": 0.95, **slots}),
        render(view, {**slots, "pseudo_labels": "none"}),
    ]
    for one in files:
        del one["idea.json"]
        assert "pseudo" not in "\n".join(one.values())
        assert "teacher" not in "\n".join(one.values())
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("move", "task", "slots"),
    [
        ("pseudo_labels", "classification", {}),
        ("pseudo_label_sets", "multilabel", {}),
        ("pseudo_label_sets", None, {"loss": "asymmetric"}),
        ("pseudo_label_sets", None, {"balance": "weights"}),
        ("pseudo_labels", None, {"finetune": "head"}),
        ("pseudo_labels", None, {"pseudo_labels": "confident"}),
    ],
)
@pytest.mark.parametrize(("n_train", "n_test"), [(1000, 1000), (1000, 100), (100, 1000)])
def test_the_move_is_offered_where_it_can_help(
    move: str, task: str | None, slots: Slots, n_train: int, n_test: int
) -> None:
    expected = task is not None and min(n_train, n_test) >= 300
    for name in ("classification", "multilabel"):
        context = TaskContext(name, "accuracy", frozenset({"image"}), n_train, "cpu", n_test=n_test)  # type: ignore[arg-type]
        offered = is_met(FAMILY.move(move).when, context, FAMILY.fill(slots, "test"))
        assert offered == (expected and name == task)
