"""Prepare a drafted competition as a run would, and report failures without quoting the data."""

from pathlib import Path

from agent.competition.evaluation import check_metric
from agent.competition.metrics import metric_of
from agent.competition.preparation.prepare import prepare
from agent.competition.prepared import Prepared
from agent.competition.registry import Competition
from agent.competition.sources.locate import locate_data
from agent.competition.spec import CompetitionSpec
from agent.core.errors import MarsError, PreparedDataError, SetupError
from agent.core.paths import Home
from agent.execution import run_script


class InvalidDraftError(SetupError):
    """The drafted competition cannot be prepared or scored; `redacted` is a whole sentence."""

    def __init__(self, error: MarsError, redacted: str = "") -> None:
        super().__init__(str(error))
        self.redacted = redacted or f"{error.redacted or 'the preparation failed'}."


def prepare_draft(spec: CompetitionSpec, folder: Path, home: Home) -> Prepared:
    """Prepare the drafted competition and score perfect predictions. A later run reuses the prepared data.

    Raises:
        InvalidDraftError: The draft fails. The message is for the user and may quote the data.
        InfrastructureError: The machine fails, independent of the draft.
    """
    competition = Competition(spec, folder.resolve())
    try:
        raw = locate_data(competition, home, "full", run_script, offline=True)
        prepared = prepare(spec, raw, home)
        check_metric(prepared, metric_of(spec, run_script))
    except (SetupError, PreparedDataError) as error:
        raise InvalidDraftError(error) from error
    return prepared
