"""Utilisation and transfer rates of lessons, from citations (MARS, arXiv 2602.02660).

Utilisation is the share of solutions that cite a lesson. Transfer is the share of cited lessons that come
from another branch. A citation that a child inherits with its parent's code counts for the child too.
"""

from dataclasses import dataclass

from agent.record.state import Node, RunState


@dataclass(frozen=True)
class Rates:
    """Shares in 0..1; None where the denominator is 0."""

    utilisation: float | None  # nodes that cite a lesson, over nodes whose planner was offered lessons
    transfer: float | None  # citations of lessons from another branch or run, over all citations


def rates(state: RunState) -> Rates:
    """Compute the rates from the citations of the run's ideas.

    Ensembles and imported repositories have no planner and do not count.
    """
    planned = [
        node for node in state.nodes.values() if node.operator != "ensemble" and not state.is_imported(node)
    ]
    offered = [node for node in planned if state.offered or _any_taught(state, node)]
    citing = sum(bool(node.idea.cited_lessons) for node in offered)
    citations = [(node, lesson) for node in planned for lesson in node.idea.cited_lessons]
    foreign = sum(_is_foreign(state, node, lesson) for node, lesson in citations)
    return Rates(_share(citing, len(offered)), _share(foreign, len(citations)))


def _any_taught(state: RunState, node: Node) -> bool:
    """Whether the run had learned a lesson before the node was proposed."""
    return any(
        other.lessons and other.finished_at_s is not None and other.finished_at_s <= node.proposed_at_s
        for other in state.nodes.values()
    )


def _is_foreign(state: RunState, node: Node, lesson: str) -> bool:
    """Whether no node of the branch taught a cited lesson, e.g. because it comes from memory."""
    return not any(lesson in ancestor.lessons for ancestor in state.ancestors(node))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
