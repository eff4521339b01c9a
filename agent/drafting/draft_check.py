"""Prepare a drafted competition as a run would, and report failures without quoting the data."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from agent.competition.evaluation import check_metric, write_test_submission
from agent.competition.metrics import Rows, metric_of
from agent.competition.metrics.target_rows import join_targets
from agent.competition.preparation.media_place import PutFile
from agent.competition.preparation.prepare import check_readable, prepare
from agent.competition.prepared import Prepared, RowCounts
from agent.competition.registry import Competition
from agent.competition.sources.locate import RawData, locate_data
from agent.competition.spec import CompetitionSpec
from agent.competition.submission import SubmissionError, SubmissionFormat, write_submission
from agent.competition.tables import read_table
from agent.core.errors import MarsError, PreparedDataError, SetupError
from agent.core.paths import Home
from agent.execution import run_script

MAX_TRIED_BYTES = 400_000_000
"""Size of the tables of a draft that is tried with all files."""


class InvalidDraftError(SetupError):
    """The drafted competition cannot be prepared or scored; `redacted` is a whole sentence."""

    def __init__(self, error: MarsError, redacted: str = "") -> None:
        super().__init__(str(error))
        self.redacted = redacted or f"{error.redacted or 'the preparation failed'}."


def prepare_draft(spec: CompetitionSpec, folder: Path, home: Home, put: PutFile | None = None) -> Prepared:
    """Prepare the drafted competition and score perfect predictions. A later run reuses the prepared data.

    Raises:
        InvalidDraftError: The draft fails. The message is for the user and may quote the data.
        InfrastructureError: The machine fails, independent of the draft.
    """
    competition = Competition(spec, folder.resolve())
    try:
        raw = locate_data(competition, home, "full", run_script, offline=True)
        prepared = prepare(spec, raw, home, put)
        check_metric(prepared, metric_of(spec, run_script))
    except (SetupError, PreparedDataError) as error:
        raise InvalidDraftError(error) from error
    return prepared


@dataclass(frozen=True)
class TriedDraft:
    """What a trial of a draft shows: rows per part, and warnings for the user."""

    rows: RowCounts
    warnings: tuple[str, ...]


def try_draft(spec: CompetitionSpec, folder: Path, max_bytes: int = MAX_TRIED_BYTES) -> TriedDraft:
    """Prepare the drafted competition in a temporary folder and write a default submission, as a run would.

    Args:
        spec: The drafted specification.
        folder: The folder of the competition.
        max_bytes: Tables of more bytes are read and split, but not written.

    Raises:
        InvalidDraftError: The draft fails. The message is for the user and may quote the data.
        InfrastructureError: The machine fails, independent of the draft.
    """
    if _table_bytes(spec, folder) > max_bytes:
        raw = RawData(folder.resolve(), "full", "")
        try:
            rows, warnings = check_readable(spec, raw)
        except SetupError as error:
            raise InvalidDraftError(error) from error
        return TriedDraft(rows, (*warnings, "The tables are large, so no submission was tried."))
    with tempfile.TemporaryDirectory(prefix="mars-init-") as temporary:
        home = Home(Path(temporary))
        prepared = prepare_draft(spec, folder, home, _link_only)
        try:
            _write_default_submission(prepared, home.root)
        except (SetupError, SubmissionError) as error:
            raise InvalidDraftError(SetupError(str(error))) from error
        return TriedDraft(prepared.rows, prepared.warnings)


def _table_bytes(spec: CompetitionSpec, folder: Path) -> int:
    names = (spec.train, spec.test, spec.sample_submission, spec.train_labels)
    files = [folder / name for name in names if name is not None]
    return sum(file.stat().st_size for file in files if file.is_file())


def _link_only(file: Path, second: Path) -> None:
    """Link an image instead of copying it: the temporary folder may be on another disk."""
    second.symlink_to(file.resolve())


def _write_default_submission(prepared: Prepared, folder: Path) -> None:
    """Write a submission with the same answer in every row, and the file to submit made of it."""
    form = SubmissionFormat.of(prepared)
    ids = read_table(prepared.private, "ids.csv")
    asked = ids.loc[ids["part"].isin(["test", "audit"]), "opaque"].tolist()
    submission = folder / "submission.csv"
    write_submission(submission, form, asked, _default_predictions(form, len(asked)))
    write_test_submission(prepared, submission, folder / "final.csv")


def _default_predictions(form: SubmissionFormat, rows: int) -> Rows:
    """Return the first class, equal probabilities, an empty set or mask, or 0 for each of N rows."""
    if form.parts:
        return join_targets({part.answer_columns[0]: _default_predictions(part, rows) for part in form.parts})
    classes = len(form.classes)
    match form.kind:
        case "label":
            return np.zeros(rows, dtype=np.int64)
        case "label_set":
            return csr_array((rows, classes), dtype=np.bool_)
        case "probability":
            return np.full((rows, classes), 1 / classes)
        case "ranking":
            return np.zeros((rows, 1), dtype=np.int64)
        case "mask":
            return csr_array((rows, 1), dtype=np.int64)
        case "value":
            low = 0.0 if form.bounds is None else min(max(form.bounds[0], 0.0), form.bounds[1])
            return np.full(rows if len(form.columns) == 1 else (rows, len(form.columns)), low)
        case "several":
            raise AssertionError("several targets have parts")
