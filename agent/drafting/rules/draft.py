"""Draft `competition.yaml` from the files of a folder (`mars init DIR`), with a reason for each field."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from agent.competition.metric_parameters import MetricParameters
from agent.competition.reading.user_table import STANDARD_FORM
from agent.competition.spec import CompetitionSpec, CsvForm, OwnMetric
from agent.competition.typed_targets import TypedTarget
from agent.core.errors import SetupError
from agent.core.files import translate_os_errors
from agent.core.yaml_files import first_fault
from agent.drafting.rules.hold_out import make_hold_out
from agent.drafting.rules.ids import IdGuess, guess_row_ids
from agent.drafting.rules.inputs import GuessedInput, guess_inputs
from agent.drafting.rules.sample import GENERATED_SAMPLE, generate_sample
from agent.drafting.rules.several_targets import guess_targets_kind
from agent.drafting.rules.suspicions import ask_about_suspicions
from agent.drafting.rules.tables import FoundTables, Guess, find_tables
from agent.drafting.rules.target import TargetGuess
from agent.drafting.rules.targets import guess_fold, guess_label_table, guess_targets
from agent.drafting.rules.time_split import guess_time_split


@dataclass(frozen=True)
class SpecGuesses:
    """One guess per field of the specification."""

    id_column: Guess
    targets: Guess
    task: Guess
    metric: Guess
    label_table: Guess | None
    fold: Guess | None
    inputs: Sequence[GuessedInput]
    questions: Sequence[str]
    title: Guess | None = None
    """None takes the name of the folder."""

    tables: Sequence[Guess] = ()
    """Reasons for the roles of tables that were not recognised by their usual names."""

    metric_parameters: MetricParameters = field(default_factory=MetricParameters)
    own_metric: OwnMetric | None = None
    fields: Sequence[Guess] = ()
    """Guesses of optional fields, such as positive_class."""

    typed: Sequence[TypedTarget] = ()
    """Several targets with types."""

    target_reasons: Sequence[Guess] = ()
    """Reasons for their types."""


@dataclass(frozen=True)
class Draft:
    """A drafted specification, the reason for each field, and questions for the user to check."""

    spec: CompetitionSpec
    guesses: tuple[Guess, ...]
    questions: tuple[str, ...]
    generated_sample: pd.DataFrame | None = None
    """A sample submission to write beside the specification if the folder has none."""

    notes: tuple[str, ...] = ()
    """What was decided about the files, one sentence each."""

    hold_out: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Tables of a hold-out to write, by their names below the folder."""

    @property
    def new_tables(self) -> dict[str, pd.DataFrame]:
        """Return all tables to write, by their names below the folder."""
        sample = {} if self.generated_sample is None else {self.spec.sample_submission: self.generated_sample}
        return {**self.hold_out, **sample}


def draft_spec(folder: Path) -> Draft:
    """Draft a specification from the tables and images of a folder. The folder is not changed.

    Raises:
        SetupError: A field cannot be guessed; the message says which file or column to add.
    """
    with translate_os_errors(f"Reading {folder}"):
        tables, questions = find_tables(folder), tuple[str, ...]()
        if tables.to_predict is None:
            tables, questions = make_hold_out(tables)
        return build_draft(tables, _guess_fields(tables, questions))


def without_blank_targets(draft: Draft) -> Draft:
    """Return the draft of a competition that leaves labelled rows without a valid target out."""
    guess = Guess(
        "blank_targets", "drop", "you asked for it: labelled rows without a valid target are left out"
    )
    spec = draft.spec.model_copy(update={"blank_targets": "drop"})
    return replace(draft, spec=spec, guesses=(*draft.guesses, guess))


