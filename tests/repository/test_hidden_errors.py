"""Fixes that hide an error are reported; code that only looks similar is not."""

from textwrap import dedent, indent

import pytest

from agent.competition.prepared import Prepared
from agent.core.paths import templates_dir
from agent.repository.family import Family, load_family
from agent.repository.hidden_errors import hidden_errors
from agent.repository.rendering import Renderer, TaskView
from tests.repository.fixes import FILES, MAIN, alarm, changed
from tests.support.states import idea


def _handled(handler: str) -> dict[str, str]:
    """The call of `fit`, caught by the handler."""
    tried = "try:\n    model = fit(read('train'))\n" + dedent(handler)
    return changed('    model = fit(read("train"))\n', indent(tried, "    "))


def _replaced(old: str, new: str) -> dict[str, str]:
    return changed(old, indent(dedent(new), "    "))


@pytest.mark.parametrize(
    "handler",
    [
        "except:\n    pass\n",
        "except Exception:\n    pass\n",
        "except BaseException:\n    model = None\n",
        "except (ValueError, Exception) as error:\n    print(error)\n",
        "except Exception as error:\n    logging.exception('it failed: %s', error)\n    return 0.5\n",
        "except Exception:\n    return\n",
        "except Exception:\n    model = None\n    predictions = np.zeros((10, 3))\n",
        "except Exception:\n    if True:\n        pass\n    else:\n        print('no')\n",
        "except Exception:\n    sys.exit(0)\n",
        "except Exception:\n    raise SystemExit\n",
        "except Exception:\n    ...\n",
        "except Exception:\n    model = float('nan')\n",
        "except Exception:\n    traceback.print_exc()\n    model = []\n",
        "except Exception:\n    logging.getLogger(__name__).warning('it failed')\n",
        "except Exception:\n    sys.stderr.write('x')\n    model = {}\n",
    ],
)
def test_a_handler_that_hides_every_error_is_reported(handler: str) -> None:
    after = _handled(handler)
    line = after["main.py"][: after["main.py"].index("    except")].count("\n") + 1
    said = hidden_errors(FILES, after)[0]
    assert said.startswith(f"main.py:{line}: `except")
    assert "hides every error; fix the cause" in said


@pytest.mark.parametrize(
    "handler",
    [
        "except Exception as error:\n    raise RuntimeError('fit failed') from error\n",
        "except Exception:\n    print('again')\n    raise\n",
        "except Exception:\n    model = fit(read('train')[:100])\n",
        "except Exception as error:\n    print(error)\n    return fallback(error)\n",
        "except Exception as error:\n    if 'memory' in str(error):\n        raise\n    model = None\n",
        "except Exception as error:\n    sys.exit(f'main.py: {error}')\n",
        "except Exception:\n    sys.exit(1)\n",
        "except ValueError:\n    pass\n",
        "except (KeyError, OSError):\n    model = None\n",
        "finally:\n    print('tried')\n",
    ],
)
def test_a_handler_that_does_something_or_means_one_error_passes(handler: str) -> None:
    assert hidden_errors(FILES, _handled(handler)) == []


def test_a_handler_that_was_there_is_not_new_wherever_it_stands_now() -> None:
    before = _handled("except Exception:\n    pass\n")
    assert hidden_errors(before, before) == []
    assert (
        hidden_errors(before, before | {"main.py": before["main.py"].replace("import sys", "import os")})
        == []
    )
    moved = before["main.py"].replace("def main", "def other").replace("    main()", "    other()")
    new_home = before | {"main.py": "from library.extra import other\n\nother()\n", "library/extra.py": moved}
    assert hidden_errors(before, new_home) == []
    reworded = before["main.py"].replace("        pass\n", "        print('passed')\n")
    assert hidden_errors(before, before | {"main.py": reworded}) == []
    twice = before["main.py"].replace(
        "    right = 0\n", "    try:\n        right = 0\n    except Exception:\n        pass\n"
    )
    assert "main.py:20" in alarm(before | {"main.py": twice}, before)


@pytest.mark.parametrize(
    ("imported", "call"),
    [
        ("import contextlib", "contextlib.suppress(Exception)"),
        ("from contextlib import suppress", "suppress(ValueError, BaseException)"),
        ("from contextlib import suppress as quiet", "quiet(Exception)"),
    ],
)
def test_suppressing_every_error_is_reported(imported: str, call: str) -> None:
    after = _replaced('    model = fit(read("train"))\n', f"with {call}:\n    model = fit(read('train'))\n")
    said = alarm(after | {"main.py": f"{imported}\n{after['main.py']}"})
    assert "`suppress` hides every error" in said


