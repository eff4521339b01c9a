"""What is told of a failure: enough to mend it, and nothing that comes from the data."""

from pathlib import Path

import pytest

from agent.competition.untrusted import SubmissionError, read_text_columns
from agent.errors import SetupError
from agent.execution.telling import tell_exception, without_values
from agent.trial import unscored

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


def _told(error: str, **place: str) -> str:
    told = tell_exception(_output(error, **place), WORKSPACE, CODE)
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
def test_a_library_may_complain_of_shapes(error: str) -> None:
    assert _told(error) == error


def test_a_message_of_the_candidates_own_may_not_smuggle_numbers() -> None:
    own = f"{WORKSPACE}/library/train.py"
    said = _told("RuntimeError: mat1 and mat2 shapes cannot be multiplied (4711x65 and 64x10)", last=own)
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
        # What a label may be called is no word of an error's where it is quoted.
        ("KeyError: 'negative'", "KeyError"),
        (
            "ValueError: invalid literal for int() with base 10: 'no'",
            "ValueError: invalid literal for int() with …: '…'",
        ),
        (
            "ValueError: y contains previously unseen labels: ['first' \"it's on\"]",
            "ValueError: y contains … labels: ['…' \"…'…\"]",
        ),
        ("TypeError: 'float' object is not subscriptable", "TypeError: 'float' object is not subscriptable"),
        ("TypeError: it doesn't support 'none'", "TypeError: …'… support '…'"),
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
def test_words_of_the_data_are_left_out(error: str, told: str) -> None:
    assert _told(error) == told


def test_frames_are_those_of_the_repositorys_own_modules() -> None:
    """What a candidate wrote while it ran may have a name made of data."""
    told = tell_exception(_output("ValueError", last=f"{WORKSPACE}/working/canary.py"), WORKSPACE, CODE)
    assert told is not None
    assert told.frames == ("main.py line 2", "library/train.py line 2 in fit")


def test_a_quotation_that_is_cut_off_is_one_all_the_same() -> None:
    said = _told(f"ValueError: {'and ' * 50}'{'no ' * 50}'")
    assert said == f"ValueError: {'and ' * 50}'…"


def test_a_line_that_no_module_has_is_a_number_that_was_printed() -> None:
    output = _output("ValueError").replace('train.py", line 2', 'train.py", line 4711')
    told = tell_exception(output, WORKSPACE, CODE)
    assert told is not None
    assert told.frames == ("main.py line 2",)


def test_without_a_traceback_there_is_nothing_to_tell() -> None:
    assert tell_exception("epoch 1\nKilled\n", WORKSPACE, CODE) is None


def test_a_sentence_about_files_loses_what_it_quotes_and_counts() -> None:
    said = without_values(
        "submission.csv: row 'it\\'s 4' of column 'a\"b' holds \"x 'y'\", not 0.5 (and 12 more)."
    )
    assert said == "submission.csv: row … of column … holds …, not … (and … more)."


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("id,kind\nr1,sine\nCanary Bird\n", "(CSV parse error: Expected … columns, got …: …)"),
        ("id,kind\nr1,sine\nCan't tell,the,'bird'\n", "(CSV parse error: Expected … columns, got …: …)"),
        ("Canary Bird,kind\nr1,sine\n", "has no column …; its columns are …, …."),
    ],
)
def test_a_table_that_cannot_be_read_is_not_told_of_row_by_row(tmp_path: Path, table: str, told: str) -> None:
    file = tmp_path / "submission.csv"
    file.write_text(table)
    with pytest.raises(SubmissionError) as caught:
        read_text_columns(file, ["id", "kind"])
    assert told in unscored(caught.value).told


def test_a_column_may_have_an_apostrophe_in_its_name(tmp_path: Path) -> None:
    file = tmp_path / "submission.csv"
    file.write_text("id,it's\nr1,Canary Bird\n")
    (column,) = read_text_columns(file, ["it's"])
    fault = column.fault(1, "holds 'Canary Bird', which is none of the 3 labels")
    assert "Canary" in str(fault)
    assert "Canary" not in unscored(fault).told


def test_what_an_own_metric_says_when_it_fails_is_not_told() -> None:
    failed = SetupError("The competition's metric.py failed with exit code 1: KeyError: Canary Bird")
    assert "Canary" not in unscored(failed).told
