"""Expected run times: of nodes that were cut as if they were whole, and with the caches of earlier nodes."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from agent.record.state import Node, RunState
from agent.repository.family import Family, Value
from agent.repository.family_parts import CachedWork

Slots = Mapping[str, Value]
Settle = Callable[[Slots], Slots]

# Nodes whose costs differ by less than this log ratio are equally good references for an estimate.
SIMILAR_COST = math.log(1.5)
LEAST_SHARE = 0.2  # a node that used a smaller part of its rows or epochs counts as one that used so much
LEAST_BUILT_S = 1.0  # a node that built caches in less time found most of them


def whole_seconds(node: Node) -> float:
    """Return the seconds that a node would take if its time limit had not cut it.

    A part of the time, such as that of predictions, does not grow with the rows or epochs that were left out.
    """
    cut = node.result.cut if node.result is not None else None
    return node.seconds if cut is None else node.seconds / max(cut.share, LEAST_SHARE)


def slowest_similar(cost: float, known: list[tuple[float, float]]) -> float | None:
    """Return the expected seconds of a relative cost: those of the slowest node of the nearest cost, scaled.

    Faster nodes may have found caches that this one must build.

    Args:
        cost: The relative cost.
        known: Relative cost and seconds of nodes.
    """
    if not known:
        return None
    distances = [abs(math.log(other / cost)) for other, _ in known]
    near = min(distances) + SIMILAR_COST
    return max(
        seconds * cost / other
        for distance, (other, seconds) in zip(distances, known, strict=True)
        if distance <= near
    )


def draft_seconds(
    family: Family, slots: Slots, expected_s: float, built: Sequence[tuple[Slots, Node]]
) -> float:
    """Return the expected seconds of a draft without the work that earlier nodes left in the cache.

    Args:
        family: The family.
        slots: The settled slots of the draft.
        expected_s: The expected seconds if the draft finds nothing in the cache.
        built: The valid nodes of the family, with their settled slots.
    """
    work = _cached_work(family, slots)
    if work is None or not work.apart:
        return expected_s
    own_s = _cached_parts(family, work, built)
    needed = work.parts(slots)
    found = [own_s[part] for part in needed if part in own_s]
    return min(expected_s, sum(found) + expected_s * (1 - len(found) / len(needed)))


class ImprovementTimes:
    """Expected seconds of blueprints near a node, in the same structure."""

    def __init__(self, state: RunState, family: Family, parent: Node, slots: Slots, settle: Settle) -> None:
        """
        Args:
            state: The state of the run.
            family: The family of the blueprints.
            parent: The node to improve.
            slots: The settled slots of the parent.
            settle: Gives slots without effect their usual value.
        """
        self._family = family
        self._parent = parent
        self._slots = dict(slots)
        self._nodes = list(_nodes_of(state, family, settle))

    def seconds(self, slots: Slots) -> float:
        """Return the expected seconds of a blueprint, without work that an earlier node left in the cache."""
        work = _cached_work(self._family, slots)
        parent_s = whole_seconds(self._parent)
        if work is None or work != _cached_work(self._family, self._slots):
            return parent_s * self._cost(slots) / self._cost(self._slots)
        cut_factor = parent_s / self._parent.seconds if self._parent.seconds else 1.0
        own_s = cut_factor * self._parent.own_seconds
        own_s *= self._cost(slots, without=work) / self._cost(self._slots, without=work)
        if set(work.parts(slots)) <= set(_cached_parts(self._family, work, self._nodes)):
            return own_s
        built_s = slowest_similar(self._cost(slots, only=work), self._built(work))
        if built_s is None:  # all nodes found their caches, from earlier runs
            return parent_s * self._cost(slots) / self._cost(self._slots)
        return own_s + built_s

    def _built(self, work: CachedWork) -> list[tuple[float, float]]:
        """Return relative cost and seconds of the nodes that did the work."""
        structure = self._family.structure_of(self._slots)
        return [
            (
                self._cost(known, only=work),
                whole_seconds(node) * (1 - node.own_seconds / node.seconds),
            )
            for known, node in self._nodes
            if node.seconds - node.own_seconds >= LEAST_BUILT_S
            and _cached_work(self._family, known) == work
            and self._family.structure_of(known) == structure
        ]

    def _cost(
        self, slots: Slots, *, only: CachedWork | None = None, without: CachedWork | None = None
    ) -> float:
        """Return the relative cost of all slots, of those of some work, or of the others."""
        left_out = set(without.slots) if without else set()
        names = set(only.slots) if only else set(slots)
        return self._family.relative_cost({name: slots[name] for name in slots if name in names - left_out})


def _nodes_of(state: RunState, family: Family, settle: Settle) -> Iterator[tuple[Slots, Node]]:
    for node in state.valid:
        if node.blueprint is not None and node.blueprint.family == family.id:
            yield settle(node.blueprint.slots), node


def _cached_work(family: Family, slots: Slots) -> CachedWork | None:
    """Return the work that a blueprint does once for all nodes with equal values; None: none."""
    for work in family.cached:
        if all(slots[name] in values for name, values in work.when.slots.items()):
            return work
    return None


def _cached_parts(
    family: Family, work: CachedWork, nodes: Iterable[tuple[Slots, Node]]
) -> dict[tuple[Value, ...], float]:
    """Return the seconds that nodes took beside each result of the work that they left in the cache."""
    own_s: dict[tuple[Value, ...], float] = {}
    for slots, node in nodes:
        if not _is_cut(node) and _cached_work(family, slots) == work:
            parts = work.parts(slots)
            for part in parts:
                own_s[part] = max(own_s.get(part, 0.0), node.own_seconds / len(parts))
    return own_s


def _is_cut(node: Node) -> bool:
    return node.result is not None and node.result.cut is not None
