"""`mars init DIR`: drafts competition.yaml by looking at a folder's files, and explains each guess."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import ValidationError

from agent.competition.files import machine_errors
from agent.competition.init_inputs import GuessedInput, guess_inputs
from agent.competition.init_tables import (
    FoundTables,
    Guess,
    find_tables,
    guess_fold,
    guess_id,
    guess_label_table,
    guess_targets,
)
from agent.competition.init_target import guess_target_kind
from agent.competition.metrics import metric_of
from agent.competition.registry import SPEC_FILE
from agent.competition.spec import OWN_METRIC, CompetitionSpec, MetricParameters, OwnMetric
from agent.competition.tables import write_table
from agent.errors import SetupError
from agent.userfiles import first_fault

__all__ = ["Choices", "Draft", "Guess", "draft_of", "draft_spec", "require_none_yet", "write_draft"]

_MADE_SAMPLE = "sample_submission.csv"


@dataclass(frozen=True)
class Choices:
    """What a draft is made of, guess by guess."""

    id_column: Guess
    targets: Guess
    task: Guess
    metric: Guess
    label_table: Guess | None
    fold: Guess | None
    inputs: Sequence[GuessedInput]
    questions: Sequence[str]
    title: Guess | None = None
    """None: the name of the folder."""

    tables: Sequence[Guess] = ()
    """Why the tables are what they are, where that is not by their names."""

    metric_parameters: MetricParameters = field(default_factory=MetricParameters)
    own_metric: OwnMetric | None = None


@dataclass(frozen=True)
class Draft:
    """A specification, why each field has its value, and what the user should check."""

    spec: CompetitionSpec
    guesses: tuple[Guess, ...]
    questions: tuple[str, ...]
    made_sample: pd.DataFrame | None = None
    """A sample submission for a folder that has none; written beside the specification."""


def draft_spec(folder: Path) -> Draft:
    """Looks at the tables and pictures of a folder; reads only.

    Raises:
        SetupError: what cannot be guessed, with what to add.
    """
    with machine_errors(f"Looking at {folder}"):
        tables = find_tables(folder)
        return draft_of(tables, _guessed(tables))


def draft_of(tables: FoundTables, choices: Choices) -> Draft:
    """The draft that choices make; raises SetupError where they contradict each other."""
    title = tables.folder.resolve().name
    slug = re.sub(r"[^a-z0-9_-]+", "-", title.lower()).strip("-_")
    fold = choices.fold
    fields = {
        "id": slug or "competition",
        "title": title if choices.title is None else choices.title.value,
        "task": choices.task.value,
        "metric": choices.metric.value,
        "metric_parameters": choices.metric_parameters,
        "own_metric": choices.own_metric,
        "train": tables.train_name,
        "test": tables.test_name,
        "sample_submission": tables.sample_name or _MADE_SAMPLE,
        "id_column": choices.id_column.value,
        "targets": choices.targets.value,
        "label_table": None if choices.label_table is None else choices.label_table.value,
        "inputs": [column for column, _ in choices.inputs],
        "fold_column": None if fold is None else fold.value,
    }
    try:
        spec = CompetitionSpec.model_validate(fields)
    except ValidationError as error:
        raise SetupError(f"{tables.folder}: {first_fault(error)}.") from error
    made = _made_sample(tables, spec) if tables.sample is None else None
    sample = Guess("sample_submission", _MADE_SAMPLE, "made by `mars init`: the folder had none")
    guesses = [
        choices.title,
        *choices.tables,
        choices.id_column,
        choices.targets,
        choices.task,
        choices.metric,
        choices.label_table,
        fold,
        None if made is None else sample,
        *(guess for _, guess in choices.inputs),
    ]
    kept = tuple(guess for guess in guesses if guess is not None)
    return Draft(spec, kept, tuple(choices.questions), made)


def require_none_yet(folder: Path) -> None:
    """Raises SetupError where the folder has its specification already."""
    if (folder / SPEC_FILE).exists():
        raise SetupError(f"{folder / SPEC_FILE}: exists already; delete it to draft it anew.")


def write_draft(
    draft: Draft, folder: Path, check: Callable[[CompetitionSpec], None] = lambda spec: None
) -> Path:
    """Writes competition.yaml with the reasons as comments, and a sample submission if the folder has none.

    Args:
        draft: what to write.
        folder: where its tables are.
        check: is given the specification as its file says it, once all tables are there and before the
            specification is; what it raises undoes everything.

    Raises:
        SetupError: a file exists already, or the folder may not be written.
    """
    require_none_yet(folder)
    file, text = folder / SPEC_FILE, _yaml(draft)
    made: list[Path] = []
    with machine_errors(f"Writing {file}"):
        try:
            if draft.made_sample is not None:
                made.append(_new(folder / draft.spec.sample_submission))
                write_table(draft.made_sample, made[-1])
            check(_as_written(draft.spec, text))
            if draft.spec.own_metric is not None:
                made.append(_new(folder / OWN_METRIC))
                made[-1].write_text(draft.spec.own_metric.code, encoding="utf-8")
            made.append(_new(file))
            made[-1].write_text(text, encoding="utf-8")
        except BaseException:
            for path in made:
                path.unlink(missing_ok=True)
            raise
    return file


def _new(file: Path) -> Path:
    """The file, made, empty; raises SetupError if it is there already."""
    try:
        file.touch(exist_ok=False)
    except FileExistsError as error:
        raise SetupError(f"{file}: exists already; delete it to draft it anew.") from error
    return file


def _as_written(spec: CompetitionSpec, text: str) -> CompetitionSpec:
    """The specification that the text says; a competition's own metric has its code from elsewhere."""
    written = CompetitionSpec.model_validate(yaml.safe_load(text))
    if written.own_metric is None or spec.own_metric is None:
        return written
    own = written.own_metric.model_copy(update={"code": spec.own_metric.code})
    return written.model_copy(update={"own_metric": own})


