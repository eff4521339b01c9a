"""Search/replace edits of modules: applied to the byte, or refused with a message that helps."""

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.repository.checks import CONTRACT_FILES
from agent.repository.edits import LARGEST_MODULE, LONGEST_BLOCK, MOST_EDITS, Edit, EditError, apply_edits

TRAIN = """import numpy as np


def fit(rows, labels):
    for epoch in range(5):
        step(rows, labels)
    return epoch


def step(rows, labels):
    loss = np.mean(rows - labels)
    return loss
"""
FILES = dict.fromkeys(CONTRACT_FILES, "") | {"library/train.py": TRAIN, "main.py": 'print("done")\n'}


def _refused(*edits: Edit, files: dict[str, str] = FILES) -> EditError:
    before = dict(files)
    with pytest.raises(EditError) as refused:
        apply_edits(files, edits)
    assert files == before, "all or nothing"
    assert "\n" not in refused.value.sentence
    return refused.value


def test_several_files_change_in_one_answer_and_nothing_else_does() -> None:
    edits = (
        Edit(file="library/train.py", find="range(5)", replace="range(EPOCHS)"),
        Edit(
            file="library/train.py", find="import numpy as np\n", replace="import numpy as np\n\nEPOCHS = 8\n"
        ),
        Edit(file="main.py", find='"done"', replace='"finished"'),
    )
    made = apply_edits(FILES, edits)
    changed = TRAIN.replace("range(5)", "range(EPOCHS)").replace("as np\n", "as np\n\nEPOCHS = 8\n")
    assert made == FILES | {"library/train.py": changed, "main.py": 'print("finished")\n'}
    assert apply_edits(FILES, ()) == FILES


def test_a_later_edit_meets_what_an_earlier_one_left() -> None:
    twice = (
        Edit(file="main.py", find="done", replace="done, or so"),
        Edit(file="main.py", find="or so", replace="really"),
    )
    assert apply_edits(FILES, twice)["main.py"] == 'print("done, really")\n'


def test_an_empty_block_makes_a_new_module_or_fills_an_empty_one() -> None:
    new = Edit(file="library/extra.py", find="", replace="X = 1\n")
    assert apply_edits(FILES, [new]) == FILES | {"library/extra.py": "X = 1\n"}
    filled = Edit(file="library/loss.py", find="", replace="X = 1\n")
    assert apply_edits(FILES, [filled])["library/loss.py"] == "X = 1\n"
    assert "main.py exists, and" in str(_refused(Edit(file="main.py", find="", replace="X = 1\n")))


@pytest.mark.parametrize(
    "around",
    [
        ("\ufeffA = 1\r\n", "\r\nB = 2   \r\n\tpass\r\n".replace("\tpass", "C = 3\t")),
        ("A = 1\n\x0c\n", "\n\n\n# no newline at the end"),
        ("if A := 1:\n\tB = 2 \t\n", "\n\t\n"),
        ('A = "ä\u2028\U0001f600"\n', "\nB = 1\\\n  + 2"),
    ],
)
def test_what_an_edit_does_not_touch_stays_as_it_is(around: tuple[str, str]) -> None:
    before, after = around
    files = FILES | {"library/loss.py": f"{before}LOSS = 'bce'{after}"}
    made = apply_edits(files, [Edit(file="library/loss.py", find="'bce'", replace="'asymmetric'")])
    assert made["library/loss.py"] == f"{before}LOSS = 'asymmetric'{after}"
    assert {name: text for name, text in made.items() if name != "library/loss.py"} == {
        name: text for name, text in files.items() if name != "library/loss.py"
    }


