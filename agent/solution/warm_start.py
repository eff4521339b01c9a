"""What a run takes over from the run of the competition's kept solution on the same data."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import Engine

from agent.competition.prepared import Prepared
from agent.core.errors import InfrastructureError, SetupError
from agent.planner.library.looks import is_drafted
from agent.planner.search_space import SearchSpace
from agent.record.journal import Journal
from agent.record.settings import EarlierDraft, EarlierNode, WarmStart
from agent.record.state import Node, RunState
from agent.repository.family import Value
from agent.solution.card import load_card

MOST_STARTS = 20  # first nodes of the run: as many as the members of most ensembles
MOST_KNOWN = 60  # best nodes whose scores are evidence


def find_warm_start(
    solutions: Path, engine: Engine, prepared: Prepared, search_space: SearchSpace, higher_is_better: bool
) -> WarmStart | None:
    """Return the warm start of a new run; None if no solution on the same data is kept or readable.

    Args:
        solutions: The folder with one kept solution per competition.
        engine: The database of all runs.
        prepared: The prepared data of the new run.
        search_space: The families and constraints of the new run.
        higher_is_better: The metric's direction.
    """
    try:
        card = load_card(solutions / prepared.spec.id)
        if card is None:
            return None
        same = (card.data_kind, card.fingerprint, card.metric)
        if same != (prepared.kind, prepared.fingerprint, prepared.spec.metric):
            return None
        events = Journal.open(engine, card.run).events()
    except (
        SetupError,
        InfrastructureError,
    ):  # the run or the card is gone or damaged; the search can do without
        return None
    state = RunState.replay(events, higher_is_better, search_space.families)
    if card.node not in state.nodes:
        return None
    known = list(_readable(state, search_space))
    chosen = state.nodes[card.node]
    first = chosen.weighted_members if chosen.operator == "ensemble" else (chosen.id,)
    kept = [node for node in known if node.node in first]
    starts = _of_each_structure_first(kept, search_space) if kept else _leaders(known, search_space)
    if not starts:
        return None
    return WarmStart(
        run=card.run,
        starts=tuple(starts[:MOST_STARTS]),
        known=tuple(known[:MOST_KNOWN]),
        drafts=tuple(_drafts(state, search_space)),
    )


def _readable(state: RunState, search_space: SearchSpace) -> Iterator[EarlierNode]:
    """Yield the valid nodes whose blueprints render their code and are allowed now, the best first."""
    for node in sorted(state.valid, key=lambda node: (state.rank_key(node), node.id)):
        slots, score = _allowed_slots(state, node, search_space), state.score(node)
        if slots is None or score is None or node.blueprint is None:
            continue
        if node.result is not None and node.result.cut is not None:
            continue
        blueprint = node.blueprint.model_copy(update={"slots": slots})
        yield EarlierNode(
            node=node.id,
            title=node.idea.title,
            blueprint=blueprint,
            metric=score,
            seconds=node.seconds,
        )


def _allowed_slots(state: RunState, node: Node, search_space: SearchSpace) -> dict[str, Value] | None:
    """Return a node's slots for the present family; None if they do not render its code now."""
    if node.blueprint is None or node.operator == "ensemble" or not state.is_rendered(node):
        return None
    family = search_space.families.get(node.blueprint.family)
    if family is None:
        return None
    try:
        slots = search_space.settle(family, family.fill(node.blueprint.slots, "record"))
    except SetupError:
        return None
    return slots if search_space.allows(family, slots) else None


def _of_each_structure_first(nodes: Sequence[EarlierNode], search_space: SearchSpace) -> list[EarlierNode]:
    """Return the nodes; the first one of each structure comes before the others."""
    leaders = _leaders(nodes, search_space)
    return [*leaders, *(node for node in nodes if node not in leaders)]


def _leaders(nodes: Iterable[EarlierNode], search_space: SearchSpace) -> list[EarlierNode]:
    """Return the first node of each structure."""
    found: dict[tuple[str, str], EarlierNode] = {}
    for node in nodes:
        family = search_space.families[node.blueprint.family]
        found.setdefault((family.id, family.structure_of(node.blueprint.slots)), node)
    return list(found.values())


def _drafts(state: RunState, search_space: SearchSpace) -> Iterator[EarlierDraft]:
    """Yield the drafts that the earlier run tried, each with the best score of its branch."""
    for family in search_space.families.values():
        for draft in family.drafts:
            if is_drafted(state, family, draft):
                roots = [node for node in state.roots if node.idea.title == draft.title]
                yield EarlierDraft(family=family.id, title=draft.title, metric=_best_below(state, roots))


def _best_below(state: RunState, roots: Sequence[Node]) -> float | None:
    """Return the best score of the nodes below drafts; None without a valid one."""
    waiting, best = list(roots), None
    while waiting:
        node = waiting.pop()
        waiting += [state.nodes[child] for child in node.children]
        if node.operator == "ensemble" or not node.is_valid or node.metric is None:
            continue
        if best is None or state.better(node.metric, best):
            best = node.metric
    return best