@pytest.mark.parametrize("call", ["contextlib.suppress(FileNotFoundError)", "suppress(Exception)"])
def test_suppressing_one_error_or_a_function_of_that_name_passes(call: str) -> None:
    after = _replaced('    model = fit(read("train"))\n', f"with {call}:\n    model = fit(read('train'))\n")
    assert hidden_errors(FILES, after) == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ('warnings.filterwarnings("ignore")', True),
        ('warnings.simplefilter(action="ignore")', True),
        ('warnings.simplefilter("ignore", Warning)', True),
        ('warnings.filterwarnings("ignore", category=FutureWarning)', False),
        ('warnings.filterwarnings("ignore", message="mean of empty slice")', False),
        ('warnings.simplefilter("ignore", UserWarning)', False),
        ('warnings.simplefilter("error")', False),
        ('warnings.warn("ignore")', False),
    ],
)
def test_ignoring_all_warnings_is_reported_and_naming_one_is_not(call: str, told: bool) -> None:
    after = changed(
        "import numpy as np\n\n\ndef fit", f"import numpy as np\n\n{call}\n\n\ndef fit", "library/train.py"
    )
    said = hidden_errors(FILES, after)
    assert [("library/train.py:5: the filter ignores every warning" in one) for one in said] == [True] * told


@pytest.mark.parametrize(
    "statement",
    [
        "sys.exit(0)",
        "sys.exit()",
        "exit()",
        "quit(0)",
        "raise SystemExit",
        "raise SystemExit(0)",
        "import os\nos._exit(1)",
        "import os as o\no._exit(0)",
    ],
)
def test_an_exit_midway_that_looks_like_success_is_reported(statement: str) -> None:
    new = f"if not val_rows:\n{indent(statement, '    ')}\nval_labels = predict(model, val_rows)\n"
    said = alarm(_replaced("    val_labels = predict(model, val_rows)\n", new))
    assert "the process exits here as if it had succeeded" in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    val_rows = read", "    if not model:\n        sys.exit('no model')\n    val_rows = read"),
        ("    val_rows = read", "    if not model:\n        sys.exit(2)\n    val_rows = read"),
        (
            "    val_rows = read",
            "    if not model:\n        raise SystemExit(code(model))\n    val_rows = read",
        ),
        ('if __name__ == "__main__":\n    main()', 'if __name__ == "__main__":\n    main()\n    sys.exit(0)'),
        ('if __name__ == "__main__":\n    main()', 'if __name__ == "__main__":\n    sys.exit(main())'),
        ('!r}")\n', '!r}")\n    sys.exit()\n'),
    ],
)
def test_an_end_with_an_error_or_at_the_end_passes(old: str, new: str) -> None:
    assert hidden_errors(FILES, changed(old, new)) == []


def test_the_scored_file_and_the_metric_have_to_be_written() -> None:
    gone = changed('    write(val_rows, val_labels, "working/val_submission.csv")\n', "")
    assert "The call that writes val_submission.csv was removed" in alarm(gone)
    only_named = changed('    write(val_rows, val_labels, "working/val_submission.csv")\n', "")
    only_named["library/config.py"] = 'VAL = Path("working/val_submission.csv")\n'
    assert "The call that writes val_submission.csv was removed" in alarm(only_named)
    quiet = changed(
        '    print(f"Final Validation Metric: {score(val_labels)!r}")\n', "    score(val_labels)\n"
    )
    assert "The print of `Final Validation Metric` was removed" in alarm(quiet)


def test_the_scored_file_may_be_written_in_another_way() -> None:
    old = '    write(val_rows, val_labels, "working/val_submission.csv")\n'
    named = changed(old, "    write(val_rows, val_labels, config.VAL_FILE)\n")
    named["library/config.py"] = 'VAL_FILE = "working/val_submission.csv"\n'
    assert hidden_errors(FILES, named) == hidden_errors(named, FILES) == []
    looped = changed(
        old, '    for part in ("val",):\n        write(val_rows, val_labels, f"{part}_submission.csv")\n'
    )
    looped["main.py"] += "\n\ndef other(table):\n    table.to_csv(Path('working', 'val_submission.csv'))\n"
    assert hidden_errors(FILES, looped) == []


