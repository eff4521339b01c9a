"""Builds the source of a node's files, which the assembler needs, from the state of the run."""

from collections.abc import Callable, Mapping

from agent.record.state import Node, RunState
from agent.repository.assembly import FixSource, NodeSource, ParentSource
from agent.repository.ensemble_code import MemberSource


def node_source(state: RunState, node: Node, read_commit: Callable[[str], Mapping[str, str]]) -> NodeSource:
    """Return the source of a node's files.

    Args:
        state: The state of the run.
        node: The node; its parents are finished.
        read_commit: Returns the files of a member's revision; only an ensemble reads any.
    """
    if node.operator == "ensemble":
        members = (state.nodes[number] for number in node.parents)
        return NodeSource(
            node.idea,
            members=tuple(_member(member, read_commit) for member in members),
            predict_ms=state.run.predict_ms,
        )
    imported = state.run.imported if state.is_imported(node) else None
    return NodeSource(
        node.idea,
        parent=_parent(state, node),
        imported=imported.commit if imported is not None else None,
        plan=[node, *state.ancestors(node)][-1].idea.plan,
        modules=tuple(node.modules),
        fixes=tuple(FixSource(attempt.fix.edits, attempt.modules) for attempt in node.attempts),
    )


def parent_commits(state: RunState, node: Node) -> list[str]:
    """Return the parent commits of a node's next revision: its last failed one, else its parents'."""
    if node.attempts:
        return [node.attempts[-1].failed.commit]
    results = [state.nodes[parent].result for parent in node.parents]
    return [result.commit for result in results if result is not None]


def _member(node: Node, read_commit: Callable[[str], Mapping[str, str]]) -> MemberSource:
    predict_ms = None if node.result is None else node.result.predict_ms
    return MemberSource(node.name, node.idea.title, read_commit(node.commit), predict_ms)


def _parent(state: RunState, node: Node) -> ParentSource | None:
    if node.parent is None:
        return None
    parent = state.nodes[node.parent]
    return ParentSource(parent.commit, parent.idea, state.is_rendered(parent))
