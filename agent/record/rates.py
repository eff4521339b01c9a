"""How much use lessons are: the two rates that MARS reports (arXiv 2602.02660), from what ideas cite.

Utilisation is the share of solutions that use a lesson; transfer the share of used lessons that come from
another branch. A citation that a child inherits with its parent's code counts for the child too: its solution
uses the lesson.
"""

from dataclasses import dataclass

from agent.record.state import Node, RunState


@dataclass(frozen=True)
class Rates:
    """Shares in 0..1; None while there is nothing to divide by."""

    utilisation: float | None  # nodes that cite a lesson, of those whose planner was offered any
    transfer: float | None  # citations of a lesson from another branch or run, of all citations


def rates(state: RunState) -> Rates:
    """Computed from the citations that the run's ideas carry.

    A blend and a repository that the user gave are nobody's plan and count nowhere.
    """
    planned = [
        node for node in state.nodes.values() if node.operator != "ensemble" and not state.is_given(node)
    ]
    offered = [node for node in planned if state.offered or _any_taught(state, node)]
    citing = sum(bool(node.idea.cited_lessons) for node in offered)
    citations = [(node, lesson) for node in planned for lesson in node.idea.cited_lessons]
    foreign = sum(_is_foreign(state, node, lesson) for node, lesson in citations)
    return Rates(_share(citing, len(offered)), _share(foreign, len(citations)))


def _any_taught(state: RunState, node: Node) -> bool:
    """Whether this run had learned anything when the node was proposed."""
    return any(
        other.lessons and other.finished_at_s is not None and other.finished_at_s <= node.proposed_at_s
        for other in state.nodes.values()
    )


def _is_foreign(state: RunState, node: Node, lesson: str) -> bool:
    """Whether a cited lesson was taught by no node of the branch; one of memory is not."""
    return not any(lesson in ancestor.lessons for ancestor in state.ancestors(node))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
