"""Write a draft as `competition.yaml`, with the tables that the folder lacks (`mars init`)."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from agent.competition.registry import SPEC_FILE
from agent.competition.spec import METRIC_FILE, CompetitionSpec, CsvForm
from agent.core.errors import SetupError
from agent.core.files import translate_os_errors
from agent.core.format import one_line
from agent.drafting.rules.draft import Draft
from agent.drafting.rules.tables import Guess


def require_none_yet(folder: Path) -> None:
    """Raise SetupError if the folder has a `competition.yaml` already."""
    if (folder / SPEC_FILE).exists():
        raise SetupError(f"{folder / SPEC_FILE}: exists already; delete it to draft a new one.")


def write_draft(
    draft: Draft, folder: Path, check: Callable[[CompetitionSpec], Sequence[str]] = lambda spec: ()
) -> Path:
    """Write `competition.yaml` with the reasons as comments, and the tables that the folder lacks.

    Args:
        draft: The draft to write.
        folder: The folder that holds the tables.
        check: Called with the specification as parsed from the text, after the tables are written and before
            `competition.yaml` is. The sentences that it returns become notes in the file. If it raises, all
            written files are removed.

    Returns:
        The path of `competition.yaml`.

    Raises:
        SetupError: A file exists already, or the folder is not writable.
    """
    require_none_yet(folder)
    file, text = folder / SPEC_FILE, format_yaml(draft)
    created: list[Path] = []
    with translate_os_errors(f"Writing {file}"):
        try:
            for name, table in draft.new_tables.items():
                if not (folder / name).parent.is_dir():
                    (folder / name).parent.mkdir()
                    created.append((folder / name).parent)
                created.append(_create(folder / name))
                _write_table(table, created[-1], draft.spec.csv)
            notes = check(_parse_spec(draft.spec, text))
            if draft.spec.own_metric is not None:
                created.append(_create(folder / METRIC_FILE))
                created[-1].write_text(draft.spec.own_metric.code, encoding="utf-8")
            created.append(_create(file))
            created[-1].write_text(format_yaml(draft, notes), encoding="utf-8")
        except BaseException:
            for path in reversed(created):
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
            raise
    return file


def format_yaml(draft: Draft, notes: Sequence[str] = ()) -> str:
    """Return the specification as YAML, each guessed field below a comment with its reason."""
    reasons = {guess.field: _format_reason(guess) for guess in draft.guesses}
    lines = ["# Drafted by `mars init` from the files of this folder. Check each field and its reason."]
    lines += [f"# To check: {one_line(question)}" for question in draft.questions]
    lines += [f"# Note: {one_line(note)}" for note in dict.fromkeys((*draft.notes, *notes))]
    shown = _shown_fields(draft.spec)
    for name in [name for name in CompetitionSpec.model_fields if name in shown]:
        if name in reasons:
            lines.append(f"# {reasons[name]}")
        if name == "targets" and draft.spec.typed_targets:
            lines += ["targets:", *_format_targets(draft.spec, reasons)]
        else:
            lines.append(f"{name}: {_format_flow(shown[name])}")
    return "\n".join([*lines, "inputs:", *_format_inputs(draft.spec, reasons)]) + "\n"


def _shown_fields(spec: CompetitionSpec) -> dict[str, Any]:
    """Return the fields to write. Tables and ids are written even if they are the defaults."""
    excluded: dict[str, Any] = {"inputs": True, "typed_targets": True, "own_metric": {"code"}}
    shown = spec.model_dump(mode="json", exclude=excluded, exclude_defaults=True)
    always = {"train", "test", "sample_submission"} | ({"id_column"} if spec.id_from is None else set())
    return shown | spec.model_dump(mode="json", include=always)


def _format_targets(spec: CompetitionSpec, reasons: dict[str, str]) -> Iterator[str]:
    for target in spec.typed_targets:
        if reason := reasons.get(f"targets.{target.name}"):
            yield f"  # {reason}"
        yield f"  - {_format_flow(target.model_dump(mode='json', exclude_defaults=True))}"


def _format_inputs(spec: CompetitionSpec, reasons: dict[str, str]) -> Iterator[str]:
    for column in spec.inputs:
        yield f"  # {reasons[f'inputs.{column.name}']}"
        yield f"  - {_format_flow(column.model_dump(mode='json', exclude_defaults=True))}"


def _create(file: Path) -> Path:
    """Create an empty file and return its path; raises SetupError if the file exists already."""
    try:
        file.touch(exist_ok=False)
    except FileExistsError as error:
        raise SetupError(f"{file}: exists already; delete it to draft a new one.") from error
    return file


def _write_table(table: pd.DataFrame, file: Path, form: CsvForm) -> None:
    """Write a table in the form that the specification gives for all tables of the folder."""
    encoding = "utf-8" if form.encoding is None else form.encoding
    # The writer would take the folder ~ for the user's home.
    with file.open("w", encoding=encoding, newline="") as stream:
        table.to_csv(stream, index=False, lineterminator="\n", sep=form.separator or ",")


def _parse_spec(spec: CompetitionSpec, text: str) -> CompetitionSpec:
    """Parse the YAML text of `spec`; the code of its own metric is not in the text and is copied over."""
    written = CompetitionSpec.model_validate(yaml.safe_load(text))
    if written.own_metric is None or spec.own_metric is None:
        return written
    own = written.own_metric.model_copy(update={"code": spec.own_metric.code})
    return written.model_copy(update={"own_metric": own})


def _format_reason(guess: Guess) -> str:
    by = f"proposed by the language model {guess.by}: " if guess.by else ""
    return one_line(f"{by}{guess.reason}")


def _format_flow(value: object) -> str:
    """Return any value as one line of YAML."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
