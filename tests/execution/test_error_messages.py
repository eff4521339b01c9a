"""Common error messages still say what is wrong after redaction, and hold no cell of the data."""

import importlib.util
import sys
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

import pandas as pd
import pytest

from agent.execution.redaction import RedactedFailure, redact_exception
from tests.execution.error_messages import PLANTED, RAISED, Case
from tests.execution.gpu_error_messages import TEXTS, Text

WORKSPACE = Path("/somewhere/nodes/003")
COLUMNS = ("label", "wing span", "note")
LEAST = 52  # messages that the project promises to try
LEAST_CLEAR = 45  # of which so many have to say what is wrong


def _traceback(case: Case) -> str:
    """Execute a snippet as `main.py` of a candidate, and return the traceback as Python prints it."""
    table = pd.DataFrame(
        {
            "label": [4711, 4711, 4711],
            "wing span": [83.4719] * 3,
            "note": ["Zanzibar", "Qwertz xylophone", "Zanzibar"],
        }
    )
    try:
        exec(
            compile(case.code, f"{WORKSPACE}/main.py", "exec"),
            {"table": table, "cell": "Zanzibar", "__name__": "__main__"},
        )
    except Exception as error:
        own = _from_main(error.__traceback__)
        return "".join(traceback.format_exception(type(error), error.with_traceback(own), own, chain=False))
    raise AssertionError(f"{case.name}: nothing was raised")


def _from_main(found: TracebackType | None) -> TracebackType | None:
    while found is not None and found.tb_frame.f_code.co_filename != f"{WORKSPACE}/main.py":
        found = found.tb_next
    return found


def _redacted(case: Case) -> RedactedFailure:
    told = redact_exception(_traceback(case), WORKSPACE, {"main.py": case.code}, COLUMNS)
    assert told is not None
    return told


def _redacted_text(text: Text) -> RedactedFailure:
    functional = Path(sysconfig.get_paths()["purelib"]) / "torch/nn/functional.py"
    code = "import torch\nfrom transformers import Trainer\nloss = criterion(model(x), y)\n"
    output = (
        "Zanzibar 4711\n"
        "/pytorch/aten/src/ATen/native/cuda/Loss.cu:250: "
        "nll_loss_forward_reduce_cuda_kernel_2d: block: [0,0,0], "
        "thread: [5,0,0] Assertion `t >= 0 && t < n_classes` failed.\n"
        "Traceback (most recent call last):\n"
        f'  File "{WORKSPACE}/main.py", line 3, in <module>\n    loss = criterion(model(x), y)\n'
        f'  File "{functional}", line 100, in cross_entropy\n    return f()\n{text.text}\n'
    )
    told = redact_exception(output, WORKSPACE, {"main.py": code}, COLUMNS)
    assert told is not None
    return told


CASES = [case for case in RAISED if not case.needs or importlib.util.find_spec(case.needs)]


def test_enough_messages_are_tried() -> None:
    assert len(RAISED) + len(TEXTS) >= LEAST > LEAST_CLEAR
    names = [case.name for case in (*RAISED, *TEXTS)]
    assert len(set(names)) == len(names)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_raised_error_says_what_is_wrong_and_no_value(case: Case) -> None:
    told = _redacted(case)
    print(told.report, file=sys.stderr)
    assert [part for part in case.says if part not in told.report] == []
    assert [value for value in PLANTED if value in told.report and value not in case.code] == []
    assert told.frames[0].startswith("main.py line ")


@pytest.mark.parametrize("text", TEXTS, ids=str)
def test_an_error_of_a_gpu_says_what_is_wrong_and_no_value(text: Text) -> None:
    told = _redacted_text(text)
    print(told.report, file=sys.stderr)
    assert [part for part in text.says if part not in told.report] == []
    assert [value for value in PLANTED if value in told.report] == []
    assert "main.py line 3\n    loss = criterion(model(x), y)" in told.report
