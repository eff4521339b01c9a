"""Prepare a drafted competition as a run would, and report failures without quoting the data."""

import traceback
from pathlib import Path

import agent
from agent.competition.evaluation import check_metric
from agent.competition.metrics import metric_of
from agent.competition.preparation.prepare import prepare
from agent.competition.prepared import Prepared
from agent.competition.registry import Competition
from agent.competition.sources.locate import locate_data
from agent.competition.spec import CompetitionSpec
from agent.core.errors import MarsError, SetupError
from agent.core.paths import Home
from agent.execution import run_script

_PACKAGE = Path(agent.__file__).parent

# Failing function -> summary for the language model. The error messages quote cells, for the user alone.
FAILURE_SUMMARIES = {
    "parse_times": "the time column holds values that are not dates or times",
    "_refuse_blank": "a target is blank in some rows",
    "_numbers": "a regression target holds values that are not finite numbers",
    "mask_sizes": "the target holds values that are not masks as runs of pixels",
    "_one_hot": "the label table does not list all labels",
    "_in_order_of": "the ids of the sample submission differ from those of the test table",
    "require_unique": "some ids are blank or repeat",
    "require_columns": "a table lacks a column",
    "find_media": "the images are not where the path pattern says",
    "find_broken_media": "some images are missing or cannot be read",
    "_whole_groups": "the group column has only one value, so no group can be held out",
    "_latest": "the time column has only one value, so no rows are later than others",
    "_check_split": "the split of groups, times or classes is wrong",
    "verify_prepared": "the prepared tables are inconsistent",
    "split_rows": "there are too few labelled rows to split",
    "build": "the columns of the sample submission do not fit the metric, task and targets",
    "check_metric": "perfect predictions of the validation rows do not get the best score of the metric",
    "_read_scores": "the code of the metric fails on the validation rows",
}


class InvalidDraftError(SetupError):
    """The drafted competition cannot be prepared or scored."""

    def __init__(self, error: MarsError, redacted: str = "") -> None:
        super().__init__(str(error))
        self.redacted = redacted or _summarise_failure(error)
        """The failure in one sentence for a language model, without values of the data."""


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
    except MarsError as error:
        if isinstance(error, SetupError) or "_require" in _functions(error):
            raise InvalidDraftError(error) from error
        raise
    return prepared


def _summarise_failure(error: BaseException) -> str:
    """Return the summary of the innermost known function, or else the name of the innermost function."""
    functions = _functions(error)
    summary = next((FAILURE_SUMMARIES[name] for name in functions if name in FAILURE_SUMMARIES), None)
    return f"{summary or 'the preparation failed in ' + (functions[0] if functions else 'MARS')}."


def _functions(error: BaseException) -> list[str]:
    """Return the functions of this package in the traceback, the innermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.name for frame in reversed(frames) if Path(frame.filename).is_relative_to(_PACKAGE)]