def _guessed(tables: FoundTables) -> Choices:
    id_column, fold = guess_id(tables), guess_fold(tables)
    id_name, fold_name = str(id_column.value), None if fold is None else str(fold.value)
    targets = guess_targets(tables, id_name, fold_name)
    names = [str(name) for name in targets.value] if isinstance(targets.value, list) else []
    kind = guess_target_kind(tables, id_name, names)
    label_table = guess_label_table(tables, set(kind.labels)) if kind.labels else None
    taken = [*names, *([fold_name] if fold_name else [])]
    inputs, questions = guess_inputs(tables, taken, id_name)
    asked = (*kind.questions, *questions)
    return Choices(id_column, targets, kind.task, kind.metric, label_table, fold, inputs, asked)


def _made_sample(tables: FoundTables, spec: CompetitionSpec) -> pd.DataFrame:
    """Every row to predict with a default answer: 0, equal probabilities, or the most frequent class."""
    assert tables.test is not None  # without rows to predict there would be nothing to draft
    sample = tables.test[[spec.id_column]].copy()
    labelled = spec.task in ("classification", "multilabel")
    if labelled and metric_of(spec).prediction_kind(spec.task) == "probability":
        cells = tables.train[spec.targets[0]]
        classes = labels_in(cells) if spec.task == "multilabel" else sorted(set(cells))
        if len(classes) > 2 or spec.task == "multilabel":
            columns = {name: repr(1 / len(classes)) for name in classes}
            return sample.assign(**columns)
        return sample.assign(**{spec.targets[0]: "0.5"})
    for name in spec.targets:
        sample[name] = "0" if spec.task == "regression" else tables.train[name].mode().iloc[0]
    return sample


def labels_in(cells: "pd.Series[str]") -> list[str]:
    """The labels that occur in label sets, sorted."""
    return sorted({label for cell in cells for label in cell.split()})


def _yaml(draft: Draft) -> str:
    """The specification field by field, each guess with its reason above."""
    reasons = {guess.field: _comment(guess) for guess in draft.guesses}
    lines = ["# Drafted by `mars init` from the files of this folder; the comments say why. Please check."]
    lines += [f"# To check: {_one_line(question)}" for question in draft.questions]
    # Tables and ids are written even where they are the default: users look for them first.
    left_out: dict[str, Any] = {"inputs": True, "own_metric": {"code"}}
    shown = draft.spec.model_dump(mode="json", exclude=left_out, exclude_defaults=True)
    shown |= draft.spec.model_dump(mode="json", include={"train", "test", "sample_submission", "id_column"})
    for name in [name for name in CompetitionSpec.model_fields if name in shown]:
        if name in reasons:
            lines.append(f"# {reasons[name]}")
        lines.append(f"{name}: {_flow(shown[name])}")
    lines.append("inputs:")
    for column in draft.spec.inputs:
        lines.append(f"  # {reasons[f'inputs.{column.name}']}")
        lines.append(f"  - {_flow(column.model_dump(exclude_defaults=True))}")
    return "\n".join(lines) + "\n"


def _comment(guess: Guess) -> str:
    by = f"proposed by the language model {guess.by}: " if guess.by else ""
    return _one_line(f"{by}{guess.reason}")


def _one_line(text: str) -> str:
    """A comment must end with its line, whatever columns are called."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _flow(value: object) -> str:
    """One line of YAML for any value."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