@given(st.lists(st.sampled_from(["x = 1", "", "\t", " ", "# \r", "y = 2\r", "\ufeff#", "'\\"]), max_size=12))
def test_whatever_stands_around_a_comment_is_kept(lines: list[str]) -> None:
    around = [f"# {line}" for line in lines]
    text = "\n".join([*around, "# here", *around])
    made = apply_edits(FILES | {"main.py": text}, [Edit(file="main.py", find="# here", replace="# there")])
    assert made["main.py"] == "\n".join([*around, "# there", *around])


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../main.py",
        "library/../main.py",
        "library/../../x.py",
        "./main.py",
        "library\\train.py",
        "library/.hidden.py",
        ".git/config",
        "library/deep/er.py",
        "library/class.py",
        "library/1.py",
        "library/a b.py",
        "library/train.py\n",
        "library/" + "a" * 300 + ".py",
        "working/x.py",
        "members/001/main.py",
        "README.md",
        "idea.json",
        "requirements.txt",
        "",
        "x" * 100_000,
    ],
)
def test_nothing_but_the_repositorys_own_modules_may_be_edited(name: str) -> None:
    for find in ("", "done"):
        error = _refused(Edit(file=name, find=find, replace="X = 1\n"))
        assert "may not be edited, only main.py and library/<name>.py" in str(error)
        assert "the files are library/__init__.py, library/config.py" in str(error)
        assert len(str(error)) < 600


def test_a_missing_module_is_reported_with_the_existing_ones() -> None:
    error = _refused(Edit(file="library/training.py", find="range(5)", replace="range(8)"))
    assert "the file library/training.py does not exist; the files are" in str(error)
    assert "library/train.py" in str(error)
    assert "An empty `find` creates a new module" in str(error)


@pytest.mark.parametrize(
    ("find", "said", "line"),
    [
        ("    for epoch in range(5):   \n", "line 5 differs only in white space at the ends of lines", 5),
        (
            "for epoch in range(5):\n    step(rows, labels)\nreturn epoch\n",
            "lines 5 to 7 differ only in white space, indentation most likely",
            6,
        ),
        ("    for epoch in range(5):\r\n        step(rows", "nearest are lines 5 to 6", 5),
        (
            "    for epoch in range(5):\r\n        step(rows, labels)\r\n",
            "lines 5 to 6 differ only in line",
            6,
        ),
        ("    loss = np.mean(labels - rows)\n    return loss\n", "nearest are lines 11 to 12", 11),
        ("    lost = np.maen(rows-labels)", "nearest is line 11", 11),
    ],
)
def test_a_missing_block_is_reported_with_the_nearest_lines(find: str, said: str, line: int) -> None:
    error = _refused(Edit(file="library/train.py", find=find, replace="pass\n"))
    assert error.sentence.startswith("Edit 1 of 1: library/train.py does not contain the block; ")
    assert said in error.sentence
    assert f"{line:>4} | {TRAIN.splitlines()[line - 1]}" in error.quoted


def test_a_block_without_similar_lines_is_reported() -> None:
    error = _refused(Edit(file="library/train.py", find="@@ 77 $$", replace="pass"))
    assert "none of the file's 13 lines is similar" in str(error)
    assert not error.quoted


def test_a_block_that_an_earlier_edit_changed_is_reported() -> None:
    first = Edit(file="main.py", find="done", replace="finished")
    error = _refused(first, first)
    assert "Edit 2 of 2: an earlier edit of this answer changed the block in main.py" in str(error)


def test_a_repeated_block_is_reported_with_all_its_lines() -> None:
    error = _refused(Edit(file="library/train.py", find="rows, labels", replace="rows"))
    assert "contains the block more than once, starting at lines 4, 6, 10" in str(error)
    overlapping = FILES | {"main.py": "X = 'aaa'\n"}
    error = _refused(Edit(file="main.py", find="aa", replace="b"), files=overlapping)
    assert "starting at lines 1, 1" in str(error)
    many = FILES | {"main.py": "x = 1\n" * 50}
    error = _refused(Edit(file="main.py", find="x = 1", replace="x = 2"), files=many)
    assert "starting at lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and more" in str(error)


def test_edits_that_change_nothing_are_refused() -> None:
    assert "changes nothing" in str(_refused(Edit(file="main.py", find="done", replace="done")))
    there = Edit(file="main.py", find="done", replace="gone")
    back = Edit(file="main.py", find="gone", replace="done")
    assert "so the files do not change" in str(_refused(there, back))