def test_skipped_validation_is_reported() -> None:
    skipped = changed(
        '    for row in read("val"):\n        right += row in rows\n', "    right = len(rows)\n"
    )
    assert "score no longer loops over the validation rows" in alarm(skipped)
    unread = MAIN.replace('"val"', '"train"').replace("val_rows", "rows").replace("val_labels", "labels")
    assert any(
        "No code reads the validation rows" in one
        for one in hidden_errors(FILES, FILES | {"main.py": unread})
    )


@pytest.mark.parametrize(
    "new",
    [
        '    right = sum(row in rows for row in read("val"))\n',
        '    val_rows = read("val")\n    right = np.isin(val_rows, rows).sum()\n',
        "    right = count(rows, part='val')\n",
    ],
)
def test_validation_in_another_way_passes(new: str) -> None:
    after = changed('    for row in read("val"):\n        right += row in rows\n', new)
    assert hidden_errors(FILES, after) == []


def test_a_loop_over_valid_items_is_no_validation() -> None:
    looped = changed("    right = 0\n", "    right = 0\n    for name in valid_names:\n        check(name)\n")
    assert hidden_errors(looped, FILES) == []


def test_modules_that_python_cannot_read_are_left_out() -> None:
    broken = FILES | {"main.py": MAIN + "\ndef (:\n", "library/loss.py": "x = " + "-" * 5_000 + "1\n"}
    assert hidden_errors(broken, broken) == []
    quiet = _handled("except Exception:\n    pass\n")
    assert hidden_errors(broken, quiet) == [], "it may have been there before"
    assert hidden_errors(FILES, FILES | {"library/loss.py": "x\0 = '\ud800'"}) == []
    assert hidden_errors(FILES, FILES | {"main.py": "def (:\n"}) == [], (
        "what it holds is not known to be gone"
    )
    assert hidden_errors({}, {}) == []


def test_a_new_module_is_looked_at_too() -> None:
    quiet = "def load():\n    try:\n        return read()\n    except Exception:\n        return None\n"
    assert alarm(FILES | {"library/extra.py": quiet}).startswith("library/extra.py:4: ")


# -- no false alarms -----------------------------------------------------------------------------------


def test_changes_of_one_slot_of_the_toy_are_no_alarm(toy_family: Family, toy_prepared: Prepared) -> None:
    alarms, fewest = _alarms(toy_family, TaskView.of(toy_prepared), skip=("failing",))
    assert alarms == []
    assert fewest > 5


@pytest.mark.parametrize("drafts", [1, pytest.param(99, marks=pytest.mark.slow)])
def test_changes_of_one_slot_of_tables_are_no_alarm(toy_prepared: Prepared, drafts: int) -> None:
    family = load_family(templates_dir() / "tabular")
    alarms, fewest = _alarms(family, TaskView.of(toy_prepared), drafts=drafts)
    assert alarms == []
    assert fewest > 5


@pytest.mark.parametrize("values", [1, pytest.param(99, marks=pytest.mark.slow)])
def test_changes_of_one_slot_of_pictures_are_no_alarm(toy_prepared: Prepared, values: int) -> None:
    family = load_family(templates_dir() / "image_classification")
    alarms, fewest = _alarms(family, TaskView.of(toy_prepared), values=values, drafts=1)
    assert alarms == []
    assert fewest > 5


def _alarms(
    family: Family, task: TaskView, skip: tuple[str, ...] = (), values: int = 99, drafts: int = 99
) -> tuple[list[object], int]:
    """Compares the first starting points with so many other values of every slot, both ways.

    Returns:
        Every alarm with what it is about, and of how many changes of a start the code differed, at the least.
    """
    renderer = Renderer(family, task)
    alarms: list[object] = []
    counts = []
    for draft in family.drafts[:drafts]:
        slots = {**family.defaults, **draft.set}
        base = renderer.render(idea("A start", slots))
        pairs = [("itself", base, base)]
        for name, slot in family.slots.items():
            others = [value for value in slot.values if value != slots[name] and value not in skip]
            for value in others[:values]:
                other = renderer.render(idea("A start", {**slots, name: value}))
                pairs += [(f"{name}={value}", base, other), (f"{name}={value}, undone", other, base)]
        alarms += [(draft.id, what, found) for what, old, new in pairs if (found := hidden_errors(old, new))]
        counts.append(sum(_code(old) != _code(new) for _, old, new in pairs[1::2]))
    return alarms, min(counts)


def _code(files: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in files.items() if name.endswith(".py")}
