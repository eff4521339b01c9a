"""Redaction of failures: enough detail to fix the code, and no values from the data."""

from pathlib import Path

import pytest

from agent.execution.redaction import redact_exception, redact_values

WORKSPACE = Path("/somewhere/nodes/003")
CODE = {
    "main.py": "from library.train import fit\nfit(width=3)\n",
    "library/train.py": "def fit(width):\n    pass\n",
}


def _output(error: str, last: str = "/usr/lib/python3.11/site-packages/torch/functional.py") -> str:
    return (
        "epoch 1: the row r7 was odd\n"
        "Traceback (most recent call last):\n"
        f'  File "{WORKSPACE}/main.py", line 2, in <module>\n    fit(width=3)\n'
        f'  File "{WORKSPACE}/library/train.py", line 2, in fit\n    pass\n    ^^^^\n'
        f'  File "{last}", line 7, in secret_4711\n    raise\n{error}\n'
    )


def _redacted(error: str, **place: str) -> str:
    told = redact_exception(_output(error, **place), WORKSPACE, CODE)
    assert told is not None
    assert told.frames[:2] == ("main.py line 2", "library/train.py line 2 in fit")
    return told.sentence


@pytest.mark.parametrize(
    "error",
    [
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x65 and 64x10)",
        "ValueError: Found input variables with inconsistent numbers of samples: [10, 12]",
        "ValueError: X has 3 features, but LogisticRegression is expecting 4 features as input.",
    ],
)
def test_shapes_in_library_messages_are_kept(error: str) -> None:
    assert _redacted(error) == error


def test_numbers_in_the_candidates_own_messages_are_redacted() -> None:
    own = f"{WORKSPACE}/library/train.py"
    said = _redacted("RuntimeError: mat1 and mat2 shapes cannot be multiplied (4711x65 and 64x10)", last=own)
    assert "4711" not in said


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("KeyError: 'width'", "KeyError: 'width'"),
        ("KeyError: 'Canary Bird'", "KeyError"),
        ("KeyError: 4711", "KeyError"),
        (
            "ValueError: could not convert string to float: 'Canary'",
            "ValueError: could not convert string to float: '…'",
        ),
        ("library.train.Canary4711: no", "An exception of another kind: no"),
        ("pandas.errors.Canary: no", "An exception of another kind: no"),
        ("json.decoder.JSONDecodeError: no", "json.decoder.JSONDecodeError: no"),
        ("library.train.fit: no", "library.train.fit: no"),
        ("Canary:4711", "An exception of another kind"),
        # A quoted word may be a label, even if the word is usual in errors.
        ("KeyError: 'negative'", "KeyError"),
        (
            "ValueError: invalid literal for int() with base 10: 'no'",
            "ValueError: invalid literal for int() with base 10: '…'",
        ),
        (
            "ValueError: y contains previously unseen labels: ['first' \"it's on\"]",
            "ValueError: y contains previously … labels: ['…' \"…'…\"]",
        ),
        ("TypeError: 'float' object is not subscriptable", "TypeError: 'float' object is not subscriptable"),
        ("TypeError: it doesn't support 'none'", "TypeError: it doesn't support '…'"),
        ("ValueError: 'it's no' is open", "ValueError: '…'…' is open"),
        (
            "IndexError: index 4711 is out of bounds for axis 0 with size 12",
            "IndexError: index … is out of bounds for axis 0 with size 12",
        ),
        ("ValueError: naïve Zürich", "ValueError"),
        ("ValueError", "ValueError"),
        ("MemoryError: canary\nbird", "MemoryError"),
    ],
)
def test_words_of_the_data_are_redacted(error: str, told: str) -> None:
    assert _redacted(error) == told


def test_frames_come_only_from_the_repositorys_own_modules() -> None:
    """Files written during the run may have names made of data."""
    told = redact_exception(_output("ValueError", last=f"{WORKSPACE}/working/canary.py"), WORKSPACE, CODE)
    assert told is not None
    assert told.frames == ("main.py line 2", "library/train.py line 2 in fit")


def test_a_truncated_quotation_is_redacted() -> None:
    said = _redacted(f"ValueError: {'and ' * 50}'{'no ' * 500}'")
    assert said.startswith(f"ValueError: {'and ' * 50}'…")
    assert "no" not in said


def test_a_line_number_beyond_the_module_is_redacted() -> None:
    output = _output("ValueError").replace('train.py", line 2', 'train.py", line 4711')
    told = redact_exception(output, WORKSPACE, CODE)
    assert told is not None
    assert told.frames == ("main.py line 2",)


def test_without_a_traceback_there_is_no_description() -> None:
    assert redact_exception("epoch 1\nKilled\n", WORKSPACE, CODE) is None


def test_quotes_and_numbers_of_a_sentence_are_redacted() -> None:
    said = redact_values(
        "submission.csv: row 'it\\'s 4' of column 'a\"b' holds \"x 'y'\", not 0.5 (and 12 more)."
    )
    assert said == "submission.csv: row … of column … holds …, not … (and … more)."
