"""Proves that the record of a run is complete: renders every node again and compares byte by byte."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.core.contract import IDEA_FILE, MEMBERS_FOLDER
from agent.core.paths import Home
from agent.engine.node_source import node_source, parent_commits
from agent.record.opened_run import Run
from agent.record.state import Node
from agent.repository import ensemble_code, written_modules
from agent.repository.assembly import Assembler
from agent.repository.family import Family
from agent.repository.lineage import blob_id
from agent.repository.rendering import RenderError, TaskView, template_sources

Verdict = Literal["identical", "different", "not rendered"]


@dataclass(frozen=True)
class FileDifference:
    """A file that differs from its commit when rendered again."""

    file: str
    what: Literal["changed", "missing", "added"]  # the file as rendered now, against the commit
    reason: str  # the likely reason, one sentence


@dataclass(frozen=True)
class RenderedNode:
    """Comparison of a node's repository, rendered from the record, with its commit."""

    node: int
    verdict: Verdict
    differences: tuple[FileDifference, ...] = ()
    reason: str = ""  # why the node was not compared, or why rendering fails now


class RenderingCheck:
    """Renders the nodes of one run from its events and its copy of the templates."""

    def __init__(self, run: Run, home: Home) -> None:
        self._run = run
        templates = run.templates(home)
        self._families, self._bundled = templates.families, templates.bundled
        self._assembler = Assembler(
            TaskView.of(run.prepared, run.state.run.gpus_per_node), templates, run.lineage
        )
        self._rendered: dict[str, dict[str, str]] = {}  # by commit
        self._faults: dict[int, tuple[str, ...]] = {}  # faults of merges and edits, as found now

    def nodes(self) -> list[RenderedNode]:
        """Return one verdict per node, by id."""
        return [self._replayed(node) for node in self._run.state.nodes.values()]

    def _replayed(self, node: Node) -> RenderedNode:
        if node.result is None:
            return RenderedNode(node.id, "not rendered", reason="The node is not finished.")
        if self._run.state.is_imported(node):
            self._rendered[node.result.commit] = self._run.lineage.read(node.result.commit)
            return RenderedNode(node.id, "not rendered", reason="The user's own code is not rendered.")
        try:
            files = self._rendered[node.result.commit] = self._files(node)
        except RenderError as error:
            return RenderedNode(node.id, "different", reason=f"The node can no longer be rendered: {error}")
        recorded = self._run.lineage.blobs(node.result.commit)
        differences = [
            FileDifference(name, _what(name, files, recorded), self._reason(node, name))
            for name in sorted({*files, *recorded})
            if name not in files or blob_id(files[name]) != recorded.get(name)
        ]
        if self._run.lineage.parents(node.result.commit) != parent_commits(self._run.state, node):
            differences.append(
                FileDifference("(parents)", "changed", "Commit and node have different parents.")
            )
        return RenderedNode(node.id, "different" if differences else "identical", tuple(differences))

    def _files(self, node: Node) -> dict[str, str]:
        if node.operator == "ensemble":
            members = [self._run.state.nodes[member] for member in node.parents]
            missing = [member.name for member in members if member.commit not in self._rendered]
            if missing:
                raise RenderError(f"its members {', '.join(missing)} cannot be rendered.")
        try:
            code = self._assembler.assemble(node_source(self._run.state, node, self._rendered.__getitem__))
        except RenderError as error:
            slots = self._slots_since(node)
            raise RenderError(f"{error}{f' ({slots})' if slots else ''}") from error
        self._faults[node.id] = code.faults
        return code.files

    def _slots_since(self, node: Node) -> str:
        """Return how the slots of the node's family have changed; empty without a family or a change."""
        family = self._families.get(node.idea.blueprint.family) if node.idea.blueprint else None
        return _slots_since(family, node) if family is not None else ""

    def _reason(self, node: Node, name: str) -> str:
        """Return the likely reason why a file differs, from names, slots and ages of templates."""
        parts = Path(name).parts
        if node.operator == "ensemble" and parts[0] == MEMBERS_FOLDER:
            return f"See node {parts[1]}."
        if name == IDEA_FILE:
            return "The format of ideas or the record has changed."
        recorded = node.result.reason if node.result else ""
        new = [fault for fault in self._faults.get(node.id, ()) if fault not in recorded]
        if new:
            return new[0]
        if node.idea.plan:
            folder = self._bundled / written_modules.FOLDER
        elif node.idea.blueprint is None:
            folder = self._bundled / ensemble_code.FOLDER
        else:
            family = self._families[node.idea.blueprint.family]
            folder = family.folder
            if slots := _slots_since(family, node):
                return f"{slots}."
        sources = template_sources(folder, f"{name}.j2")
        if not sources:
            return f"Family {folder.name} has no template of this name now."
        began = self._run.journal.created_at.timestamp()
        newer = sorted(file.name for file in sources if file.stat().st_mtime > began)
        if newer:
            return f"Changed since the run began: {', '.join(newer)}."
        return (
            "The templates are older than the run, so MARS, the data's description or the record has changed."
        )


def _what(
    name: str, files: dict[str, str], recorded: dict[str, str]
) -> Literal["changed", "missing", "added"]:
    if name not in files:
        return "missing"
    return "changed" if name in recorded else "added"


def _slots_since(family: Family, node: Node) -> str:
    """Return how the family's slots have changed since the node was proposed; empty if they have not."""
    assert node.idea.blueprint is not None
    slots = node.idea.blueprint.slots
    then, now = set(slots), set(family.slots)
    refused = {f"{name}={slots[name]}" for name in then & now if not family.slots[name].accepts(slots[name])}
    changes = [
        f"{what} {', '.join(sorted(names))}"
        for what, names in (("gained", now - then), ("lost", then - now), ("ruled out", refused))
        if names
    ]
    return f"Family {family.id} has since {' and '.join(changes)}" if changes else ""
