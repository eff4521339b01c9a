"""Draft `competition.yaml` from the files of a folder (`mars init DIR`), with a reason for each field."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import ValidationError

from agent.competition.metrics import metric_of
from agent.competition.registry import SPEC_FILE
from agent.competition.spec import METRIC_FILE, CompetitionSpec, MetricParameters, OwnMetric
from agent.competition.tables import write_table
from agent.core.errors import SetupError
from agent.core.files import translate_os_errors
from agent.core.yaml_files import first_fault
from agent.drafting.rules.inputs import GuessedInput, guess_inputs
from agent.drafting.rules.tables import (
    FoundTables,
    Guess,
    find_tables,
    guess_fold,
    guess_id,
    guess_label_table,
    guess_targets,
)
from agent.drafting.rules.target import guess_target_kind

__all__ = ["Draft", "Guess", "SpecGuesses", "build_draft", "draft_spec", "require_none_yet", "write_draft"]

_GENERATED_SAMPLE = "sample_submission.csv"


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


@dataclass(frozen=True)
class Draft:
    """A drafted specification, the reason for each field, and questions for the user to check."""

    spec: CompetitionSpec
    guesses: tuple[Guess, ...]
    questions: tuple[str, ...]
    generated_sample: pd.DataFrame | None = None
    """A sample submission to write beside the specification if the folder has none."""


def draft_spec(folder: Path) -> Draft:
    """Draft a specification from the tables and images of a folder. The folder is not changed.

    Raises:
        SetupError: A field cannot be guessed; the message says which file or column to add.
    """
    with translate_os_errors(f"Reading {folder}"):
        tables = find_tables(folder)
        return build_draft(tables, _guess_fields(tables))


def build_draft(tables: FoundTables, guesses: SpecGuesses) -> Draft:
    """Build a draft from one guess per field.

    Raises:
        SetupError: The guesses contradict each other.
    """
    title = tables.folder.resolve().name
    slug = re.sub(r"[^a-z0-9_-]+", "-", title.lower()).strip("-_")
    fold = guesses.fold
    fields = {
        "id": slug or "competition",
        "title": title if guesses.title is None else guesses.title.value,
        "task": guesses.task.value,
        "metric": guesses.metric.value,
        "metric_parameters": guesses.metric_parameters,
        "own_metric": guesses.own_metric,
        "train": tables.train_name,
        "test": tables.test_name,
        "sample_submission": tables.sample_name or _GENERATED_SAMPLE,
        "id_column": guesses.id_column.value,
        "targets": guesses.targets.value,
        "label_table": None if guesses.label_table is None else guesses.label_table.value,
        "inputs": [column for column, _ in guesses.inputs],
        "fold_column": None if fold is None else fold.value,
    }
    try:
        spec = CompetitionSpec.model_validate(fields)
    except ValidationError as error:
        raise SetupError(f"{tables.folder}: {first_fault(error)}.") from error
    generated = _generate_sample(tables, spec) if tables.sample is None else None
    sample = Guess("sample_submission", _GENERATED_SAMPLE, "written by `mars init`: the folder had none")
    explained = [
        guesses.title,
        *guesses.tables,
        guesses.id_column,
        guesses.targets,
        guesses.task,
        guesses.metric,
        guesses.label_table,
        fold,
        None if generated is None else sample,
        *(guess for _, guess in guesses.inputs),
    ]
    reasons = tuple(guess for guess in explained if guess is not None)
    return Draft(spec, reasons, tuple(guesses.questions), generated)


def require_none_yet(folder: Path) -> None:
    """Raise SetupError if the folder has a `competition.yaml` already."""
    if (folder / SPEC_FILE).exists():
        raise SetupError(f"{folder / SPEC_FILE}: exists already; delete it to draft a new one.")


def write_draft(
    draft: Draft, folder: Path, check: Callable[[CompetitionSpec], None] = lambda spec: None
) -> Path:
    """Write `competition.yaml` with the reasons as comments, and a sample submission if the folder has none.

    Args:
        draft: The draft to write.
        folder: The folder that holds the tables.
        check: Called with the specification as parsed from the text, after the sample submission is written
            and before `competition.yaml` is. If it raises, all written files are removed.

    Returns:
        The path of `competition.yaml`.

    Raises:
        SetupError: A file exists already, or the folder is not writable.
    """
    require_none_yet(folder)
    file, text = folder / SPEC_FILE, _format_yaml(draft)
    created: list[Path] = []
    with translate_os_errors(f"Writing {file}"):
        try:
            if draft.generated_sample is not None:
                created.append(_create(folder / draft.spec.sample_submission))
                write_table(draft.generated_sample, created[-1])
            check(_parse_spec(draft.spec, text))
            if draft.spec.own_metric is not None:
                created.append(_create(folder / METRIC_FILE))
                created[-1].write_text(draft.spec.own_metric.code, encoding="utf-8")
            created.append(_create(file))
            created[-1].write_text(text, encoding="utf-8")
        except BaseException:
            for path in created:
                path.unlink(missing_ok=True)
            raise
    return file


def _create(file: Path) -> Path:
    """Create an empty file and return its path; raises SetupError if the file exists already."""
    try:
        file.touch(exist_ok=False)
    except FileExistsError as error:
        raise SetupError(f"{file}: exists already; delete it to draft a new one.") from error
    return file


def _parse_spec(spec: CompetitionSpec, text: str) -> CompetitionSpec:
    """Parse the YAML text of `spec`; the code of its own metric is not in the text and is copied over."""
    written = CompetitionSpec.model_validate(yaml.safe_load(text))
    if written.own_metric is None or spec.own_metric is None:
        return written
    own = written.own_metric.model_copy(update={"code": spec.own_metric.code})
    return written.model_copy(update={"own_metric": own})


def _guess_fields(tables: FoundTables) -> SpecGuesses:
    id_column, fold = guess_id(tables), guess_fold(tables)
    id_name, fold_name = str(id_column.value), None if fold is None else str(fold.value)
    targets = guess_targets(tables, id_name, fold_name)
    names = [str(name) for name in targets.value] if isinstance(targets.value, list) else []
    kind = guess_target_kind(tables, id_name, names)
    label_table = guess_label_table(tables, set(kind.labels)) if kind.labels else None
    taken = [*names, *([fold_name] if fold_name else [])]
    inputs, questions = guess_inputs(tables, taken, id_name)
    questions = [*kind.questions, *questions]
    return SpecGuesses(id_column, targets, kind.task, kind.metric, label_table, fold, inputs, questions)


def _generate_sample(tables: FoundTables, spec: CompetitionSpec) -> pd.DataFrame:
    """Return a sample submission with a default answer: 0, equal probabilities or the most frequent class."""
    assert tables.test is not None  # find_tables requires a test table or a sample submission
    sample = tables.test[[spec.id_column]].copy()
    labelled = spec.task in ("classification", "multilabel")
    if labelled and metric_of(spec).prediction_kind(spec.task) == "probability":
        cells = tables.train[spec.targets[0]]
        classes = distinct_labels(cells) if spec.task == "multilabel" else sorted(set(cells))
        if len(classes) > 2 or spec.task == "multilabel":
            columns = {name: repr(1 / len(classes)) for name in classes}
            return sample.assign(**columns)
        return sample.assign(**{spec.targets[0]: "0.5"})
    for name in spec.targets:
        sample[name] = "0" if spec.task == "regression" else tables.train[name].mode().iloc[0]
    return sample


def distinct_labels(cells: "pd.Series[str]") -> list[str]:
    """Return the distinct labels of cells that hold label sets, sorted."""
    return sorted({label for cell in cells for label in cell.split()})


def _format_yaml(draft: Draft) -> str:
    """Return the specification as YAML, each guessed field below a comment with its reason."""
    reasons = {guess.field: _format_reason(guess) for guess in draft.guesses}
    lines = ["# Drafted by `mars init` from the files of this folder. Check each field and its reason."]
    lines += [f"# To check: {_on_one_line(question)}" for question in draft.questions]
    # Tables and the id column are written even with default values: users look for them first.
    excluded: dict[str, Any] = {"inputs": True, "own_metric": {"code"}}
    shown = draft.spec.model_dump(mode="json", exclude=excluded, exclude_defaults=True)
    shown |= draft.spec.model_dump(mode="json", include={"train", "test", "sample_submission", "id_column"})
    for name in [name for name in CompetitionSpec.model_fields if name in shown]:
        if name in reasons:
            lines.append(f"# {reasons[name]}")
        lines.append(f"{name}: {_format_flow(shown[name])}")
    lines.append("inputs:")
    for column in draft.spec.inputs:
        lines.append(f"  # {reasons[f'inputs.{column.name}']}")
        lines.append(f"  - {_format_flow(column.model_dump(exclude_defaults=True))}")
    return "\n".join(lines) + "\n"


def _format_reason(guess: Guess) -> str:
    by = f"proposed by the language model {guess.by}: " if guess.by else ""
    return _on_one_line(f"{by}{guess.reason}")


def _on_one_line(text: str) -> str:
    """Return the text on one line: a column name with a line break must not end a YAML comment."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _format_flow(value: object) -> str:
    """Return any value as one line of YAML."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
