"""What the sample submission asks for: its columns matched with the predictions, whatever its shape."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agent.competition.final_columns import FinalColumn, FinalForm
from agent.competition.final_form import parse_cell
from agent.competition.metrics import metric_of
from agent.competition.row_ids import find_column
from agent.competition.spec import CompetitionSpec, CsvForm
from agent.competition.target import ReadTargets
from agent.competition.target_views import target_views
from agent.core.errors import SetupError, redacted_as

_UNNAMED = re.compile(r"Unnamed: \d+")
_EXTRA_WORDS = (
    "index usage comment comments note notes remark remarks split set fold public private description"
)
_EXTRA = frozenset(_EXTRA_WORDS.split())


@dataclass(frozen=True)
class Sample:
    """The user's sample submission, with its rows in order."""

    cells: pd.DataFrame
    id_columns: tuple[str, ...]
    """Its columns that identify a row; empty if the rows are matched by place."""

    form: CsvForm
    is_given: bool = True  # False: the folder has none


@dataclass(frozen=True)
class SubmissionPlan:
    """The canonical header, and the form of the file to submit with the cells of its sample."""

    columns: tuple[str, ...]
    final: FinalForm
    cells: pd.DataFrame
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Fit:
    """Prediction columns of the sample by place, and columns to add behind."""

    filled: dict[str, FinalColumn]
    added: tuple[FinalColumn, ...] = ()
    has_one_probability: bool = False
    warnings: tuple[str, ...] = ()


@redacted_as("the columns of the sample submission do not fit the metric, task and targets")
def plan_submission(
    spec: CompetitionSpec, user_spec: CompetitionSpec, read: ReadTargets, sample: Sample
) -> SubmissionPlan:
    """Match the columns of the sample with the predictions that the metric needs.

    Args:
        spec: the canonical specification, with the names that candidates use.
        user_spec: the specification of the user.
        read: the targets of the training rows.
        sample: the sample submission.

    Raises:
        SetupError: the columns to predict cannot be told from the others.
    """
    kind = metric_of(spec).prediction_kind(spec.task)
    offered = [str(name) for name in sample.cells.columns if name not in sample.id_columns]
    fit = _fit(spec, user_spec, read, offered, kind)
    cells = sample.cells.assign(**{column.name: "" for column in fit.added})
    columns = tuple(
        fit.filled.get(str(name), FinalColumn(name=_header_name(str(name)))) for name in sample.cells.columns
    )
    final = FinalForm(
        columns=(*columns, *fit.added),
        id_columns=sample.id_columns,
        separator=sample.form.separator or ",",
        decimal=sample.form.decimal or ".",
        label_separator=_label_separator(user_spec, kind),
        label_names=dict(read.names),
    )
    classes = read.target.classes or ()
    several = kind == "probability" and not fit.has_one_probability
    predicted = classes if several else spec.targets
    warnings = (*fit.warnings, *_dressed_numbers(spec, final, cells)) if sample.is_given else ()
    return SubmissionPlan((spec.id_column, *predicted), final, cells, warnings)


def _label_separator(user_spec: CompetitionSpec, kind: str) -> str | None:
    """Return the mark between labels in the file to submit."""
    if kind != "several":
        return user_spec.label_separator if kind in ("label_set", "ranking") else None
    marks = {
        target.label_separator: target.name
        for target in user_spec.typed_targets
        if target.type == "label_set"
    }
    if len(marks) > 1:
        (first, one), (second, other) = list(marks.items())[:2]
        raise SetupError(
            f"The labels of the target '{one}' are separated by '{first or ' '}' and those of '{other}' by "
            f"'{second or ' '}'; one file to submit takes one mark: write both tables with the same."
        )
    return next(iter(marks), None)


