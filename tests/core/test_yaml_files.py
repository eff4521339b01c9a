"""Errors in user files are one sentence that names the file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.competition.spec import load_spec
from agent.core.errors import SetupError
from agent.memory.store import read_lessons
from agent.repository.family import load_family
from agent.repository.idea import load_blueprint

READERS: dict[str, Callable[[Path], object]] = {
    "competition.yaml": load_spec,
    "family.yaml": lambda file: load_family(file.parent),
    "blueprint.yaml": lambda file: load_blueprint(file, {}),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"cannot be read \(No such file or directory\)\."),
        ("title: Café".encode("latin-1"), r"the text is not in UTF-8; save the file in that encoding\."),
        (b"title: [", r"invalid YAML: "),
        (b"", r"'top level': "),
        (b"- a list", r"'top level': "),
        (b"{}", r"'\w+': Field required\."),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_that_names_it(
    tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SetupError, match=rf"^{file}: {sentence}") as caught:
        READERS[name](file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "place"), [(b"{}", "top level"), (b"", "top level"), (b'[{"id": 7}]', r"0\.\w+")]
)
def test_lessons_are_refused_by_the_place_of_the_first_fault(
    tmp_path: Path, content: bytes, place: str
) -> None:
    file = tmp_path / "lessons.json"
    file.write_bytes(content)
    with pytest.raises(SetupError, match=rf"^{file}: not a list of lessons \('{place}': "):
        read_lessons(file)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("foldcolumn: part", "'foldcolumn': unknown key; correct or remove it."),
        (
            "metric: metric.py",
            "`metric: metric.py` and `own_metric`, which describes that file, belong together",
        ),
    ],
)
def test_a_fault_is_named_in_words_of_the_file(tmp_path: Path, line: str, sentence: str) -> None:
    fields = {
        "id": "toy", "title": "Toy", "task": "classification", "metric": "accuracy",
        "targets": "label", "inputs": "[{name: age, role: number}]",
    }  # fmt: skip
    key, _, value = line.partition(": ")
    fields[key] = value
    file = tmp_path / "competition.yaml"
    file.write_text("".join(f"{name}: {text}\n" for name, text in fields.items()))
    with pytest.raises(SetupError) as caught:
        load_spec(file)
    assert str(caught.value).startswith(f"{file}: {sentence}")
