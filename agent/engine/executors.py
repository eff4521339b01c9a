"""Opens the executor and the caches of a run, for searches and their reproduction."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.competition.prepared import Prepared
from agent.core.paths import Home
from agent.execution import Executor, make_executor
from agent.execution.cache_layers import CacheLayers
from agent.execution.hardware import hub_cache
from agent.record.events import RunSettings
from agent.repository import written_modules
from agent.repository.family import Family


def cache_layers(home: Home, prepared: Prepared, run_folder: Path) -> CacheLayers:
    """Return the caches of a run; runs on the same prepared data use the same shared cache."""
    shared = home.cache / prepared.spec.id / f"{prepared.kind}-{prepared.fingerprint[:16]}"
    return CacheLayers(shared, run_folder / "cache")


@contextmanager
def open_executor(
    settings: RunSettings,
    prepared: Prepared,
    families: Iterable[Family],
    home: Home,
    nodes_root: Path,
    cache: CacheLayers,
) -> Iterator[Executor]:
    """Yield an executor for workspaces below `nodes_root`; `families` name the libraries to preload."""
    families = list(families)
    preload = {name for family in families for name in family.preload} or written_modules.preloaded_packages()
    later = {name for family in families for name in family.preload_later} or written_modules.PRELOADED_LATER
    for folder in (nodes_root, cache.shared):
        folder.mkdir(parents=True, exist_ok=True)
    weights = [folder for folder in (home.weights, hub_cache()) if folder.is_dir()]
    executor = make_executor(
        settings.executor,
        nodes_root=nodes_root,
        preload=sorted(preload),
        preload_later=sorted(later - preload),
        readable=[prepared.input, cache.shared, *weights],
        writable=[cache.own],
        named=[prepared.metadata],
    )
    try:
        yield executor
    finally:
        executor.close()
