"""The executor and the code of a run's candidates, for the search as for what repeats it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.competition.prepared import Prepared
from agent.execution import Executor, make_executor
from agent.execution.hardware import hub_cache
from agent.execution.layers import CacheLayers
from agent.paths import Home
from agent.record.events import RunSettings
from agent.record.state import Node, RunState
from agent.repository import own_code
from agent.repository.edits import EditError, apply_edits
from agent.repository.family import Family
from agent.repository.given import merged
from agent.repository.idea import Idea, ModulePlan
from agent.repository.lineage import Lineage
from agent.repository.render import idea_json


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
    preload = {name for family in families for name in family.preload} or set(own_code.PRELOAD)
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
class Code:
    """The files of a node, and why they are not what its idea wants: a sentence per fault."""

    files: dict[str, str]
    faults: tuple[str, ...] = ()


def node_code(
    state: RunState, node: Node, lineage: Lineage, render: Callable[[Idea], dict[str, str]]
) -> Code:
    """A node's code with the fixes made so far, whoever made it; an ensemble's is its members'.

    Fixes that cannot be made (what they mended is rendered otherwise now) leave the files without any of
    them, and a fault.
    """
    if state.is_given(node):
        assert state.run.given is not None
        code = Code(lineage.read(state.run.given.commit))
    else:
        parent = None if node.parent is None else state.nodes[node.parent]
        code = idea_code(state, node.idea, parent, lineage, render)
    try:
        files = _mended(code.files, node)
    except EditError as error:
        return Code(code.files, code.faults or (f"An earlier fix cannot be made: {error.sentence}",))
    if _plan_of(state, node):
        files["requirements.txt"] = own_code.requirements_of(files)
    return Code(files, code.faults)


def _mended(files: dict[str, str], node: Node) -> dict[str, str]:
    """The files with the modules that were written for the node, and its fixes, in the order they came."""
    files = _with_fixes(files, node, written=0)
    for number, module in enumerate(node.modules, start=1):
        tests = {module.test_file: module.test} if module.test else {}
        files = _with_fixes({**files, module.file: module.code, **tests}, node, written=number)
    return files


def _plan_of(state: RunState, node: Node) -> tuple[ModulePlan, ...]:
    """What was planned for the draft that a node's line began with; empty where nobody wrote its modules."""
    return [node, *state.ancestors(node)][-1].idea.plan


def _with_fixes(files: dict[str, str], node: Node, written: int) -> dict[str, str]:
    """The files after the fixes that were made while so many of the node's modules were written."""
    for attempt in node.attempts:
        if attempt.modules == written:
            files = apply_edits(files, attempt.fix.edits)
    return files


def parent_commits(state: RunState, node: Node) -> list[str]:
    """The revisions that a node's next one follows: the one that failed last, else its parents'."""
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
) -> Code:
    """The code of an idea below a finished parent: its blueprint's, merged with earlier edits, then its own.

    Edits that cannot be made leave the files without any of them, and a fault.
    """
    base = _unedited(state, idea, parent, lineage, render)
    if base.faults or not idea.edits:
        return base
    try:
        return Code(apply_edits(base.files, idea.edits))
    except EditError as error:
        return Code(base.files, (error.sentence,))


def _unedited(
    state: RunState,
    idea: Idea,
    parent: Node | None,
    lineage: Lineage,
    render: Callable[[Idea], dict[str, str]],
) -> Code:
    """The code before the idea's own edits; where its parent's line was edited, with these."""
    if parent is None:
        return Code(render(idea))
    assert parent.result is not None
    if idea.blueprint is None:  # the parent's code goes on by edits alone
        files = lineage.read(parent.result.commit) | {"idea.json": idea_json(idea)}
        if plan := _plan_of(state, parent):
            files["README.md"] = render(idea.model_copy(update={"plan": plan}))["README.md"]
        return Code(files)
    if parent.idea.blueprint is None or state.is_rendered(parent):
        return Code(render(idea))
    found = merged(lineage, render(parent.idea), parent.result.commit, render(idea))
    faults = (f"The change conflicts with what was edited before in {name}." for name in found.conflicts)
    return Code(found.files, tuple(faults))
