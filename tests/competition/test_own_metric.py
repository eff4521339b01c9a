"""A competition's own metric.py: loaded with the specification, run in the sandbox, given rows only."""

import math
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from agent.competition.evaluation import check_metric, evaluate
from agent.competition.metrics import Metric, get_metric, metric_of, paired_effect, standard_error
from agent.competition.metrics import own_metric as own_module
from agent.competition.metrics.target_rows import join_targets
from agent.competition.prepared import Prepared
from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from agent.execution import run_script
from tests.competition.prepared_competitions import make_prepared, write_csv
from tests.competition.raw_folders import write_spec
from tests.competition.several_folders import several_folder

ACCURACY = "def score(truth, prediction):\n    return float((truth == prediction).mean())\n"
# Metrics that score 1 if they escape the sandbox, else 0.
READS = """
from pathlib import Path

def score(truth, prediction):
    try:
        return float(Path({file!r}).read_text() == "secret")
    except OSError:
        return 0.0
"""
CONNECTS = """
import socket

def score(truth, prediction):
    try:
        socket.create_connection(("127.0.0.1", {port}), 5).close()
        return 1.0
    except OSError:
        return 0.0
"""
LABELS = {"definition": "Share of right rows.", "prediction": "label", "higher_is_better": True}


def spec_with(folder: Path, code: str, task: str = "classification", **own: object) -> CompetitionSpec:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metric.py").write_text(code)
    return write_spec(folder, task=task, metric="metric.py", own_metric={**LABELS, **own})


def metric_with(folder: Path, code: str, task: str = "classification", **own: object) -> Metric:
    return metric_of(spec_with(folder, code, task, **own), run_script)


def run_here(code: str) -> object:
    """Return the result of the same `score` in this process, outside the sandbox."""
    module: dict[str, Any] = {}
    exec(code, module)
    return module["score"](*labels(3))


def labels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, 200)
    return truth, np.where(generator.random(200) < 0.3, 0, truth)


def test_scores_and_standard_errors_agree_with_the_catalogue_metric(tmp_path: Path) -> None:
    own, known = metric_with(tmp_path, ACCURACY), get_metric("accuracy")
    truth, guess = labels(1)
    assert own.score(truth, guess) == known.score(truth, guess)
    assert own.best == 1
    assert standard_error(own, truth, guess) == pytest.approx(standard_error(known, truth, guess), rel=0.25)
    better = np.where(np.arange(200) < 100, truth, guess)
    found = paired_effect(own, truth, guess, better, resamples=60)
    expected = paired_effect(known, truth, guess, better, resamples=60)
    assert found.effect == pytest.approx(expected.effect)
    assert found.lower > 0


@pytest.mark.parametrize(
    ("task", "prediction", "expected"),
    [
        ("multilabel", "label_set", "bool (3, 4) bool (3, 4)"),
        ("regression", "value", "float64 (3,) float64 (3,)"),
    ],
)
def test_rows_arrive_in_the_promised_form(tmp_path: Path, task: str, prediction: str, expected: str) -> None:
    code = f"""
def score(truth, prediction):
    seen = f"{{truth.dtype}} {{truth.shape}} {{prediction.dtype}} {{prediction.shape}}"
    return 0.5 if seen == {expected!r} and (truth[0] == prediction[0]).all() else 0.0
"""
    metric = metric_with(tmp_path, code, task, prediction=prediction)
    cells = np.array([[True, False, False, True], [False] * 4, [False, True, False, False]])
    rows = (csr_array(cells), csr_array(cells)) if task == "multilabel" else (np.ones(3), np.ones(3))
    assert metric.score(*rows) == 0.5


