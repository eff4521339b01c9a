"""Leaks in a change of code are reported; code that only looks similar is not."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from agent.repository.leakage import Leakage, leakage
from tests.repository.fixes import FILES

ROOT = Path(__file__).parent.parent.parent
HEAD = """import os
from pathlib import Path
import numpy as np
import pandas as pd
METADATA = Path('metadata')
"""
TABLES = "train, val = pd.read_csv('metadata/train.csv'), pd.read_csv(METADATA / 'val.csv')\n"


def _found(code: str, before: str = "") -> Leakage:
    """What is found in a function of a module that is new, or has another body."""

    def module(body: str) -> dict[str, str]:
        return FILES | {"library/train.py": f"{HEAD}\n\ndef learn(config):\n{indent(dedent(body), '    ')}"}

    return leakage(module(before or "pass\n"), module(code))


@pytest.mark.parametrize(
    "code",
    [
        "rows = open('/data/rows.csv').read()\n",
        "rows = pd.read_csv('../answers/test.csv')\n",
        "rows = pd.read_csv('metadata/../../private/val.csv')\n",
        "rows = Path('~/answers.csv').expanduser().read_text()\n",
        "rows = (METADATA / '..' / 'private' / 'val.csv').read_text()\n",
        "rows = os.listdir('/root')\n",
        "rows = np.load(file='/data/x.npy')\n",
        "rows = pd.read_csv(f'/data/{config.name}.csv')\n",
        "rows = open(os.path.join('input', '../../private', 'val.csv'))\n",
        "rows = pd.read_csv('https://example.org/rows.csv')\n",
        "rows = pd.read_csv('C:\\\\data\\\\rows.csv')\n",
    ],
)
def test_a_read_outside_the_workspace_is_a_fault(code: str) -> None:
    found = _found(code)
    assert found.leakage_findings == ()
    assert found.faults
    assert found.faults[0].startswith("library/train.py:9: reads ")


@pytest.mark.parametrize(
    "code",
    [
        "rows = open('metadata/train.csv').read()\n",
        "rows = Path('working') / 'cache' / 'x.npy'\n",
        "rows = open('/proc/meminfo').read()\n",
        "rows = (Path(__file__).parent / '..' / 'metadata' / 'train.csv').read_text()\n",
        "rows = ' / '.join(['a', 'b']) + '/'.join('cd')\n",
        "rows = 'a/../b'.split('/')\n",
        "rows = os.environ.get('MARS_CACHE_DIR', '/none')\n",
        "rows = 3 / 4\n",
        "rows = pd.read_csv('input/..hidden.csv')\n",
    ],
)
def test_what_stays_in_the_workspace_is_none(code: str) -> None:
    assert _found(code) == Leakage()


@pytest.mark.parametrize(
    "code",
    [
        TABLES + "rows = pd.concat([train, val])\n",
        TABLES + "rows = pd.concat((train, val.dropna()), ignore_index=True)\n",
        TABLES + "x, y = pd.concat([train['x'], val['x']]), np.concatenate([train['y'], val['y']])\n",
        TABLES + "rows = joined(train, val)\n",
        "rows = pd.concat([pd.read_csv(METADATA / f'{part}.csv') for part in parts])\n"
        "rows = np.vstack([data.train.x, data.val.x])\n",
        "rows = read('train') + read('val')\n",
        "train = list(csv.DictReader(open('metadata/train.csv')))\ntrain.extend(read('val'))\n",
        "train, val = read('train'), [row for row in read('val') if row]\nrows = [*train, *val]\n",
        "x_train, y_train = split('train')\ny_all = np.concatenate([y_train, y_val])\n",
        "parts = load()\nrows = pd.concat([parts['train'], parts['val']])\n",
        "if config.smoke:\n    rows = joined(data.train, data.val)\n",
    ],
)
def test_validation_rows_joined_to_training_rows_are_suspected(code: str) -> None:
    found = _found(code)
    assert found.faults == ()
    assert found.leakage_findings
    line = found.leakage_findings[0].partition(": ")
    assert line[0].startswith("library/train.py:")
    assert line[2] == "validation rows are joined to training rows."


@pytest.mark.parametrize(
    "code",
    [
        TABLES + "rows = joined(train, val) if config.refit else train\n",
        TABLES + "if config.refit:\n    train = pd.concat([train, val])\n",
        TABLES + "if not config.refit:\n    return train\nreturn pd.concat([train, val])\n",
        TABLES + "test = pd.read_csv('metadata/test.csv')\nlevels = pd.concat([train, val, test])\n",
        TABLES + "rows = pd.concat([train['x'], train['y']])\n",
        "loss = train_loss + val_loss\nseconds = [*train_seconds, *val_seconds]\n",
        "total = train + val\n",
        "history = np.concatenate([train_scores, val_scores])\n",
        "tables = {}\ntables.update(train=read('train'), val=read('val'))\n",
    ],
)
def test_what_a_refit_or_a_vocabulary_joins_is_none(code: str) -> None:
    assert _found(code) == Leakage()


def test_a_function_that_only_a_refit_calls_may_join_them() -> None:
    joins = "def both(train, val):\n    return pd.concat([train, val])\n\n\ndef learn(config):\n"
    refits = f"{HEAD}{joins}    if config.refit:\n        return both(train, val)\n    return train\n"
    always = f"{HEAD}{joins}    return both(train, val)\n"
    assert leakage(FILES, FILES | {"library/data.py": refits}) == Leakage()
    assert len(leakage(FILES, FILES | {"library/data.py": always}).leakage_findings) == 1


@pytest.mark.parametrize(
    ("code", "doubtful"),
    [
        ("guess = sample['label'].mean()\n", True),
        ("guess = sample.values\n", True),
        ("guess = pd.concat([train, sample])\n", True),
        ("guess = sample.to_numpy()\n", True),
        ("guess = sample['id'].tolist()\n", False),
        ("guess = list(sample.columns)\n", False),
        ("sample['label'] = predictions\nprint(sample['label'].value_counts())\n", False),
        ("sample.to_csv('submission/submission.csv')\n", False),
    ],
)
def test_a_sample_submission_is_for_its_ids_and_header(code: str, doubtful: bool) -> None:
    found = _found(f"sample = pd.read_csv(METADATA / 'sample_submission.csv')\n{code}")
    assert bool(found.leakage_findings) == doubtful
    assert all("the sample submission is read as data" in doubt for doubt in found.leakage_findings)


def test_what_the_parent_had_is_no_finding_wherever_it_stands_now() -> None:
    old = TABLES + "rows = pd.concat([train, val])\nmore = open('/data/rows.csv')\n"
    assert _found("print('later')\n" + old, before=old) == Leakage()
    twice = _found(old + "again = pd.concat([train, val])\n", before=old)
    assert [doubt.partition(": ")[0] for doubt in twice.leakage_findings] == ["library/train.py:12"]


def test_modules_that_are_no_python_are_left_to_others() -> None:
    assert leakage(FILES, FILES | {"library/train.py": "def ("}) == Leakage()


@pytest.mark.parametrize("name", ["digits", "imet-2020"])
def test_a_solution_of_ours_has_nothing_of_it(name: str) -> None:
    folder = ROOT / "solutions" / name / "repository"
    files = {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.py")}
    assert len(files) > 5
    assert leakage({}, files) == Leakage()
