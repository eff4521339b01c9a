import pytest

from agent.core.format import clean, clock, counted, duration, one_line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (60.0, "1:00"), (3753.0, "1:02:33")],
)
def test_durations_read_naturally(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_single_thing_has_no_plural() -> None:
    assert [counted(number, "node") for number in (0, 1, 1200)] == ["0 nodes", "1 node", "1,200 nodes"]


def test_a_time_of_the_run_is_never_negative() -> None:
    assert clock(-1.0) == "0:00"
    assert clock(185.9) == "3:05"


def test_text_of_a_candidate_cannot_steer_a_terminal_or_forge_a_line() -> None:
    assert clean("a\x1b[31mb\rc\u202ed\r\n") == "a[31mb\ncd\n"
    assert one_line(" two \n  words\t") == "two words"
