"""A recorded run, opened: its state is rebuilt from its events."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.competition.metrics import Metric, metric_of
from agent.competition.prepared import Prepared, load_prepared
from agent.core.database import open_database
from agent.core.errors import InfrastructureError, SetupError
from agent.core.paths import Home
from agent.execution.script import run_script
from agent.record.events import RunStarted
from agent.record.journal import Journal
from agent.record.state import RunState
from agent.repository.family import Family

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from agent.repository.lineage import Lineage
    from agent.repository.run_templates import Templates


@dataclass(frozen=True)
class Run:
    """A recorded run, opened."""

    id: str
    folder: Path
    prepared: Prepared
    metric: Metric
    journal: Journal
    state: RunState

    @property
    def nodes(self) -> Path:
        """Folder of the workspaces, one subfolder per node."""
        return self.folder / "nodes"

    def templates(self, home: Home) -> "Templates":
        """Return the templates that the run is rendered with."""
        from agent.repository.run_templates import templates_of  # only what renders needs them

        return templates_of(self.folder, home, self.state.run.templates_copied)

    @property
    def lineage(self) -> "Lineage":
        from agent.repository.lineage import Lineage, repository_of  # `mars tree` and `mars runs` need no git

        return Lineage(repository_of(self.folder), int(self.journal.created_at.timestamp()))


def open_run(
    name: str, home: Home, engine: "Engine | None" = None, families: Mapping[str, Family] | None = None
) -> Run:
    """Open a recorded run and rebuild its state from its events.

    Args:
        name: id of the run, part of it, or `latest`.
        home: the folder that holds everything MARS writes.
        engine: the open database; None opens it.
        families: for a run that continues; they add new slots to recorded blueprints.

    Raises:
        SetupError: no such run, the run recorded no search, or its data are gone.
        InfrastructureError: the record of the run is damaged.
    """
    journal = Journal.open(engine or open_database(home.database), name)
    events = journal.events()
    if not events or not isinstance(events[0], RunStarted):
        raise SetupError(f"Run {journal.run} stopped before its search; start a new run with `mars run`.")
    prepared = load_prepared(home.prepared / events[0].settings.prepared)
    metric = metric_of(prepared.spec, run_script)
    try:
        state = RunState.replay(events, metric.higher_is_better, families)
    except (KeyError, IndexError, ValueError, TypeError, AssertionError) as error:
        raise InfrastructureError(
            f"Run {journal.run} has a damaged record (its events contradict each other); use the version of "
            "MARS that recorded the run, or start a new run."
        ) from error
    return Run(journal.run, home.workspaces / journal.run, prepared, metric, journal, state)
