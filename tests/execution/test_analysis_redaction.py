"""A failure analysis keeps names of the code and rounded aggregates, and no value of a row."""

import json

from agent.execution.analysis_redaction import redact_analysis
from agent.execution.redaction import redact_log

CODE = {"main.py": "keys = ['accuracy', 'confusion', 'by_class']\nprint('epoch loss falls slowly')\n"}


def test_words_of_the_code_and_rounded_numbers_stay() -> None:
    analysis = {
        "accuracy": 0.83471923,
        "confusion": [[5, 1], [2, 9]],
        "by_class": {"Zanzibar": 0.5, "Qwertz": 0.25},
        "worst": [{"id": "r4711", "text": "xylophone"}],
        "values": [83.4719],
        "wing span": "Zanzibar",
    }
    told = redact_analysis(analysis, CODE, ["wing span"])
    assert json.loads(told) == {
        "accuracy": 0.835,
        "confusion": [[5, 1], [2, 9]],
        "by_class": {"…1": 0.5, "…2": 0.25},
        "…4": "a list of 1",
        "…5": "a list of 1",
        "wing span": "…",
    }
    assert redact_analysis({}, CODE, []) == ""


def test_lines_of_a_log_stay_if_most_of_their_words_are_static() -> None:
    lines = ("epoch 3 loss falls slowly", "Zanzibar Qwertz xylophone 4711", "UserWarning: not contiguous")
    log = "\n".join(lines)
    told = redact_log(log, CODE, [])
    assert told == "epoch … loss falls slowly\nUserWarning: not contiguous"