def _dressed_numbers(spec: CompetitionSpec, form: FinalForm, cells: pd.DataFrame) -> tuple[str, ...]:
    """Return a warning if the sample writes predicted numbers otherwise than plain, such as 5 %."""
    for place, column in enumerate(form.columns):
        cell = str(cells.iloc[0, place]).strip()
        if column.kind == "number" and cell and not _is_number(parse_cell(form, column, cell)):
            return (
                f"{spec.sample_submission} writes '{column.name}' as '{cell}'; the file to submit holds "
                "plain numbers.",
            )
    return ()


def _is_number(cell: str) -> bool:
    return not np.isnan(pd.to_numeric(cell, errors="coerce"))


def _header_name(name: str) -> str:
    return "" if _UNNAMED.fullmatch(name) else name


def _fit(
    spec: CompetitionSpec, user_spec: CompetitionSpec, read: ReadTargets, offered: Sequence[str], kind: str
) -> _Fit:
    classes = read.target.classes or ()
    wanted = _wanted_columns(spec, user_spec, read, offered, kind)
    found = {column.name: find_column(column.name, offered) for column in wanted}
    matched = {
        name: column.model_copy(update={"name": name})
        for column in wanted
        if (name := found[column.name]) is not None
    }
    if len(matched) == len(wanted):
        return _Fit(matched)
    if kind == "probability" and spec.task == "classification" and len(classes) == 2:
        return _fit_one_probability(spec, read, offered)
    if matched:
        left_out = [column.name for column in wanted if found[column.name] is None]
        sentence = (
            f"{spec.sample_submission} asks for {', '.join(matched)} but not for {', '.join(left_out[:5])}; "
            "the file to submit has the columns of the sample, and the score covers all."
        )
        return _Fit(matched, warnings=(sentence,))
    if not (real := [name for name in offered if not _is_extra(name)]):
        return _Fit({}, tuple(wanted), warnings=(_added(spec, wanted),))
    if (renamed := _in_order(wanted, real, offered, kind)) is not None:
        return _Fit(renamed)
    raise _no_fit(spec, [column.name for column in wanted], offered)


def _wanted_columns(
    spec: CompetitionSpec, user_spec: CompetitionSpec, read: ReadTargets, offered: Sequence[str], kind: str
) -> list[FinalColumn]:
    """Return the prediction columns that the metric needs, with the user's names."""
    if read.parts:
        return [_column_of_target(view) for view in target_views(spec)]
    classes = read.target.classes or ()
    names = [read.user_name(label) for label in classes]
    if kind == "probability":
        return [
            FinalColumn(name=name, kind="number", source=label)
            for name, label in zip(names, classes, strict=True)
        ]
    target = spec.targets[0]
    per_label = find_column(target, offered) is None and all(find_column(name, offered) for name in names)
    if kind == "label_set" and (len(user_spec.targets) > 1 or per_label):
        return [
            FinalColumn(name=name, kind="flag", source=target, label=label)
            for name, label in zip(names, classes, strict=True)
        ]
    return [_column_of_target(spec, name) for name in spec.targets]


def _column_of_target(spec: CompetitionSpec, name: str | None = None) -> FinalColumn:
    """Return the column that holds the predictions of one target."""
    target = name or spec.targets[0]
    match metric_of(spec).prediction_kind(spec.task):
        case "value" | "probability":
            return FinalColumn(name=target, kind="number", source=target)
        case "label_set" | "ranking":
            return FinalColumn(name=target, kind="labels", source=target)
    return FinalColumn(name=target, kind="text", source=target)


def _fit_one_probability(spec: CompetitionSpec, read: ReadTargets, offered: Sequence[str]) -> _Fit:
    """Return the one column with the probability of the positive class, the second of two."""
    classes = read.target.classes or ()
    target, (negative, positive) = spec.targets[0], [read.user_name(label) for label in classes]
    real = [name for name in offered if not _is_extra(name)]
    named = [find_column(name, offered) for name in (target, positive)]
    name = next((name for name in named if name is not None), real[0] if len(real) == 1 else None)
    column = FinalColumn(name=name or target, kind="number", source=target)
    if name is None and not real:
        return _Fit({}, (column,), has_one_probability=True, warnings=(_added(spec, [column]),))
    if name is None:
        raise _no_fit(spec, [negative, positive], offered)
    warnings: tuple[str, ...] = ()
    if find_column(negative, [name]) is not None and find_column(target, [name]) is None:
        warnings = (
            f"{spec.sample_submission}: the column '{name}' has the name of a class, but its cells are the "
            f"probability of '{positive}'; set positive_class: '{negative}' in competition.yaml if the "
            f"column means '{negative}'.",
        )
    return _Fit({name: column}, has_one_probability=True, warnings=warnings)


