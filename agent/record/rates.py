"""How much use lessons are: the two rates that MARS reports."""

from dataclasses import dataclass

from agent.record.state import RunState


@dataclass(frozen=True)
class Rates:
    """Shares in 0..1; None while there is nothing to divide by."""

    utilisation: float | None  # nodes that cite a lesson, of those that were offered any
    transfer: float | None  # citations of a lesson from another branch or run, of all citations


def rates(state: RunState) -> Rates:
    """Computed from the citations that the run's ideas carry."""
    learned_by = {lesson: node for node in state.nodes.values() for lesson in node.lessons}
    citing, offered, foreign, citations = 0, 0, 0, 0
    available = bool(state.offered)
    for node in state.nodes.values():
        offered += available
        cited = node.idea.cited_lessons
        citing += bool(cited)
        branch = {ancestor.id for ancestor in state.ancestors(node)}
        for lesson in cited:
            citations += 1
            source = learned_by.get(lesson)
            foreign += source is None or source.id not in branch
        available = available or bool(node.lessons)
    return Rates(_share(citing, offered), _share(foreign, citations))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
