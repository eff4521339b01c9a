"""The executor and the code of a run's candidates, for the search as for what repeats it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.competition.prepared import Prepared
from agent.execution import Executor, make_executor
from agent.execution.hardware import hub_cache
from agent.execution.layers import CacheLayers
from agent.paths import Home
from agent.record.events import RunSettings
from agent.record.state import Node, RunState
from agent.repository.family import Family
from agent.repository.given import merged
from agent.repository.idea import Idea
from agent.repository.lineage import Lineage, Merged


def cache_layers(home: Home, prepared: Prepared, run_folder: Path) -> CacheLayers:
    """The caches of a run; what its candidates share, they share with all runs on the same prepared data."""
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
    """An executor for workspaces below `nodes_root`; `families` say what warm candidates find imported."""
    preload = {name for family in families for name in family.preload}
    for folder in (nodes_root, cache.shared):
        folder.mkdir(parents=True, exist_ok=True)
    weights = [folder for folder in (home.weights, hub_cache()) if folder.is_dir()]
    executor = make_executor(
        cold=settings.cold,
        nodes_root=nodes_root,
        preload=sorted(preload),
        readable=[prepared.input, prepared.metadata, cache.shared, *weights],
        writable=[cache.own],
    )
    try:
        yield executor
    finally:
        executor.close()


def node_code(
    state: RunState, node: Node, lineage: Lineage, render: Callable[[Idea], dict[str, str]]
) -> Merged:
    """A node's code; below a given repository, its parent's with what the idea changes."""
    if state.is_given(node):
        assert state.run.given is not None
        return Merged(lineage.read(state.run.given.commit), ())
    rendered = render(node.idea)
    line = state.ancestors(node)
    if not line or not state.is_given(line[-1]) or line[0].result is None:
        return Merged(rendered, ())
    return merged(lineage, render(line[0].idea), line[0].result.commit, rendered)
