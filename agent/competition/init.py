"""`mars init DIR`: drafts competition.yaml by looking at a folder's files, and explains each guess."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from agent.competition.files import machine_errors
from agent.competition.init_inputs import guess_inputs
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
from agent.competition.registry import SPEC_FILE
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import write_table
from agent.errors import SetupError

__all__ = ["Draft", "Guess", "draft_spec", "write_draft"]

_MADE_SAMPLE = "sample_submission.csv"


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
        return _draft(find_tables(folder))


def write_draft(draft: Draft, folder: Path) -> Path:
    """Writes competition.yaml with the reasons as comments, and a sample submission if the folder has none.

    Raises:
        SetupError: competition.yaml exists already, or the folder may not be written.
    """
    file = folder / SPEC_FILE
    with machine_errors(f"Writing {file}"):
        try:
            with file.open("x", encoding="utf-8") as stream:
                stream.write(_yaml(draft))
        except FileExistsError as error:
            raise SetupError(f"{file}: exists already; delete it to draft it anew.") from error
        if draft.made_sample is not None:
            write_table(draft.made_sample, folder / draft.spec.sample_submission)
    return file


def _draft(tables: FoundTables) -> Draft:
    id_column, fold = guess_id(tables), guess_fold(tables)
    id_name, fold_name = str(id_column.value), None if fold is None else str(fold.value)
    targets = guess_targets(tables, id_name, fold_name)
    names = [str(name) for name in targets.value] if isinstance(targets.value, list) else []
    kind = guess_target_kind(tables, id_name, names)
    label_table = guess_label_table(tables, set(kind.labels)) if kind.labels else None
    taken = [*names, *([fold_name] if fold_name else [])]
    inputs, questions = guess_inputs(tables, taken, id_name)
    title = tables.folder.resolve().name
    slug = re.sub(r"[^a-z0-9_-]+", "-", title.lower()).strip("-_")
    made = _made_sample(tables, id_name, names, str(kind.task.value)) if tables.sample is None else None
    spec = CompetitionSpec.model_validate(
        {
            "id": slug or "competition",
            "title": title,
            "task": kind.task.value,
            "metric": kind.metric.value,
            "train": tables.train_name,
            "test": tables.test_name,
            "sample_submission": tables.sample_name or _MADE_SAMPLE,
            "id_column": id_name,
            "targets": names,
            "label_table": None if label_table is None else label_table.value,
            "inputs": [column for column, _ in inputs],
            "fold_column": fold_name,
        }
    )
    sample = Guess("sample_submission", _MADE_SAMPLE, "made by `mars init`: the folder had none")
    guesses = [
        id_column,
        targets,
        kind.task,
        kind.metric,
        label_table,
        fold,
        None if made is None else sample,
    ]
    return Draft(
        spec,
        (*(guess for guess in guesses if guess is not None), *(guess for _, guess in inputs)),
        (*kind.questions, *questions),
        made,
    )


def _made_sample(tables: FoundTables, id_column: str, targets: list[str], task: str) -> pd.DataFrame:
    """Every row to predict with a default answer: 0, or the most frequent class."""
    assert tables.test is not None  # find_tables has seen to it
    sample = tables.test[[id_column]].copy()
    for name in targets:
        sample[name] = "0" if task == "regression" else tables.train[name].mode().iloc[0]
    return sample


def _yaml(draft: Draft) -> str:
    """The specification field by field, each guess with its reason above."""
    reasons = {guess.field: guess.reason for guess in draft.guesses}
    lines = ["# Drafted by `mars init` from the files of this folder; the comments say why. Please check."]
    lines += [f"# To check: {question}" for question in draft.questions]
    # Tables and ids are written even where they are the default: users look for them first.
    shown = draft.spec.model_dump(mode="json", exclude={"inputs"}, exclude_defaults=True)
    shown |= draft.spec.model_dump(mode="json", include={"train", "test", "sample_submission", "id_column"})
    for field in [name for name in CompetitionSpec.model_fields if name in shown]:
        value = shown[field]
        if field in reasons:
            lines.append(f"# {reasons[field]}")
        lines.append(f"{field}: {_flow(value)}")
    lines.append("inputs:")
    for column in draft.spec.inputs:
        lines.append(f"  # {reasons[f'inputs.{column.name}']}")
        lines.append(f"  - {_flow(column.model_dump(exclude_defaults=True))}")
    return "\n".join(lines) + "\n"


def _flow(value: object) -> str:
    """One line of YAML for any value."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
