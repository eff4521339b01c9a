"""The role of each table of a folder, by the name of its file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.competition.reading.table_names import table_stem

HOLD_OUT_TRAIN, HOLD_OUT_TEST = "hold_out_train.csv", "hold_out_test.csv"
"""Tables that `mars init` makes of a training table alone."""

_TRAIN = ("train", "training", "traindata", "trainingdata", "trainset", "trainlabels", "traininglabels")
_TEST = ("test", "testing", "testdata", "testset", "testfeatures")
_CLASS_TABLES = ("labels", "classes", "categories", "labelmap", "classnames")
_MAPPING_WORDS = {"mapping", "mappings"}  # superclass_mapping.csv lists the classes of one of several targets
_TRAIN_WORDS = {"train", "training", "traindata", "trainset", "xtrain", "ytrain"}
_TEST_WORDS = {"test", "testing", "testdata", "testset", "xtest", "ytest", "predict"}
_ANSWER_WORDS = {
    "y", "ytrain", "ytest", "label", "labels", "target", "targets", "answer", "answers", "truth", "solution"
}  # fmt: skip
_TEXT_WORDS = {
    "readme", "description", "overview", "license", "licence", "notes", "requirements", "llm",
    "config", "info",
}  # fmt: skip
_SAMPLE_WORDS = {"sample", "example", "template"}


@dataclass(frozen=True)
class TableRoles:
    """File names by role; None or empty without such a table."""

    train: str | None
    train_labels: str | None
    """Targets of the training rows, in a table of their own."""

    test: str | None
    sample: str | None
    label_tables: tuple[str, ...]
    """Tables that may list all classes."""

    answers: tuple[str, ...]
    """Tables that seem to hold the targets of the rows to predict."""

    others: tuple[str, ...]


def assign_roles(names: Sequence[str]) -> TableRoles:
    """Assign roles to tables by file names such as `train.csv`, `X_test.csv` or `shop_train.parquet`."""
    if {HOLD_OUT_TRAIN, HOLD_OUT_TEST} <= set(names):  # the user's table was split before
        sample = _sample(names, {name: _words(name) for name in names})
        return TableRoles(HOLD_OUT_TRAIN, None, HOLD_OUT_TEST, sample, (), (), ())
    words = {name: _words(name) for name in names}
    names = [name for name in names if not _is_text_about(name, words[name])]
    sample = _sample(names, words)
    rest = [name for name in names if name != sample]
    test_side = [name for name in rest if words[name] & _TEST_WORDS and not words[name] & _TRAIN_WORDS]
    train_side = [name for name in rest if words[name] & _TRAIN_WORDS and not words[name] & _TEST_WORDS]
    test, answers = _features_and_answers(test_side, words, _TEST)
    train, labels = _features_and_answers(train_side, words, _TRAIN)
    taken = {sample, train, labels, test, answers}
    class_tables = tuple(
        name
        for name in rest
        if name not in taken and (_plain(name) in _CLASS_TABLES or words[name] & _MAPPING_WORDS)
    )
    loose = [name for name in rest if name not in taken and name not in class_tables]
    hidden = [name for name in loose if words[name] & _ANSWER_WORDS]
    others = [name for name in loose if name not in hidden and name not in test_side]
    if train is None and labels is None and len(hidden) == 1 and len(others) == 1:  # X.csv and y.csv
        labels, hidden = hidden[0], []
    if train is None and len(others) == 1:
        train, others = others[0], []
    if train is None:
        train, labels = labels, None  # ids and targets alone, beside images
    if test is None and sample is None:
        test, answers = answers, None
    found = tuple(name for name in (answers, *hidden) if name is not None)
    unused = (*others, *(name for name in loose if name in test_side and name not in hidden))
    return TableRoles(train, labels, test, sample, class_tables, found, unused)


def _sample(names: Sequence[str], words: dict[str, set[str]]) -> str | None:
    """Return the sample submission; a name with "sample" or "example" precedes other submissions."""
    found = [name for name in names if "submi" in _plain(name)]
    found += [name for name in names if words[name] & _SAMPLE_WORDS and words[name] & _ANSWER_WORDS]
    return min(found, key=lambda name: not words[name] & _SAMPLE_WORDS, default=None)


def _features_and_answers(
    names: Sequence[str], words: dict[str, set[str]], usual: tuple[str, ...]
) -> tuple[str | None, str | None]:
    """Return the table of features and the table of answers of one side."""
    ranked = sorted(names, key=lambda name: (_rank(name, usual), len(name), name))
    features = (name for name in ranked if not words[name] & _ANSWER_WORDS)
    answers = (name for name in ranked if words[name] & _ANSWER_WORDS)
    return next(features, None), next(answers, None)


def _is_text_about(name: str, words: set[str]) -> bool:
    """Return whether a file describes the data, such as readme.txt or data_description.txt."""
    if not name.lower().endswith((".txt", ".json")):
        return False
    roles = _TRAIN_WORDS | _TEST_WORDS | _SAMPLE_WORDS | _ANSWER_WORDS
    return bool(words & _TEXT_WORDS) or not words & roles


def _rank(name: str, usual: tuple[str, ...]) -> int:
    plain = _plain(name)
    return usual.index(plain) if plain in usual else len(usual)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", table_stem(name).lower())


def _words(name: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", table_stem(name))
    return set(re.findall(r"[a-z]+", spaced.lower()))
