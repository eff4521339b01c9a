"""Opens the executor and assembles the code of candidates, for searches and their reproduction."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.competition.prepared import Prepared
from agent.core.paths import Home
from agent.execution import Executor, make_executor
from agent.execution.cache_layers import CacheLayers
from agent.execution.hardware import hub_cache
from agent.record.events import RunSettings
from agent.record.state import Node, RunState
from agent.repository import written_modules
from agent.repository.edits import EditError, apply_edits
from agent.repository.family import Family
from agent.repository.idea import Idea, ModulePlan
from agent.repository.imported import merge_into_edited
from agent.repository.lineage import Lineage
from agent.repository.rendering import idea_json


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
    preload = {name for family in families for name in family.preload} or written_modules.preloaded_packages()
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


@dataclass(frozen=True)
class NodeCode:
    """Files of a node, with one sentence per fault that keeps them from implementing the idea."""

    files: dict[str, str]
    faults: tuple[str, ...] = ()


def node_code(
    state: RunState, node: Node, lineage: Lineage, render: Callable[[Idea], dict[str, str]]
) -> NodeCode:
    """Return a node's code with all its fixes so far. Ensembles are assembled elsewhere.

    Fixes that no longer apply, because the fixed code is rendered differently now, are all omitted and give
    a fault.
    """
    if state.is_imported(node):
        assert state.run.imported is not None
        code = NodeCode(lineage.read(state.run.imported.commit))
    else:
        parent = None if node.parent is None else state.nodes[node.parent]
        code = idea_code(state, node.idea, parent, lineage, render)
    try:
        files = _with_modules_and_fixes(code.files, node)
    except EditError as error:
        return NodeCode(code.files, code.faults or (f"An earlier fix cannot be made: {error.sentence}",))
    if _plan_of(state, node):
        files["requirements.txt"] = written_modules.requirements_of(files)
    return NodeCode(files, code.faults)


def _with_modules_and_fixes(files: dict[str, str], node: Node) -> dict[str, str]:
    """Return the files with the node's written modules and fixes, in the order they came."""
    files = _with_fixes(files, node, written=0)
    for number, module in enumerate(node.modules, start=1):
        tests = {module.test_file: module.test} if module.test else {}
        files = _with_fixes({**files, module.file: module.code, **tests}, node, written=number)
    return files


def _plan_of(state: RunState, node: Node) -> tuple[ModulePlan, ...]:
    """Return the module plan of the draft at the root of the node's branch; empty without a plan."""
    return [node, *state.ancestors(node)][-1].idea.plan


def _with_fixes(files: dict[str, str], node: Node, written: int) -> dict[str, str]:
    """Return the files after the fixes that were made when `written` modules existed."""
    for attempt in node.attempts:
        if attempt.modules == written:
            files = apply_edits(files, attempt.fix.edits)
    return files


def parent_commits(state: RunState, node: Node) -> list[str]:
    """Return the parent commits of a node's next revision: its last failed one, else its parents'."""
    if node.attempts:
        return [node.attempts[-1].failed.commit]
    results = [state.nodes[parent].result for parent in node.parents]
    return [result.commit for result in results if result is not None]


def idea_code(
    state: RunState,
    idea: Idea,
    parent: Node | None,
    lineage: Lineage,
    render: Callable[[Idea], dict[str, str]],
) -> NodeCode:
    """Return the code of an idea: its blueprint merged with the parent's edits, then its own edits.

    Edits that do not apply are all omitted and give a fault.
    """
    base = _base_code(state, idea, parent, lineage, render)
    if base.faults or not idea.edits:
        return base
    try:
        return NodeCode(apply_edits(base.files, idea.edits))
    except EditError as error:
        return NodeCode(base.files, (error.sentence,))


def _base_code(
    state: RunState,
    idea: Idea,
    parent: Node | None,
    lineage: Lineage,
    render: Callable[[Idea], dict[str, str]],
) -> NodeCode:
    """Return the code before the idea's own edits, including the edits of the parent's branch."""
    if parent is None:
        return NodeCode(render(idea))
    assert parent.result is not None
    if idea.blueprint is None:  # only edits change the parent's code
        files = lineage.read(parent.result.commit) | {"idea.json": idea_json(idea)}
        if plan := _plan_of(state, parent):
            files["README.md"] = render(idea.model_copy(update={"plan": plan}))["README.md"]
        return NodeCode(files)
    if parent.idea.blueprint is None or state.is_rendered(parent):
        return NodeCode(render(idea))
    found = merge_into_edited(lineage, render(parent.idea), parent.result.commit, render(idea))
    faults = (f"The change conflicts with what was edited before in {name}." for name in found.conflicts)
    return NodeCode(found.files, tuple(faults))
