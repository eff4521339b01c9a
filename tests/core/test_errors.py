import pytest

from agent.core.errors import MarsError, SetupError, redacted_as


@redacted_as("a cell is wrong")
def _read(cell: str) -> str:
    raise SetupError(f"Row 3 holds {cell}.")


def test_the_innermost_name_of_a_fault_stays() -> None:
    with pytest.raises(SetupError, match="Row 3 holds Canary") as caught, redacted_as("the table is wrong"):
        _read("Canary")
    assert caught.value.redacted == "a cell is wrong"


def test_a_block_names_faults_that_have_no_name() -> None:
    with pytest.raises(MarsError) as caught, redacted_as("the table is wrong"):
        raise MarsError("Canary")
    assert caught.value.redacted == "the table is wrong"
    assert MarsError("Canary").redacted == ""


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(KeyError), redacted_as("the table is wrong"):
        raise KeyError("Canary")
