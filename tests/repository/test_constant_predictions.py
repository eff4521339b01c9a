"""Constants that replace a model's predictions are reported; predictions made another way are not."""

import pytest

from agent.repository.hidden_errors import hidden_errors
from tests.repository.fixes import FILES, alarm, changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("outputs = model.predict(rows)", "outputs = np.zeros((len(rows), 3))"),
        ("outputs = model.predict(rows)", "outputs = np.full((len(rows), 3), 0.5).astype(np.float32)"),
        ("outputs = model.predict(rows)", "outputs = 0.5 * np.ones((len(rows), 3))"),
        ("outputs = model.predict(rows)", "outputs = [[0, 1]] * len(rows)"),
        ("return outputs.argmax(axis=1)", "return [0 for _ in rows]"),
        ("return outputs.argmax(axis=1)", "return np.zeros(len(rows), dtype=int)"),
        ("val_labels = predict(model, val_rows)", "val_labels = ['0'] * len(val_rows)"),
        ("val_labels = predict(model, val_rows)", "val_labels = {row: '0' for row in val_rows}"),
        ('read("test"), predict(model, read("test")),', 'read("test"), np.zeros(100),'),
    ],
)
def test_constants_that_replace_predictions_are_reported(old: str, new: str) -> None:
    said = alarm(changed(old, new))
    assert "replaces a prediction by a constant" in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("outputs = model.predict(rows)", "outputs = model.predict_proba(rows)"),
        (
            "    outputs = model.predict(rows)\n",
            "    outputs = np.zeros((len(rows), 3))\n    for start in range(0, len(rows), 64):\n"
            "        outputs[start : start + 64] = model.predict(rows[start : start + 64])\n",
        ),
        (
            "    outputs = model.predict(rows)\n",
            "    outputs = np.zeros((len(rows), 3))\n    for one in parts:\n        outputs += one(rows)\n",
        ),
        (
            "    outputs = model.predict(rows)\n",
            "    outputs = []\n    for row in rows:\n        outputs.append(model.predict(row))\n",
        ),
        (
            "    outputs = model.predict(rows)\n",
            "    outputs = np.empty((len(rows), 3))\n    model.predict(rows, out=outputs)\n",
        ),
        (
            "    outputs = model.predict(rows)\n",
            "    outputs = np.zeros((0, 3))\n    if len(rows):\n        outputs = model.predict(rows)\n",
        ),
        ("    right = 0\n", "    right = 0\n    weights = np.ones(len(rows))\n"),
        ('    val_rows = read("val")\n', "    val_rows = read(\"val\")\n    print('predicting')\n"),
    ],
)
def test_predictions_that_are_made_otherwise_pass(old: str, new: str) -> None:
    assert hidden_errors(FILES, changed(old, new)) == []


def test_calls_about_predictions_are_not_predictions() -> None:
    told = changed(
        "    outputs = model.predict(rows)\n",
        "    outputs = model.predict(rows)\n    n = len(outputs)\n    print(f'{outputs.shape} of {n}')\n",
    )
    untold = changed(
        "    outputs = model.predict(rows)\n",
        "    outputs = model.predict(rows)\n    n = 10\n    print('predicted')\n",
    )
    assert hidden_errors(told, untold) == []
