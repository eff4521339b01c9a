import pytest

from agent.repository.citations import citation, cited_in


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("depth = 2  # Cite Lesson 00003", ("00003",)),
        ("depth = 2  # Deeper is better. Cite Lesson 00003, 00018\n", ("00003", "00018")),
        ("# cite lessons 3 and 18, 7\nx = 1  # Cite Lesson 00003", ("00003", "00018", "00007")),
        ("# Cite Lesson: #00004", ("00004",)),
        ("x = 'Cite Lesson 00003'", ()),
        ("# Lesson 00003 says so.\n# Cite nothing.\n12  # Cite Lesson\n 00004", ()),
    ],
)
def test_only_comments_cite(code: str, found: tuple[str, ...]) -> None:
    assert cited_in(code) == found


def test_what_is_rendered_is_read_back() -> None:
    assert cited_in(f"x = 1{citation(['00003', '00018'])}\n") == ("00003", "00018")
    assert citation([]) == ""
