"""Merge the input roles of a model's answer with the roles that the rules guess from the columns."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.spec import InputColumn, Role
from agent.competition.tables import parse_times
from agent.core.errors import SetupError
from agent.drafting.llm.answer import LEAVE_OUT, Answer, RoleAnswer
from agent.drafting.llm.format import format_names, sanitize
from agent.drafting.llm.table_facts import known_share, later_share
from agent.drafting.rules.images import guess_images
from agent.drafting.rules.inputs import GuessedInput, are_numbers, guess_inputs
from agent.drafting.rules.tables import FoundTables, Guess
from agent.llm.answer_format import AnswerError

_MAX_KNOWN_GROUP_SHARE = 0.5  # of the rows to predict; above it, groups need not stay whole


def merge_inputs(
    tables: FoundTables, answer: Answer, taken: Sequence[str], id_column: str, model: str
) -> tuple[list[GuessedInput], list[str]]:
    """Merge the inputs of the answer with those of the rules.

    Args:
        tables: The tables of the folder with their final roles.
        answer: The answer of the model.
        taken: Columns that cannot be inputs: targets and folds.
        id_column: The column that identifies rows.
        model: The name of the model, for the reasons.

    Returns:
        All inputs with their reasons, group and time columns first, and sentences for the user.

    Raises:
        AnswerError: The answer contradicts the tables. The message names columns, never a value.
    """
    try:
        by_rule, questions = guess_inputs(tables, taken, id_column)
    except SetupError:
        by_rule, questions = [], []  # the rules find no input; the answer may name some
    merger = _InputMerger(tables, model, by_rule, [*taken, id_column])
    for role in answer.inputs:
        merger.set_role(role)
    merger.set_group(answer)
    merger.set_time(answer)
    if not merger.inputs:
        raise AnswerError(
            "inputs: no input is left; the rows to predict must have at least one column beside the id."
        )
    open_questions = [question for question in questions if not _mentions(question, merger.settled)]
    return [*merger.inputs.values()], [*merger.notes, *open_questions]


class _InputMerger:
    """Collects the inputs by their names, starting with those of the rules."""

    def __init__(
        self, tables: FoundTables, model: str, by_rule: Sequence[GuessedInput], taken: Sequence[str]
    ) -> None:
        self.inputs = {column.name: (column, guess) for column, guess in by_rule}
        self.settled: set[str] = set()
        self.notes: list[str] = []
        self._tables = tables
        self._model = model
        self._taken = set(taken)
        images = guess_images(tables, taken[-1])
        if images is not None and images[0].name not in self.inputs:
            self.inputs = {images[0].name: images[:2], **self.inputs}
        self._image_columns = set() if images is None else {images[0].name, images[2]}

    def set_role(self, proposed: RoleAnswer) -> None:
        """Give one column the role that the answer proposes."""
        name = proposed.name
        if name in self._taken | self._image_columns:
            return  # id, targets, folds and images are decided elsewhere
        self._require(name, "inputs")
        if proposed.role == LEAVE_OUT:
            self.inputs.pop(name, None)
            self.settled.add(name)
            why = sanitize(proposed.why, 300)
            self.notes.append(f"The language model {self._model} leaves out column '{name}': {why}")
            return
        self._require_to_predict(name, "inputs")
        present = self._present(name)
        if proposed.role == "number" and not are_numbers(present):
            raise AnswerError(f"inputs: '{name}' does not hold numbers; answer category or text.")
        self._put(name, proposed.role, proposed.why)

    def set_group(self, answer: Answer) -> None:
        """Set the group column, unless the groups of the rows to predict contradict the answer."""
        name = answer.group_column
        by_rule = [column.name for column, _ in self.inputs.values() if column.role == "group"]
        if name:
            self._require(name, "group_column")
            if name in self._taken:
                raise AnswerError(
                    f"group_column: '{name}' is the id, a target or a fold; name another column or none."
                )
            distinct = self._present(name).nunique()
            if not 2 <= distinct < len(self._tables.train):
                raise AnswerError(
                    f"group_column: '{name}' has {distinct} different values in {len(self._tables.train)} "
                    "rows, so its values do not group rows."
                )
            if (share := self._known_group_share(name)) >= _MAX_KNOWN_GROUP_SHARE:
                raise AnswerError(
                    f"group_column: {share:.0%} of the rows to predict belong to known groups of '{name}', "
                    "so validation rows may share groups with training rows; name another column or none."
                )
            self._put(name, "group", answer.group_why, first=True)
        for other in by_rule:
            if other == name:
                continue
            if self._known_group_share(other) == 0:
                self.notes.append(
                    f"Groups of '{other}' are not split, although the language model {self._model} does not "
                    "ask for whole groups: no row to predict belongs to a known group."
                )
            else:
                why = "named like a group, but some rows to predict belong to its known groups"
                column = InputColumn(name=other, role="category")
                self.inputs[other] = (column, Guess(f"inputs.{other}", "category", why, self._model))

    def set_time(self, answer: Answer) -> None:
        """Set the time column, unless the times of the rows to predict contradict the answer."""
        name = answer.time_column
        by_rule = [column.name for column, _ in self.inputs.values() if column.role == "time"]
        if name:
            self._require(name, "time_column")
            self._require_to_predict(name, "time_column")
            if name in self._taken:
                raise AnswerError(
                    f"time_column: '{name}' is the id, a target or a fold; name another column or none."
                )
            try:
                distinct = parse_times(self._tables.train[name], Path(self._tables.train_name)).nunique()
                parse_times(self._to_predict[name], Path("test"))
            except SetupError:
                raise AnswerError(
                    f"time_column: '{name}' holds values that are not dates or times."
                ) from None
            if distinct < 2:
                raise AnswerError(f"time_column: '{name}' has only one value.")
            self._put(name, "time", answer.time_why, first=True)
        for other in by_rule:
            if other == name:
                continue
            later = later_share(self._to_predict[other], self._tables.train[other], Path("test"))
            if not name and later == 1:
                self.notes.append(
                    f"The validation rows will be the latest rows by '{other}', although the language model "
                    f"{self._model} does not ask for it: all rows to predict are later than all labelled "
                    "rows."
                )
            else:
                del self.inputs[other]
                self.settled.add(other)
                choice = f"splits by '{name}' instead" if name else "does not split by time"
                self.notes.append(
                    f"Column '{other}' is left out: it holds times, and the language model {self._model} "
                    f"{choice}."
                )

    def _put(self, name: str, role: Role, why: str, first: bool = False) -> None:
        column = InputColumn(name=name, role=role)
        entry = (column, Guess(f"inputs.{name}", role, why, self._model))
        if first:
            self.inputs.pop(name, None)
        self.inputs = {name: entry, **self.inputs} if first else {**self.inputs, name: entry}
        self.settled.add(name)

    def _require(self, name: str, field: str) -> None:
        columns = list(self._tables.train.columns)
        if name not in columns:
            raise AnswerError(
                f"{field}: {self._tables.train_name} has no column '{name}'; it has {format_names(columns)}."
            )

    def _require_to_predict(self, name: str, field: str) -> None:
        if name not in self._to_predict.columns:
            raise AnswerError(
                f"{field}: the rows to predict have no column '{name}'; its only possible role is "
                f"{LEAVE_OUT}."
            )

    @property
    def _to_predict(self) -> pd.DataFrame:
        table = self._tables.test if self._tables.test is not None else self._tables.sample
        assert table is not None  # merge_answer requires one of the two
        return table

    def _present(self, name: str) -> "pd.Series[str]":
        values = self._tables.train[name]
        return values[values != ""]

    def _known_group_share(self, name: str) -> float:
        """Return the share of the rows to predict in known groups; 0 if they do not have the column."""
        if name not in self._to_predict.columns:
            return 0.0
        share = known_share(self._to_predict[name], self._present(name))
        return 0.0 if np.isnan(share) else share


def _mentions(question: str, columns: set[str]) -> bool:
    """Return whether a question of the rules is about one of the columns."""
    return any(f"'{name}'" in question for name in columns)