def _in_order(
    wanted: Sequence[FinalColumn], real: Sequence[str], offered: Sequence[str], kind: str
) -> dict[str, FinalColumn] | None:
    """Return columns with names other than the targets or classes, by their place or their endings."""
    by_ending = [[name for name in real if ends_with_label(name, column.name)] for column in wanted]
    if all(len(names) == 1 for names in by_ending) and len({names[0] for names in by_ending}) == len(wanted):
        chosen = [names[0] for names in by_ending]
    elif kind != "probability" and len(wanted) in (len(real), len(offered)):
        chosen = list(real if len(real) == len(wanted) else offered)
    else:
        return None
    return {
        name: column.model_copy(update={"name": name}) for name, column in zip(chosen, wanted, strict=True)
    }


def ends_with_label(name: str, label: str) -> bool:
    """Return whether a name is a label behind a prefix, such as `prob_red` or `Class 1`."""
    return re.fullmatch(rf".*[^a-z0-9]{re.escape(label.strip().casefold())}", name.casefold()) is not None


def _is_extra(name: str) -> bool:
    """Return whether a column of a sample submission is no prediction by its name."""
    return not name.strip() or _UNNAMED.fullmatch(name) is not None or name.strip().casefold() in _EXTRA


def _added(spec: CompetitionSpec, columns: Sequence[FinalColumn]) -> str:
    names = ", ".join(f"'{column.name}'" for column in columns[:5]) + (", ..." if len(columns) > 5 else "")
    return f"{spec.sample_submission} has no column to predict; the file to submit gets {names} behind it."


def _no_fit(spec: CompetitionSpec, expected: Sequence[str], offered: Sequence[str]) -> SetupError:
    return SetupError(
        f"{spec.sample_submission}: the metric '{spec.metric}' needs the columns {', '.join(expected[:5])}"
        f"{', ...' if len(expected) > 5 else ''} beside the ids, not {', '.join(offered[:5]) or 'none'}."
    )


def default_sample(user_spec: CompetitionSpec, key: str, test: pd.DataFrame) -> Sample:
    """Return a sample with the ids alone, for a folder that has none."""
    names = list(user_spec.id_from) if user_spec.id_from else [key]
    cells = test[names].reset_index(drop=True)
    if user_spec.id_from is not None and not user_spec.id_from:
        return Sample(cells.rename(columns={key: "row"}), ("row",), CsvForm(), is_given=False)
    return Sample(cells, tuple(names), CsvForm(), is_given=False)


def default_cells(plan: SubmissionPlan, first_labels: Mapping[str, str]) -> dict[str, str]:
    """Return the cells of the public sample submission by prediction column, like the first original row.

    Other rows of the original may hold more than a default value. `first_labels` has the first class of each
    column of labels.
    """
    first = plan.cells.iloc[0].tolist()
    cells: dict[str, str] = {}
    for column, cell in zip(plan.final.columns, first, strict=True):
        if column.source is not None and column.kind != "flag" and cell.strip():
            canonical = parse_cell(plan.final, column, cell)
            if column.kind != "number" or _is_number(canonical):
                cells[column.source] = canonical
    kinds = {column.source: column.kind for column in plan.final.columns}
    neutral = {
        name: {"number": "0", "text": first_labels.get(name, "")}.get(kinds.get(name, ""), "")
        for name in plan.columns[1:]
    }
    return {name: cells.get(name, otherwise) for name, otherwise in neutral.items()}