FAULTS = {
    "raises": ("def score(truth, prediction):\n    return secret[truth[0]]\n", "NameError in line 2"),
    "raises in a library": (
        "import numpy\n\ndef score(truth, prediction):\n    return numpy.meen(truth)\n",
        "AttributeError in line 4",
    ),
    "returns no number": ("def score(truth, prediction):\n    return None\n", "TypeError"),
    "dies": ("import os\n\ndef score(truth, prediction):\n    os._exit(3)\n", "exit code 3"),
    "exits without a score": ("import os\n\ndef score(t, p):\n    os._exit(0)\n", "without a score"),
    "writes its own scores file": (
        "import os\n\ndef score(t, p):\n    open('scores.npy', 'w').write('1')\n    os._exit(0)\n",
        "without a score",
    ),
    "links its scores file": (
        "import os\n\ndef score(t, p):\n    os.symlink('/etc/hostname', 'scores.npy')\n    os._exit(0)\n",
        "without a score",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_is_a_set_up_error_without_values(tmp_path: Path, fault: str) -> None:
    code, message = FAULTS[fault]
    with pytest.raises(SetupError, match=message) as caught:
        metric_with(tmp_path, code).score(*labels(2))
    assert "metric.py" in str(caught.value)


def test_it_reads_no_other_file(tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text("secret")
    code = READS.format(file=str(answers))
    assert run_here(code) == 1.0, "outside the sandbox the file is there to be read"
    assert metric_with(tmp_path / "competition", code).score(*labels(3)) == 0.0


def test_it_reaches_no_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = CONNECTS.format(port=server.getsockname()[1])
        assert run_here(code) == 1.0, "outside the sandbox the server answers"
        assert metric_with(tmp_path, code).score(*labels(3)) == 0.0


def test_an_endless_metric_is_killed_and_a_slow_one_has_no_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_module, "SCORE_LIMIT_S", 1.0)
    endless = metric_with(tmp_path / "endless", "def score(t, p):\n    while True: pass\n")
    with pytest.raises(SetupError, match="took more than 2 s"):
        endless.score(*labels(4))
    monkeypatch.setattr(own_module, "SCORE_LIMIT_S", 30.0)
    slow = metric_with(
        tmp_path / "slow",
        f"import time\n\n{ACCURACY}".replace("    return", "    time.sleep(0.3)\n    return"),
    )
    scorer = slow.scorer(*labels(5))
    scorer.left_s = 0.5  # type: ignore[attr-defined]
    scores = scorer.scores(np.random.default_rng(0).multinomial(200, np.full(200, 1 / 200), 50).astype(float))
    assert 0 < np.isfinite(scores).sum() < 20
    assert np.isnan(scorer.scores(np.full((2, 200), 1.0))).all()


def test_a_resample_may_leave_the_metric_undefined(tmp_path: Path) -> None:
    code = "def score(truth, prediction):\n    assert 7 in truth\n    return 0.5\n"
    truth = np.array([7, 1, 2])
    metric = metric_with(tmp_path, code, "regression", prediction="value")
    assert metric.score(truth, truth) == 0.5
    scores = metric.scorer(truth, truth).scores(np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    assert math.isnan(scores[0])
    assert scores[1] == 0.5


def prepared_with(folder: Path, code: str, **own: object) -> Prepared:
    answers = {f"v{index}": "cat" if index % 3 else "dog" for index in range(30)}
    audit = {f"a{index}": "cat" if index % 3 else "dog" for index in range(12)}
    made = make_prepared(
        folder / "prepared", "classification", "accuracy", val=answers, audit=audit, classes=("cat", "dog")
    )
    described = spec_with(folder / "competition", code, **own).own_metric
    return made.model_copy(
        update={"spec": made.spec.model_copy(update={"metric": "metric.py", "own_metric": described})}
    )


def test_a_candidate_is_graded_with_the_own_metric(tmp_path: Path) -> None:
    prepared = prepared_with(tmp_path, ACCURACY)
    check_metric(prepared, metric_of(prepared.spec, run_script))
    node = tmp_path / "node"
    write_csv(node / "working" / "val_submission.csv", "id,target", [(f"v{i}", "cat") for i in range(30)])
    final = [*((f"a{i}", "cat") for i in range(12)), *((f"t{i}", "dog") for i in (1, 2, 3))]
    write_csv(node / "submission" / "submission.csv", "id,target", final)
    found = evaluate(prepared, node, printed=2 / 3, run=run_script)
    assert found.valid
    assert found.validation == pytest.approx(2 / 3)
    assert found.audit == pytest.approx(2 / 3)
    assert found.validation_error == pytest.approx(math.sqrt(2 / 9 / 30), rel=0.25)


def test_a_wrong_direction_is_reported_before_the_search(tmp_path: Path) -> None:
    prepared = prepared_with(tmp_path, ACCURACY, higher_is_better=False)
    with pytest.raises(
        SetupError, match=r"scores perfect predictions 1, but its best value is 0; correct own_metric"
    ):
        check_metric(prepared, metric_of(prepared.spec, run_script))


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"metric": "metric.py"}, ACCURACY, "set both or neither"),
        ({"metric": "accuracy", "own_metric": LABELS}, ACCURACY, "set both or neither"),
        (
            {"metric": "metric.py", "own_metric": {**LABELS, "prediction": "value"}},
            ACCURACY,
            "must be label or",
        ),
        (
            {"metric": "metric.py", "own_metric": {**LABELS, "code": "x"}},
            ACCURACY,
            "put the code into the file",
        ),
        ({"metric": "metric.py", "own_metric": LABELS}, "def score(:", "not a readable Python"),
        ({"metric": "metric.py", "own_metric": LABELS}, "def points(t, p): ...", "must define `def score"),
        ({"metric": "metric.py", "own_metric": LABELS}, None, "No such file"),
    ],
)
def test_a_faulty_description_is_refused(
    tmp_path: Path, fields: dict[str, object], code: str | None, message: str
) -> None:
    if code is not None:
        (tmp_path / "metric.py").write_text(code)
    with pytest.raises(SetupError, match=message):
        write_spec(tmp_path, **fields)


def test_several_targets_are_scored_together(tmp_path: Path) -> None:
    code = (
        "import numpy as np\n\n\ndef score(truth, prediction):\n"
        "    rows = [truth[name] == prediction[name] for name in ('churn', 'breed')]\n"
        "    return float(np.all(rows, axis=0).mean() - abs(truth['price'] - prediction['price']).mean())\n"
    )
    (tmp_path / "metric.py").write_text(code)
    own = {"definition": "All right.", "prediction": "several", "higher_is_better": True}
    metric = metric_of(several_folder(tmp_path, metric="metric.py", own_metric=own), run_script)
    truth = join_targets({"churn": np.array([0, 1, 1]), "breed": np.array([2, 0, 1]), "price": np.zeros(3)})
    guess = join_targets({"churn": np.array([0, 1, 0]), "breed": np.array([2, 0, 1]), "price": np.ones(3)})

    assert metric.score(truth, truth) == 1.0
    assert metric.score(truth, guess) == pytest.approx(2 / 3 - 1)
