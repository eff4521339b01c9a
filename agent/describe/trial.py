"""Prepares a drafted competition as a run would, and says what failed without a word of the data."""

import traceback
from pathlib import Path

from agent.competition.evaluation import check_metric
from agent.competition.metrics import metric_of
from agent.competition.prepare import prepare
from agent.competition.prepared import Prepared
from agent.competition.registry import Competition
from agent.competition.sources import locate_data
from agent.competition.spec import CompetitionSpec
from agent.errors import MarsError, SetupError
from agent.execution import run_script
from agent.paths import Home

_PACKAGE = Path(__file__).parent.parent

# What it means that a function has failed. The errors themselves quote cells, for the user.
MEANINGS = {
    "parse_times": "the time column holds values that are no points in time",
    "_refuse_blank": "a target is blank in some rows",
    "_numbers": "a target of the regression holds values that are no finite numbers",
    "mask_sizes": "the target holds values that are no masks as runs",
    "_one_hot": "labels occur that the label table does not list",
    "_in_order_of": "the sample submission's ids are not those of the test table",
    "require_unique": "ids are blank or repeat",
    "require_columns": "a table lacks a column",
    "find_media": "the pictures of rows are not where they should be",
    "broken_media": "pictures of rows are missing or cannot be read",
    "_whole_groups": "the group column has one value only, so that no whole group can be held out",
    "_latest": "the time column has one value only, so that no rows are later than others",
    "_check_split": "groups, times or classes are not parted as they should be",
    "verify": "the parts are not what they should be",
    "split_rows": "there are too few labelled rows to split them",
    "build": "the columns of the sample submission do not fit metric, task and targets",
    "check_metric": "not even perfect predictions of the validation rows get the metric's best score",
    "_scores_in": "the metric's code fails on the validation rows",
}


class Untenable(SetupError):  # noqa: N818 (what the draft is)
    """A draft whose competition cannot be prepared or scored."""

    def __init__(self, error: MarsError, told: str = "") -> None:
        super().__init__(str(error))
        self.told = told or _told(error)
        """What failed, for a language model: no value, no word of the message."""


def try_out(spec: CompetitionSpec, folder: Path, home: Home) -> Prepared:
    """Prepares the competition (a run finds the result there) and scores perfect predictions.

    Raises:
        Untenable: the draft fails; the sentence is for the user.
        InfrastructureError: the machine fails, whatever the draft is like.
    """
    competition = Competition(spec, folder.resolve())
    try:
        raw = locate_data(competition, home, "full", run_script, offline=True)
        prepared = prepare(spec, raw, home)
        check_metric(prepared, metric_of(spec, run_script))
    except MarsError as error:
        if isinstance(error, SetupError) or "_require" in _functions(error):
            raise Untenable(error) from error
        raise
    return prepared


def _told(error: BaseException) -> str:
    functions = _functions(error)
    meaning = next((MEANINGS[name] for name in functions if name in MEANINGS), None)
    return f"{meaning or 'it failed in ' + (functions[0] if functions else 'MARS')}."


def _functions(error: BaseException) -> list[str]:
    """Functions of this package in which the error came about, the innermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.name for frame in reversed(frames) if Path(frame.filename).is_relative_to(_PACKAGE)]
