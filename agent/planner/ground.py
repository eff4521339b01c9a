"""What may be proposed: the families at hand, what the user wants, what is new and what fits the time."""

import math
from collections.abc import Iterator
from typing import Literal

from agent.memory.lesson import OWN_CODE, Scope
from agent.planner.arms import Arm, believe
from agent.planner.base import Circumstances, Request
from agent.planner.conditions import holds, serves
from agent.planner.wishes import Wishes
from agent.record.state import Node, RunState, variant
from agent.repository.family import Draft, Family, Move, Value
from agent.repository.idea import Blueprint, changes_between

# Finishing moves (folds, test-time augmentation) wait until this share of the time is used.
FINISH_FROM = 0.25
# Estimates across structures are rough, and candidates fit their training to the time they are told.
DRAFT_SLACK = 5.0
# Logarithm of the ratio of costs within which two nodes tell equally much of a third.
LIKE_COST = math.log(1.5)
# What is estimated from a like node should take no more than this part of the limit.
SURE_SHARE = 0.8


class Ground:
    """The rules that every planner's ideas keep to, whoever thought of them."""

    def __init__(
        self, families: dict[str, Family], circumstances: Circumstances, wishes: Wishes | None = None
    ) -> None:
        self.families = {name: family for name, family in families.items() if serves(family, circumstances)}
        self.wishes = wishes or Wishes()
        self._at = circumstances
        self._costs: dict[str, float] = {}
        magnitude = Scope.magnitude_of(circumstances.n_train)
        self.scope_of = {
            name: Scope(task=circumstances.task, family=name, magnitude=magnitude) for name in self.families
        }
        self._own_code = Scope(task=circumstances.task, family=OWN_CODE, magnitude=magnitude)

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        return self._at.device

    @property
    def scopes(self) -> list[Scope]:
        """What lessons should be about to be of use here: the families at hand, and code without one."""
        return [*self.scope_of.values(), self._own_code]

    def drafts(self) -> list[tuple[Family, Draft]]:
        """Every starting point that suits the data, the lightest first."""
        return sorted(
            (
                (family, draft)
                for family in self.families.values()
                for draft in family.drafts
                if holds(draft.when, self._at)
            ),
            key=lambda option: option[0].relative_cost({**option[0].defaults, **option[1].set}),
        )

    def moves(self, family: Family) -> list[Move]:
        """What may ever make sense on these data and machine, as far as the user allows it."""
        return [move for move in family.moves if self.wishes.allow_move(move) and holds(move.when, self._at)]

    def arms(self, request: Request, parent: Node, family: Family, blueprint: Blueprint) -> Iterator[Arm]:
        """Every move that is new, applicable, timely and fits the time."""
        scope = self.scope_of[family.id]
        early = request.state.elapsed_s < FINISH_FROM * request.state.run.budget_s
        for move in family.moves:
            slots = self.apply(family, move, blueprint.slots)
            if slots is None or (early and move.stage == "finish"):
                continue
            if not self.may_be(request.state, family, slots, parent):
                continue
            changes = changes_between(blueprint.slots, slots)
            told = request.state.lessons_about(change.slot for change in changes)
            gain, sd, time_factor, lessons = believe(move, changes, told, scope)
            if not self.surely_fits(request, family, slots, parent.seconds * time_factor):
                continue
            tries = request.state.moves[move.id]
            yield Arm(move, slots, changes, gain, sd, time_factor, lessons, tries)

    def apply(self, family: Family, move: Move, slots: dict[str, Value]) -> dict[str, Value] | None:
        """The slots after the move; None where it is forbidden, makes no sense or changes nothing."""
        if not self.wishes.allow_move(move) or not holds(move.when, self._at, slots):
            return None
        return move.applied_to(slots, family)

    def may_be(self, state: RunState, family: Family, slots: dict[str, Value], parent: Node | None) -> bool:
        """Whether a blueprint is new below the parent (None: as a draft) and as the user wants it."""
        is_new = variant(Blueprint(family=family.id, slots=slots), parent) not in state.variants
        return is_new and self.wishes.allow(slots)

    def surely_fits(
        self, request: Request, family: Family, slots: dict[str, Value], expected_s: float
    ) -> bool:
        """Whether an improvement ends in time, even if it has to build the caches that its parent found."""
        if expected_s > SURE_SHARE * request.limit_s:
            return False
        if not _is_short(request):
            return True  # so much time as its fellows had; candidates train as long as they may
        return (self.draft_seconds(request.state, family, slots) or 0.0) <= request.limit_s

    def draft_seconds(self, state: RunState, family: Family, slots: dict[str, Value]) -> float | None:
        """Seconds by relative cost, scaled from the slowest node of the nearest cost; None before any.

        The faster ones may have found caches that this draft has to build.
        """
        cost = family.relative_cost(slots)
        known = [
            (self._cost(family, blueprint), node.seconds)
            for node in state.valid
            if (blueprint := node.blueprint) is not None and blueprint.family == family.id
        ]
        if not known:
            return None
        distances = [abs(math.log(other / cost)) for other, _ in known]
        near = min(distances) + LIKE_COST
        return max(
            seconds * cost / other
            for distance, (other, seconds) in zip(distances, known, strict=True)
            if distance <= near
        )

    def _cost(self, family: Family, blueprint: Blueprint) -> float:
        """A blueprint's relative cost, computed once."""
        if blueprint.key not in self._costs:
            self._costs[blueprint.key] = family.relative_cost(blueprint.slots)
        return self._costs[blueprint.key]


def fits_roughly(expected_s: float | None, request: Request) -> bool:
    """Whether a draft may be tried; with less than a node's usual time left nothing rough will do."""
    if expected_s is None:
        return True
    return expected_s <= (SURE_SHARE if _is_short(request) else DRAFT_SLACK) * request.limit_s


def inherited_cites(parent: Node, slots: dict[str, Value]) -> dict[str, tuple[str, ...]]:
    """The parent's citations for the values that the child keeps."""
    old = parent.blueprint.slots if parent.blueprint else {}
    return {slot: lessons for slot, lessons in parent.idea.cites.items() if slots.get(slot) == old.get(slot)}


def _is_short(request: Request) -> bool:
    """Whether less than a node's usual time is left."""
    return request.limit_s < request.state.run.node_limit_s
