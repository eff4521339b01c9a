"""The executor of a run's candidates, for the search as for what executes its nodes again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.competition.prepared import Prepared
from agent.execution import Executor, make_executor
from agent.execution.hardware import hub_cache
from agent.paths import Home
from agent.record.events import RunSettings
from agent.repository.family import Family


@contextmanager
def open_executor(
    settings: RunSettings,
    prepared: Prepared,
    families: Iterable[Family],
    home: Home,
    nodes_root: Path,
    cache: Path,
) -> Iterator[Executor]:
    """An executor for workspaces below `nodes_root`; `families` say what warm candidates find imported."""
    preload = {name for family in families for name in family.preload}
    nodes_root.mkdir(parents=True, exist_ok=True)
    weights = [folder for folder in (home.weights, hub_cache()) if folder.is_dir()]
    executor = make_executor(
        cold=settings.cold,
        nodes_root=nodes_root,
        preload=sorted(preload),
        readable=[prepared.input, prepared.metadata, *weights],
        writable=[cache],
    )
    try:
        yield executor
    finally:
        executor.close()
