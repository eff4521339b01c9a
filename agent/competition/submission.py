"""The format of submissions, and reading and writing of predictions as arrays.

Ids and labels stay text: label `1` differs from `1.0`, and a cell with one label stays a label set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from agent.competition import cell_parsing
from agent.competition.metrics import PredictionKind, Rows, metric_of
from agent.competition.metrics.target_rows import join_targets, target_rows
from agent.competition.prepared import Prepared
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import write_table
from agent.competition.target_views import bounds_of, target_views
from agent.competition.untrusted_csv import SubmissionError, TextColumn, match_ids, read_text_columns
from agent.core.atomic_files import atomic_file
from agent.core.errors import SetupError, redacted_as

__all__ = [
    "SubmissionError",
    "SubmissionFormat",
    "perfect_predictions",
    "read_predictions",
    "read_truth",
    "write_atomically",
    "write_submission",
]

_TRUTH_KINDS: dict[str, PredictionKind] = {
    "classification": "label",
    "multilabel": "label_set",
    "regression": "value",
    "segmentation": "mask",
    "several": "several",
}


@dataclass(frozen=True)
class SubmissionFormat:
    """The columns of a submission and of its answers, and the kind of their cells.

    Probabilities have one column per class; for two exclusive classes, one column with the probability of the
    second class suffices. A ranking is one cell of labels separated by blanks, best first. A mask is one cell
    of runs `start length start length ...`.
    """

    kind: PredictionKind
    truth_kind: PredictionKind
    id_column: str
    columns: tuple[str, ...]
    answer_id_column: str
    answer_columns: tuple[str, ...]
    classes: tuple[str, ...]  # empty for tasks without classes
    sums_to_one: bool
    max_labels: int | None = None  # the most labels of a ranking
    parts: "tuple[SubmissionFormat, ...]" = ()  # of several targets, each with one column
    bounds: tuple[float, float] | None = None  # of the values of one target

    @classmethod
    def of(cls, prepared: Prepared) -> "SubmissionFormat":
        """Return the format of final submissions and validation submissions of a prepared competition."""
        return cls.build(
            prepared.spec, prepared.classes, prepared.submission_columns, prepared.classes_of_targets
        )

    @classmethod
    @redacted_as("the columns of the sample submission do not fit the metric, task and targets")
    def build(
        cls,
        spec: CompetitionSpec,
        classes: Sequence[str] | None,
        header: Sequence[str],
        classes_of_targets: Sequence[Sequence[str] | None] = (),
    ) -> "SubmissionFormat":
        """Derive the format from the header of the sample submission.

        Args:
            spec: the specification.
            classes: the labels in class order; None for tasks without classes.
            header: the columns of the submissions of candidates.
            classes_of_targets: the same for each of several targets.

        Raises:
            SetupError: the header, the metric and the targets do not fit together.
        """
        if spec.task == "several":
            return cls._of_targets(spec, header, classes_of_targets)
        metric = metric_of(spec)
        kind = metric.prediction_kind(spec.task)
        labelled = spec.task in ("classification", "multilabel")
        if (spec.task != "regression" and len(spec.targets) != 1) or (labelled and not classes):
            raise SetupError(
                f"The task '{spec.task}' needs one target column{' and its classes' * labelled}."
            )
        if metric.binary_only and len(classes or ()) != 2:
            raise SetupError(
                f"The metric '{metric.name}' scores the second of two classes, but there are "
                f"{len(classes or ())} classes; use {' or '.join(metric.alternatives) or 'another metric'}."
            )
        if kind == "ranking" and (
            split_labels := [label for label in classes or () if len(label.split()) != 1]
        ):
            raise SetupError(
                f"The metric '{metric.name}' needs labels without blanks, since a cell holds several labels "
                f"separated by blanks; rename the label {split_labels[0]!r}."
            )
        id_column = spec.id_column if spec.id_column in header else header[0]
        return cls(
            kind=kind,
            truth_kind=_TRUTH_KINDS[spec.task],
            id_column=id_column,
            columns=_prediction_columns(spec, kind, classes or (), [c for c in header if c != id_column]),
            answer_id_column=spec.id_column,
            answer_columns=spec.targets,
            classes=tuple(classes or ()),
            sums_to_one=metric.sums_to_one and spec.task != "multilabel",
            max_labels=spec.metric_parameters.k,
            bounds=bounds_of(spec),
        )

    @classmethod
    def _of_targets(
        cls, spec: CompetitionSpec, header: Sequence[str], classes_of_targets: Sequence[Sequence[str] | None]
    ) -> "SubmissionFormat":
        """Return the format of several targets: a column with the name of each."""
        parts = []
        for view, classes in zip(target_views(spec), classes_of_targets, strict=True):
            parts.append(cls.build(view, classes, (spec.id_column, *view.targets)))
        id_column = spec.id_column if spec.id_column in header else header[0]
        return cls(
            kind="several",
            truth_kind="several",
            id_column=id_column,
            columns=spec.targets,
            answer_id_column=spec.id_column,
            answer_columns=spec.targets,
            classes=(),
            sums_to_one=False,
            parts=tuple(parts),
        )


def _prediction_columns(
    spec: CompetitionSpec, kind: PredictionKind, classes: Sequence[str], offered: Sequence[str]
) -> tuple[str, ...]:
    """Return the prediction columns among the offered columns of the sample submission."""
    expected = tuple(classes) if kind == "probability" else spec.targets
    if set(expected) <= set(offered):
        return expected
    exclusive = spec.task == "classification" and len(classes) == 2
    single_probability = kind == "probability" and exclusive and len(offered) == 1
    renamed = kind != "probability" and len(offered) == len(expected)
    if single_probability or renamed:
        return tuple(offered)
    raise SetupError(
        f"{spec.sample_submission}: the metric '{spec.metric}' needs the columns {', '.join(expected[:5])}"
        f"{', ...' if len(expected) > 5 else ''} beside the ids, not {', '.join(offered[:5]) or 'none'}."
    )


def read_predictions(file: Path, form: SubmissionFormat, ids: Sequence[str], *, own: bool = False) -> Rows:
    """Read predictions in the order of `ids`. The file may have any row order and further columns.

    If the metric needs distributions, rows of probabilities that sum to 1 within `cells.SUM_TOLERANCE` are
    divided by their sum. `own` as in `read_text_columns`.

    Returns:
        By `form.kind`: label (N,) int64; label_set (N, C) bool csr_array; probability (N, C) float64;
        ranking (N, K) int64, padded with -1; mask (N, P) int64 csr_array of run lengths;
        value (N,) or (N, T) float64; several (N,) with a field per target.

    Raises:
        SubmissionError: the file is invalid. The message describes the first error.
    """
    return parse_predictions(read_text_columns(file, (form.id_column, *form.columns), own=own), form, ids)


def parse_predictions(columns: Sequence[TextColumn], form: SubmissionFormat, ids: Sequence[str]) -> Rows:
    """Return predictions in the order of `ids` from columns: the ids, then `form.columns`.

    Raises:
        SubmissionError: ids are missing or unexpected, or a cell is invalid.
    """
    id_column, *predicted = columns
    order = match_ids(id_column, ids)
    return _parse_rows(predicted, form, is_truth=False)[order]


def _parse_rows(columns: Sequence[TextColumn], form: SubmissionFormat, *, is_truth: bool) -> Rows:
    """Return answers or predictions of columns, for several targets each in its own form."""
    if form.parts:
        pairs = zip(form.parts, columns, strict=True)
        return join_targets(
            {part.answer_columns[0]: _parse_rows([column], part, is_truth=is_truth) for part, column in pairs}
        )
    rows = _parse(form.truth_kind if is_truth else form.kind, columns, form)
    if not is_truth:
        _require_bounds(form, columns[0], rows)
    return rows


def _require_bounds(form: SubmissionFormat, column: TextColumn, values: Rows) -> None:
    """Raise SubmissionError for a value outside the bounds of its target."""
    if form.bounds is None:
        return
    low, high = form.bounds
    outside = (values < low) | (values > high)
    if outside.any():
        raise column.fault(int(np.argmax(outside)) + 1, f"is not between {low:g} and {high:g}")


def read_truth(file: Path, form: SubmissionFormat) -> tuple[list[str], Rows]:
    """Read ids and answers in the order of the file.

    Raises:
        SetupError: the answers cannot be read.
    """
    try:
        columns = read_text_columns(file, (form.answer_id_column, *form.answer_columns), own=True)
        return parse_truth(columns, form)
    except SubmissionError as error:
        raise SetupError(f"The answers in {file.parent} are damaged: {error}") from error


def parse_truth(columns: Sequence[TextColumn], form: SubmissionFormat) -> tuple[list[str], Rows]:
    """Return ids and answers from columns: the ids, then `form.answer_columns`.

    Raises:
        SubmissionError: an id repeats, or a cell is invalid.
    """
    id_column, *answers = columns
    ids: list[str] = id_column.text.to_pylist()
    match_ids(id_column, list(dict.fromkeys(ids)))  # rejects repeated ids
    return ids, _parse_rows(answers, form, is_truth=True)


def _parse(kind: PredictionKind, columns: Sequence[TextColumn], form: SubmissionFormat) -> Rows:
    match kind:
        case "label":
            return cell_parsing.parse_labels(columns[0], form.classes)
        case "label_set":
            return cell_parsing.parse_label_sets(columns[0], form.classes)
        case "probability":
            return cell_parsing.parse_probabilities(columns, form.sums_to_one)
        case "ranking":
            return cell_parsing.parse_rankings(columns[0], form.classes, form.max_labels or len(form.classes))
        case "mask":
            return cell_parsing.parse_masks(columns[0])
        case "value":
            return cell_parsing.parse_values(columns)
        case "several":
            raise AssertionError("several targets are parsed one by one")


def perfect_predictions(form: SubmissionFormat, truth: Rows) -> Rows:
    """Return the answers as perfect predictions: probabilities of 0 and 1, or true labels ranked first."""
    if form.parts:
        names = [part.answer_columns[0] for part in form.parts]
        pairs = zip(names, form.parts, strict=True)
        return join_targets(
            {name: perfect_predictions(part, target_rows(truth, name)) for name, part in pairs}
        )
    if form.kind == "probability":
        return (
            truth.toarray().astype(np.float64)
            if isinstance(truth, csr_array)
            else np.eye(len(form.classes))[truth]
        )
    if form.kind != "ranking":
        return truth
    if not isinstance(truth, csr_array):
        return np.asarray(truth[:, None])
    order = np.argsort(~truth.toarray(), axis=1, kind="stable")
    ranked = np.where(np.arange(order.shape[1]) < truth.sum(axis=1)[:, None], order, -1)
    return np.asarray(ranked[:, : form.max_labels])


def write_submission(file: Path, form: SubmissionFormat, ids: Sequence[str], prediction: Rows) -> None:
    """Write predictions in the form of `read_predictions`. Reading the file returns them exactly."""
    write_atomically(file, pd.DataFrame({form.id_column: list(ids), **_cell_columns(form, prediction)}))


def _cell_columns(form: SubmissionFormat, prediction: Any) -> dict[str, Any]:
    if form.parts:
        cells = (_cell_columns(part, target_rows(prediction, part.answer_columns[0])) for part in form.parts)
        return {column: one for part in cells for column, one in part.items()}
    if form.kind == "label":
        return {form.columns[0]: [form.classes[index] for index in prediction]}
    if form.kind == "ranking":
        rankings = ([form.classes[index] for index in row if index >= 0] for row in prediction)
        return {form.columns[0]: [" ".join(labels) for labels in rankings]}
    if form.kind == "mask":
        pairs = np.stack([prediction.indices + 1, prediction.data], axis=1)
        runs = np.split(pairs, prediction.indptr[1:-1])
        return {form.columns[0]: [" ".join(map(str, row.ravel())) for row in runs]}
    if form.kind == "label_set":
        ends = zip(prediction.indptr[:-1], prediction.indptr[1:], strict=True)
        rows = (prediction.indices[start:end] for start, end in ends)
        return {form.columns[0]: [" ".join(form.classes[index] for index in row) for row in rows]}
    columns = prediction.reshape(len(prediction), -1)[:, -len(form.columns) :]
    return dict(zip(form.columns, columns.T, strict=True))


def write_atomically(file: Path, table: pd.DataFrame) -> None:
    """Write a CSV file atomically: a reader sees the old file or the complete new one."""
    with atomic_file(file, "submission") as path:
        write_table(table, path)