def build_draft(tables: FoundTables, guesses: SpecGuesses) -> Draft:
    """Build a draft from one guess per field.

    Raises:
        SetupError: The guesses contradict each other.
    """
    title = tables.folder.resolve().name
    fold, form = guesses.fold, _shared_form(tables)
    optional = [*guesses.fields, *_labels_guess(tables)]
    fields = {
        "id": competition_id(title),
        "title": title if guesses.title is None else guesses.title.value,
        "task": guesses.task.value,
        "metric": guesses.metric.value,
        "metric_parameters": guesses.metric_parameters,
        "own_metric": guesses.own_metric,
        "train": tables.train_name,
        "test": tables.test_name,
        "sample_submission": tables.sample_name or GENERATED_SAMPLE,
        "id_column": guesses.id_column.value,
        "targets": list(guesses.typed) or guesses.targets.value,
        "label_table": None if guesses.label_table is None else guesses.label_table.value,
        "inputs": [column for column, _ in guesses.inputs],
        "csv": form,
        "fold_column": None if fold is None else fold.value,
        **{guess.field: guess.value for guess in optional},
    }
    try:
        spec = CompetitionSpec.model_validate(fields)
    except ValidationError as error:
        raise SetupError(f"{tables.folder}: {first_fault(error)}.") from error
    time_split = guess_time_split(tables, spec)
    if time_split is not None:
        spec = spec.model_copy(update={"time_split": time_split.value})
    generated = generate_sample(tables, spec) if tables.sample is None else None
    sample = Guess("sample_submission", GENERATED_SAMPLE, "written by `mars init`: the folder had none")
    form_guess = Guess("csv", _format_form(form), "the form of the text tables")
    explained = [
        guesses.title,
        *guesses.tables,
        None if form == CsvForm() else form_guess,
        None if spec.id_from is not None else guesses.id_column,
        guesses.targets,
        *guesses.target_reasons,
        guesses.task,
        guesses.metric,
        guesses.label_table,
        fold,
        *optional,
        time_split,
        None if generated is None else sample,
        *(guess for _, guess in guesses.inputs),
    ]
    reasons = tuple(guess for guess in explained if guess is not None)
    return Draft(spec, reasons, tuple(guesses.questions), generated, tables.notes, tables.hold_out or {})


def competition_id(title: str) -> str:
    """Return an id made of a folder's name; names with other than Latin letters get ids of their own."""
    slug = re.sub(r"[^a-z0-9_-]+", "-", title.lower()).strip("-_")
    if title.isascii() and slug:
        return slug
    digest = hashlib.sha256(title.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{slug or 'competition'}-{digest}"


def _guess_fields(tables: FoundTables, questions: Sequence[str]) -> SpecGuesses:
    ids, fold = guess_row_ids(tables), guess_fold(tables)
    fold_name = None if fold is None else str(fold.value)
    targets = guess_targets(tables, ids.sources, fold_name)
    kind = guess_targets_kind(tables, ids.sources, targets.names)
    label_table = guess_label_table(tables, set(kind.labels)) if kind.labels else None
    taken = {*targets.names, *ids.sources, *([fold_name] if fold_name else [])}
    inputs, input_questions = guess_inputs(tables, taken, ids.name)
    asks_class = any(guess.field == "positive_class" for guess in kind.fields)
    first = 1 if asks_class else 0  # which class probabilities belong to
    return SpecGuesses(
        id_column=ids.id_column,
        targets=targets.guess,
        typed=kind.typed,
        target_reasons=kind.target_reasons,
        task=kind.task,
        metric=kind.metric,
        label_table=label_table,
        fold=fold,
        inputs=inputs,
        questions=[
            *kind.questions[:first],
            *questions,
            *tables.questions,
            *ids.questions,
            *targets.questions,
            *kind.questions[first:],
            *_suspicions(tables, ids, targets.names, kind, inputs),
            *input_questions,
        ],
        fields=[*([ids.id_from] if ids.id_from is not None else []), *kind.fields],
    )


def _suspicions(
    tables: FoundTables,
    ids: IdGuess,
    targets: Sequence[str],
    kind: TargetGuess,
    inputs: Sequence[GuessedInput],
) -> list[str]:
    numbers = {target.name for target in kind.typed if target.type in ("value", "bounded")}
    if kind.task.value == "regression":
        numbers = set(targets)
    names = [column.name for column, _ in inputs if column.role != "image"]
    return [
        question
        for target in targets[:5]
        for question in ask_about_suspicions(tables, ids, target, names, target in numbers)
    ]


def _labels_guess(tables: FoundTables) -> list[Guess]:
    if tables.labels_name is None:
        return []
    reason = f"holds the targets; {tables.train_name} lacks them"
    return [Guess("train_labels", tables.labels_name, reason)]


def _shared_form(tables: FoundTables) -> CsvForm:
    """Return the parts of the form that differ from standard CSV and that all text tables share."""
    names = [
        name for name in (tables.train_name, tables.test_name, tables.sample_name, tables.labels_name) if name
    ]
    forms = [form for name in names if (form := (tables.forms or {}).get(name)) is not None]
    shared = {
        part: values.pop()
        for part in ("separator", "decimal", "thousands", "encoding")
        if len(values := {getattr(form, part) for form in forms}) == 1
    }
    standard = STANDARD_FORM.model_dump()
    return CsvForm(**{part: value for part, value in shared.items() if value != standard[part]})


def _format_form(form: CsvForm) -> str:
    return ", ".join(f"{part} {value!r}" for part, value in form.model_dump(exclude_none=True).items())
