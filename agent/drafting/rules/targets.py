"""Guess the target columns, the user's folds and the table of classes (`mars init`)."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from agent.competition.reading.user_table import read_user_table
from agent.competition.row_ids import plain_name
from agent.core.errors import SetupError
from agent.drafting.rules.tables import FoundTables, Guess

_FOLDS = ("fold", "folds", "kfold", "cvfold")
_USUAL = (
    "target", "label", "labels", "class", "y", "outcome", "response", "answer", "result", "truth", "output"
)  # fmt: skip


@dataclass(frozen=True)
class TargetColumns:
    """The target columns and questions about them."""

    guess: Guess
    questions: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        assert isinstance(self.guess.value, list)
        return [str(name) for name in self.guess.value]


def guess_fold(tables: FoundTables) -> Guess | None:
    """Return the user's fold column, recognised by its name; None without one."""
    for name in tables.train.columns:
        stem = re.sub(r"[^a-z0-9]", "", name.lower())
        if stem in _FOLDS and 2 <= tables.train[name].nunique() <= 20:
            return Guess("fold_column", name, "named like folds; the last fold becomes the validation rows")
    return None


def guess_targets(tables: FoundTables, ids: Collection[str], fold_column: str | None) -> TargetColumns:
    """Return the target columns: those of the sample submission, else those that only labelled rows have.

    Raises:
        SetupError: No column, or more than one column, can be the target.
    """
    only_train = columns_of_labelled_rows(tables, {*ids, *([fold_column] if fold_column else [])})
    requested = [] if tables.sample is None else [name for name in tables.sample.columns if name not in ids]
    asked = [name for name in requested if name in only_train]
    if asked:
        return TargetColumns(Guess("targets", asked, f"{tables.sample_name} asks for it"))
    for name in only_train:
        if len(requested) > 1 and set(tables.train[name]) <= set(requested):
            reason = f"its values are columns of {tables.sample_name}"
            return TargetColumns(Guess("targets", [name], reason))
    if len(only_train) == 1:
        return TargetColumns(_only(tables, only_train[0]))
    if not only_train:
        raise SetupError(
            f"{tables.folder}: {tables.train_name} has no target column; add a column that the rows to "
            "predict lack."
        )
    return _choose(tables, only_train)


def columns_of_labelled_rows(tables: FoundTables, taken: Collection[str]) -> list[str]:
    """Return the columns that labelled rows have and rows to predict lack, or have blank in every row."""
    test = tables.test
    known = set() if test is None else {name for name in test.columns if not _is_blank(tables, name)}
    left = {*taken, *known, *tables.index_columns}
    return [name for name in tables.train.columns if name not in left]


def guess_target_alone(columns: Sequence[str]) -> tuple[str, bool]:
    """Return the target among the columns of labelled rows alone, and whether its name says so."""
    named = _named_like_targets(columns)
    return (named[0], True) if named else (columns[-1], False)


def guess_label_table(tables: FoundTables, labels: set[str]) -> Guess | None:
    """Return the table whose first column lists every label of the training table; None without one."""
    for name in tables.label_tables:
        try:
            listed = read_user_table(tables.folder, name).cells.iloc[:, 0]
        except SetupError:
            continue  # the table is optional
        if listed.is_unique and labels <= set(listed):
            return Guess("label_table", name, f"its first column lists all {len(labels)} labels that occur")
    return None


def _only(tables: FoundTables, name: str) -> Guess:
    if tables.test is not None and name in tables.test.columns:
        return Guess("targets", [name], f"filled in {tables.train_name} and blank in {tables.test_name}")
    return Guess("targets", [name], f"the only column that is in {tables.train_name} alone")


def _choose(tables: FoundTables, columns: Sequence[str]) -> TargetColumns:
    """Return the one of several columns that is named like a target.

    Raises:
        SetupError: No name, or more than one name, says so.
    """
    named = _named_like_targets(columns)
    if len(named) == 1:
        others = ", ".join(f"'{name}'" for name in columns if name != named[0])
        guess = Guess("targets", named, f"named like a target, and in {tables.train_name} alone")
        question = (
            f"'{named[0]}' is the target and {others} left out: rows to predict lack them. Is that right?"
        )
        return TargetColumns(guess, (question,))
    raise SetupError(
        f"{tables.folder}: several columns could be the target: {', '.join(columns[:8])}. "
        "Add a sample_submission.csv with the id and the target."
    )


def _named_like_targets(columns: Sequence[str]) -> list[str]:
    return sorted(
        (name for name in columns if plain_name(name) in _USUAL),
        key=lambda name: _USUAL.index(plain_name(name)),
    )


def _is_blank(tables: FoundTables, name: str) -> bool:
    """Return whether a column is blank in all rows to predict and filled in labelled rows."""
    assert tables.test is not None
    if name not in tables.train.columns:
        return False
    blank = (tables.test[name].str.strip() == "").all()
    return bool(blank and (tables.train[name].str.strip() != "").any())
