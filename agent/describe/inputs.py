"""The inputs that an answer names, held against the columns and joined with the roles that the rules know."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.init_inputs import GuessedInput, are_numbers, guess_images, guess_inputs
from agent.competition.init_tables import FoundTables, Guess
from agent.competition.spec import InputColumn, Role
from agent.competition.tables import parse_times
from agent.describe.answer import LEFT_OUT, Answer, RoleAnswer
from agent.describe.facts import known_share, later_share
from agent.describe.words import names, plain
from agent.errors import SetupError
from agent.llm.forms import AnswerError

_FAMILIAR = 0.5  # of the rows to predict in known groups, from which on groups need not stay whole


def merged_inputs(
    tables: FoundTables, answer: Answer, taken: Sequence[str], id_column: str, model: str
) -> tuple[list[GuessedInput], list[str]]:
    """All inputs with their reasons, what decides about the split first; and sentences for the user.

    Args:
        tables: of the folder, in the roles that are settled.
        answer: what the model proposes.
        taken: columns that are no inputs: targets and folds.
        id_column: likewise.
        model: its name, for the reasons.

    Raises:
        AnswerError: the answer contradicts the tables; names columns alone, never a value.
    """
    try:
        by_rule, questions = guess_inputs(tables, taken, id_column)
    except SetupError:
        by_rule, questions = [], []  # every column is left for the answer
    joined = _Inputs(tables, model, by_rule, [*taken, id_column])
    for role in answer.inputs:
        joined.take(role)
    joined.group(answer)
    joined.time(answer)
    if not joined.inputs:
        raise AnswerError(
            "inputs: none is left; rows to predict must have at least one column beside the id."
        )
    kept = [question for question in questions if not _is_about(question, joined.settled)]
    return [*joined.inputs.values()], [*joined.notes, *kept]


class _Inputs:
    """The inputs while they are put together, by their names."""

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
        self._picture_columns = set() if images is None else {images[0].name, images[2]}

    def take(self, said: RoleAnswer) -> None:
        """One column in the role that the answer gives it."""
        name = said.name
        if name in self._taken | self._picture_columns:
            return  # they have another part, which is settled elsewhere
        self._require(name, "inputs")
        if said.role == LEFT_OUT:
            self.inputs.pop(name, None)
            self.settled.add(name)
            why = plain(said.why, 300)
            self.notes.append(f"Column '{name}' is left out, as the language model {self._model} says: {why}")
            return
        self._require_to_predict(name, "inputs")
        present = self._present(name)
        if said.role == "number" and not are_numbers(present):
            raise AnswerError(f"inputs: '{name}' does not hold numbers; it can be a category or a text.")
        self._put(name, said.role, said.why)

    def group(self, answer: Answer) -> None:
        """The column of groups that stay whole; rows to predict tell whether they should."""
        name = answer.group_column
        ruled = [column.name for column, _ in self.inputs.values() if column.role == "group"]
        if name:
            self._require(name, "group_column")
            if name in self._taken:
                raise AnswerError(
                    f"group_column: '{name}' is an id or a target; rows of a group share a value."
                )
            distinct = self._present(name).nunique()
            if not 2 <= distinct < len(self._tables.train):
                raise AnswerError(
                    f"group_column: '{name}' has {distinct} different values: no groups of rows."
                )
            if (share := self._known(name)) >= _FAMILIAR:
                raise AnswerError(
                    f"group_column: {share:.0%} of the rows to predict belong to groups of '{name}' that are "
                    "known, so that validation rows may too; leave it empty, or name another."
                )
            self._put(name, "group", answer.group_why, first=True)
        for other in ruled:
            if other == name:
                continue
            if self._known(other) == 0:
                self.notes.append(
                    f"Groups of '{other}' stay whole although the language model {self._model} does not ask "
                    "for it: no row to predict belongs to a known one."
                )
            else:
                why = "named like a group, but neither description nor rows to predict ask for whole groups"
                column = InputColumn(name=other, role="category")
                self.inputs[other] = (column, Guess(f"inputs.{other}", "category", why, self._model))

    def time(self, answer: Answer) -> None:
        """The column by which validation is later; rows to predict tell whether it should be."""
        name = answer.time_column
        ruled = [column.name for column, _ in self.inputs.values() if column.role == "time"]
        if name:
            self._require(name, "time_column")
            self._require_to_predict(name, "time_column")
            if name in self._taken:
                raise AnswerError(f"time_column: '{name}' is an id or a target.")
            try:
                moments = parse_times(self._tables.train[name], Path(self._tables.train_name)).nunique()
                parse_times(self._to_predict[name], Path("test"))
            except SetupError:
                raise AnswerError(f"time_column: '{name}' holds values that are no points in time.") from None
            if moments < 2:
                raise AnswerError(f"time_column: '{name}' has one value only.")
            self._put(name, "time", answer.time_why, first=True)
        for other in ruled:
            if other == name:
                continue
            later = later_share(self._to_predict[other], self._tables.train[other], Path("test"))
            if not name and later == 1:
                self.notes.append(
                    f"Validation will be the rows that are latest by '{other}' although the language model "
                    f"{self._model} asks for no such thing: all rows to predict are later than labelled ones."
                )
            else:
                del self.inputs[other]
                self.settled.add(other)
                instead = f"asks for '{name}' instead" if name else "does not ask for that"
                self.notes.append(
                    f"Column '{other}' is left out: it holds times, by which validation could be later, and "
                    f"the language model {self._model} {instead}."
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
                f"{field}: {self._tables.train_name} has no column '{name}'; it has {names(columns)}."
            )

    def _require_to_predict(self, name: str, field: str) -> None:
        if name not in self._to_predict.columns:
            raise AnswerError(
                f"{field}: rows to predict have no column '{name}'; its role can be {LEFT_OUT} alone."
            )

    @property
    def _to_predict(self) -> pd.DataFrame:
        table = self._tables.test if self._tables.test is not None else self._tables.sample
        assert table is not None  # the tables were checked before
        return table

    def _present(self, name: str) -> "pd.Series[str]":
        values = self._tables.train[name]
        return values[values != ""]

    def _known(self, name: str) -> float:
        """Share of the rows to predict that belong to known groups; 0 where they do not tell their group."""
        if name not in self._to_predict.columns:
            return 0.0
        share = known_share(self._to_predict[name], self._present(name))
        return 0.0 if np.isnan(share) else share


def _is_about(question: str, names: set[str]) -> bool:
    """Whether a question of the rules is about one of the columns."""
    return any(f"'{name}'" in question for name in names)