def test_too_many_and_too_large_edits_are_refused() -> None:
    one = Edit(file="main.py", find="done", replace="gone")
    assert f"at most {MOST_EDITS}" in str(_refused(*[one] * (MOST_EDITS + 1)))
    long = "#" * (LONGEST_BLOCK + 1)
    assert "`find` has 60001 characters" in str(_refused(Edit(file="main.py", find=long, replace="")))
    assert "`replace` has 60001 characters" in str(_refused(Edit(file="main.py", find="done", replace=long)))
    grown = [
        Edit(file="main.py", find=f"# {number}\n", replace="#" * 59_990 + f"\n# {number + 1}\n")
        for number in range(4)
    ]
    error = _refused(*grown, files=FILES | {"main.py": "# 0\n"})
    assert "Edit 4 of 4: main.py would have 2399" in str(error)
    assert f"a module may have at most {LARGEST_MODULE}" in str(error)


def test_a_large_file_of_the_users_own_may_still_be_edited() -> None:
    files = FILES | {"main.py": "# a line\n" * 30_000 + "x = 1\n"}
    made = apply_edits(files, [Edit(file="main.py", find="x = 1", replace="x = 2")])
    assert made["main.py"] == "# a line\n" * 30_000 + "x = 2\n"


@pytest.mark.parametrize(
    ("replace", "said"),
    [
        ("    return (epoch\n", "library/train.py:7: "),
        ("    return epoch]\n", "library/train.py:7: "),
        ("import agent\n", "library/train.py:7: a solution must run alone; do not import agent"),
        ("return epoch\n", "library/train.py:7: 'return' outside function"),
        ("    return 1" + " + -" * 10_000 + "1\n", "the code is nested too deeply for Python to parse"),
        ("    return epoch  # \0\n", "library/train.py"),
    ],
)
def test_what_breaks_the_repository_is_refused(replace: str, said: str) -> None:
    error = _refused(Edit(file="library/train.py", find="    return epoch\n", replace=replace))
    assert error.sentence.startswith("The edits break the repository: ")
    assert said in error.sentence
    assert len(str(error)) < 2500


@pytest.mark.parametrize("part", ["file", "find", "replace"])
def test_half_a_character_is_no_edit(part: str) -> None:
    """Neither a file nor the record could hold it."""
    texts = {"file": "main.py", "find": "a", "replace": "b", part: json.loads('"\\ud800"')}
    with pytest.raises(ValidationError, match="half of a surrogate pair"):
        Edit.model_validate(texts)


def test_faults_from_before_do_not_stand_in_the_way() -> None:
    broken = FILES | {"library/loss.py": "def (", "library/utils.py": "import agent\n"}
    del broken["README.md"]
    mended = apply_edits(broken, [Edit(file="main.py", find="done", replace="gone")])
    assert mended["main.py"] == 'print("gone")\n'
    mended = apply_edits(broken, [Edit(file="library/loss.py", find="def (", replace="X = 1")])
    assert mended["library/loss.py"] == "X = 1"
    error = _refused(Edit(file="library/loss.py", find="def (", replace="def )"), files=broken)
    assert "library/loss.py:1" in str(error), "an edited module has to be valid afterwards"


@pytest.mark.parametrize(
    "hostile",
    [
        lambda n: "\n".join("a" * 100 for _ in range(n)),
        lambda n: "\n".join("ab" * 60 for _ in range(n)),
        lambda n: "\n".join("".join("ab"[(i >> b) & 1] for b in range(110)) for i in range(n)),
        lambda n: "a" * 40 * n,
        lambda n: "\n" * 40 * n,
        lambda n: " a\n" * 10 * n,
        lambda n: "".join(chr(0x4E00 + i % 20_000) + "\n" * (i % 3) for i in range(20 * n)),
    ],
)
def test_hostile_texts_take_neither_long_nor_much_room(hostile: Callable[[int], str]) -> None:
    text = hostile(5_000)[:190_000]
    files = FILES | {"main.py": f'"""{text}"""\n'}
    block = (hostile(600)[::-1] + "b")[: LONGEST_BLOCK - 1] + "!"
    began = time.process_time()
    error = _refused(Edit(file="main.py", find=block, replace="x"), files=files)
    assert time.process_time() - began < 5.0
    assert len(str(error)) < 2500
    assert str(error) == str(_refused(Edit(file="main.py", find=block, replace="x"), files=files))
