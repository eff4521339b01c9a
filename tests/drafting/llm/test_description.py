"""The description of a folder is read as visible text."""

from pathlib import Path

import pytest

from agent.drafting.llm.description import read_overview


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ({}, ""),
        ({"description.md": "# Title\n\nText <b>as it is</b>.\n"}, "# Title\n\nText <b>as it is</b>."),
        ({"overview.txt": "plain"}, "plain"),
        ({"overview.txt": "second", "description.txt": "first"}, "first"),
        ({"description.md": " \n", "overview.md": "not empty"}, "not empty"),
        (
            {"description.html": "<head><title>t</title></head><h1>A</h1><script>x</script>b &lt; c"},
            "A\nb < c",
        ),
        ({"description.html": "<table><tr><td>a</td><td>b</td></tr><tr><td>c"}, "| a | b\n| c"),
        ({"description.html": "<head><meta a=b><body>an open head"}, "an open head"),
        ({"description.html": "<p>one<style>p {}</style> two<br>three"}, "one two\nthree"),
    ],
)
def test_the_first_description_is_read(tmp_path: Path, files: dict[str, str], seen: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert read_overview(tmp_path) == seen


def test_invalid_bytes_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "description.md").write_bytes(b"caf\xe9 of the day")
    assert read_overview(tmp_path) == "caf\N{REPLACEMENT CHARACTER} of the day"
