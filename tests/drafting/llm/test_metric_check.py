"""A metric that a model wrote is checked in the sandbox on synthetic rows."""

from typing import Any

import pytest

from agent.competition.spec import CompetitionSpec
from agent.drafting.llm.metric_check import find_metric_fault

FIELDS: dict[str, Any] = {
    "id": "grades",
    "title": "Grades",
    "metric": "metric.py",
    "id_column": "house",
    "targets": ["grade"],
    "inputs": [{"name": "area", "role": "number"}],
}


def code_of(body: str) -> str:
    return f"import numpy as np\n\ndef score(truth, prediction):\n    {body}\n"


WITHIN = code_of("return np.mean(np.abs(truth - prediction) <= 1)")
LOG = code_of("return -np.log(np.clip(prediction[np.arange(len(truth)), truth], 1e-9, 1)).mean()")
SETS = code_of("return np.mean((truth == prediction).all(axis=1))")
CELLS = code_of("return np.mean((truth - prediction) ** 2)")


def spec_of(task: str, prediction: str, code: str, higher: bool = True, **fields: Any) -> CompetitionSpec:
    own = {"definition": "Some.", "prediction": prediction, "higher_is_better": higher, "code": code}
    own |= {name: fields.pop(name) for name in ("best",) if name in fields}
    return CompetitionSpec.model_validate({**FIELDS, "task": task, "own_metric": own, **fields})


@pytest.mark.parametrize(
    "spec",
    [
        spec_of("regression", "value", WITHIN),
        spec_of("regression", "value", CELLS, higher=False, targets=["grade", "area"]),
        spec_of("classification", "label", WITHIN.replace("<= 1", "== 0")),
        spec_of("classification", "probability", LOG, higher=False),
        spec_of("multilabel", "label_set", SETS),
        spec_of("multilabel", "probability", CELLS, higher=False),
    ],
)
def test_a_correct_metric_has_no_fault(spec: CompetitionSpec) -> None:
    assert find_metric_fault(spec, classes=0 if spec.task == "regression" else 5) == ""


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            spec_of("regression", "value", code_of("return np.meen(truth)")),
            "failed: AttributeError in line 4",
        ),
        (
            spec_of("regression", "value", code_of("import pandas_of_mine")),
            "failed: ModuleNotFoundError in line 4",
        ),
        (
            spec_of("regression", "value", code_of("return 0.9")),
            "perfect predictions of synthetic rows get 0.9",
        ),
        (
            spec_of("regression", "value", code_of("return float('nan')")),
            "synthetic rows get nan, not best = 1",
        ),
        (spec_of("regression", "value", code_of("return 1.0")), "poor predictions of synthetic rows get 1"),
        (
            spec_of("regression", "value", CELLS, higher=True, best=0.0),
            "with higher_is_better = true poor predictions must score worse",
        ),
        (
            spec_of("regression", "value", code_of("return 1 - 1e-7 * np.random.default_rng().random()")),
            "a different score each time",
        ),
        (spec_of("regression", "value", code_of("return open('/etc/passwd').read()")), "own_metric.code"),
        (spec_of("regression", "value", code_of("while True: pass")), "took more than 4 s and was killed"),
    ],
)
def test_a_faulty_metric_is_described_in_one_sentence(spec: CompetitionSpec, message: str) -> None:
    assert message in find_metric_fault(spec, classes=0, seconds=4.0)
