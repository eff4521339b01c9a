"""The embedded planner: needs no model, no key, no network.

It treats a family's moves as arms whose gain and cost it knows from priors and from the evidence in memory.
"""

import math
from collections.abc import Iterator

from agent.memory.lesson import Scope
from agent.planner.arms import Arm, believe
from agent.planner.base import Circumstances, Proposal, Request
from agent.planner.conditions import holds, serves
from agent.planner.wishes import Wishes
from agent.planner.words import draft_idea, improved_idea
from agent.record.state import Node, RunState
from agent.repository.family import Draft, Family, Move, Value
from agent.repository.idea import Blueprint, changes_between

# Two things are changed at once this often; more would leave a lesson without a cause.
PAIR_SHARE = 0.25
# Finishing moves (folds, test-time augmentation) wait until this share of the time is used.
FINISH_FROM = 0.25
REDRAFT_ATTEMPTS = 20
# Estimates across structures are rough, and candidates fit their training to the time they are told.
DRAFT_SLACK = 5.0
# Logarithm of the ratio of costs within which two nodes tell equally much of a third.
LIKE_COST = math.log(1.5)
# What is estimated from a like node should take no more than this part of the limit.
SURE_SHARE = 0.8


class LibraryPlanner:
    """Thompson sampling over the moves of the families that serve a competition."""

    def __init__(
        self, families: dict[str, Family], circumstances: Circumstances, wishes: Wishes | None = None
    ) -> None:
        self._families = {name: family for name, family in families.items() if serves(family, circumstances)}
        self._at = circumstances
        self._wishes = wishes or Wishes()
        self._costs: dict[str, float] = {}
        magnitude = Scope.magnitude_of(circumstances.n_train)
        self._scope_of = {
            name: Scope(task=circumstances.task, family=name, magnitude=magnitude) for name in self._families
        }

    @property
    def families(self) -> dict[str, Family]:
        """The families that serve the competition."""
        return self._families

    @property
    def scopes(self) -> list[Scope]:
        """What lessons should be about to be of use here."""
        return list(self._scope_of.values())

    def propose(self, request: Request) -> Proposal | None:
        return self._draft(request) if request.parent is None else self._improve(request, request.parent)

    def _draft(self, request: Request) -> Proposal | None:
        options = sorted(
            (
                (family, draft)
                for family in self._families.values()
                for draft in family.drafts
                if holds(draft.when, self._at)
            ),
            key=lambda option: option[0].relative_cost({**option[0].defaults, **option[1].set}),
        )
        for family, draft in options:
            if _drafted(request.state, family, draft):
                continue
            slots, cites = self._with_proven(family, draft, request.state)
            expected = self._draft_seconds(request.state, family, slots)
            if _fits_roughly(expected, request) and self._may_be(request.state, family, slots):
                return Proposal(draft_idea(family, draft, slots, (), cites), expected)
        return self._redraft(request, options)

    def _redraft(self, request: Request, options: list[tuple[Family, Draft]]) -> Proposal | None:
        """All drafts are used: one of them again, with what was proven and a few moves at random."""
        started = [self._with_proven(family, draft, request.state) for family, draft in options]
        for attempt in range(REDRAFT_ATTEMPTS if options else 0):
            number = int(request.rng.integers(len(options)))
            (family, draft), (slots, cites) = options[number], started[number]
            moves: list[Move] = []
            for move in request.rng.permutation(len(family.moves)):
                candidate = family.moves[int(move)]
                changed = self._apply(family, candidate, slots)
                if changed is not None and len(moves) < 2 + attempt // 5:
                    slots, moves = changed, [*moves, candidate]
            if not self._may_be(request.state, family, slots):
                continue
            expected = self._draft_seconds(request.state, family, slots)
            if _fits_roughly(expected, request):
                return Proposal(draft_idea(family, draft, slots, moves, cites), expected)
        return None

    def _improve(self, request: Request, parent: Node) -> Proposal | None:
        blueprint = parent.blueprint
        if blueprint is None or blueprint.family not in self._families:
            return None
        family = self._families[blueprint.family]
        arms = list(self._arms(request, parent, family, blueprint))
        if not arms:
            return None
        worth = [arm.sample(request.rng, per_cost=not request.finishing) for arm in arms]
        ranked = [arms[index] for index in sorted(range(len(arms)), key=lambda index: -worth[index])]
        chosen = self._perhaps_two(request, parent, family, blueprint, ranked)
        slots = dict(blueprint.slots)
        for arm in chosen:
            slots.update({change.slot: change.new for change in arm.changes})
        cites = _inherited(parent, slots)
        for arm in chosen:
            if arm.lessons:
                cites |= {change.slot: arm.lessons for change in arm.changes}
        first = ([parent, *request.state.ancestors(parent)])[-1]
        idea = improved_idea(family, first, parent, slots, [arm.move for arm in chosen], cites)
        expected = parent.seconds
        for arm in chosen:
            expected *= arm.time_factor
        return Proposal(idea, expected)

    def _perhaps_two(
        self, request: Request, parent: Node, family: Family, blueprint: Blueprint, ranked: list[Arm]
    ) -> list[Arm]:
        first = ranked[0]
        if float(request.rng.random()) >= PAIR_SHARE:
            return [first]
        for second in ranked[1:]:
            together = first.time_factor * second.time_factor * parent.seconds
            both = self._apply(family, second.move, first.slots)
            if (
                both is not None
                and second.gain > 0
                and not {c.slot for c in first.changes} & {c.slot for c in second.changes}
                and self._surely_fits(request, family, both, together)
                and self._may_be(request.state, family, both)
            ):
                return [first, second]
        return [first]

    def _arms(self, request: Request, parent: Node, family: Family, blueprint: Blueprint) -> Iterator[Arm]:
        """Every move that is new, applicable, timely and fits the time."""
        scope = self._scope_of[family.id]
        early = request.state.elapsed_s < FINISH_FROM * request.state.run.budget_s
        for move in family.moves:
            slots = self._apply(family, move, blueprint.slots)
            if slots is None or (early and move.stage == "finish"):
                continue
            if not self._may_be(request.state, family, slots):
                continue
            changes = changes_between(blueprint.slots, slots)
            told = request.state.lessons_about(change.slot for change in changes)
            gain, sd, time_factor, lessons = believe(move, changes, told, scope)
            if not self._surely_fits(request, family, slots, parent.seconds * time_factor):
                continue
            tries = request.state.moves[move.id]
            yield Arm(move, slots, changes, gain, sd, time_factor, lessons, tries)

    def _apply(self, family: Family, move: Move, slots: dict[str, Value]) -> dict[str, Value] | None:
        if not self._wishes.allow_move(move) or not holds(move.when, self._at, slots):
            return None
        return move.applied_to(slots, family)

    def _may_be(self, state: RunState, family: Family, slots: dict[str, Value]) -> bool:
        """Whether a blueprint is new and as the user wants it."""
        is_new = Blueprint(family=family.id, slots=slots).key not in state.blueprints
        return is_new and self._wishes.allow(slots)

    def _with_proven(
        self, family: Family, draft: Draft, state: RunState
    ) -> tuple[dict[str, Value], dict[str, tuple[str, ...]]]:
        """The draft's slots with what lessons proved, where the draft itself says nothing of a slot."""
        slots = self._wishes.start(family, draft)
        cites: dict[str, tuple[str, ...]] = {}
        scope = self._scope_of[family.id]
        for lesson in sorted(state.proven, key=lambda lesson: lesson.confidence):
            (change,) = lesson.changes
            if lesson.scope != scope or change.slot not in family.slots or change.slot in draft.set:
                continue
            wanted = self._wishes.allow({**slots, change.slot: change.new})
            if slots[change.slot] == change.old and family.slots[change.slot].accepts(change.new) and wanted:
                slots[change.slot] = change.new
                cites[change.slot] = (lesson.id,)
        return slots, cites

    def _surely_fits(
        self, request: Request, family: Family, slots: dict[str, Value], expected_s: float
    ) -> bool:
        """Whether an improvement ends in time, even if it has to build the caches that its parent found."""
        if expected_s > SURE_SHARE * request.limit_s:
            return False
        if not _is_short(request):
            return True  # so much time as its fellows had; candidates train as long as they may
        return (self._draft_seconds(request.state, family, slots) or 0.0) <= request.limit_s

    def _draft_seconds(self, state: RunState, family: Family, slots: dict[str, Value]) -> float | None:
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


def _fits_roughly(expected_s: float | None, request: Request) -> bool:
    """Whether a draft may be tried; with less than a node's usual time left nothing rough will do."""
    if expected_s is None:
        return True
    return expected_s <= (SURE_SHARE if _is_short(request) else DRAFT_SLACK) * request.limit_s


def _is_short(request: Request) -> bool:
    """Whether less than a node's usual time is left."""
    return request.limit_s < request.state.run.node_limit_s


def _drafted(state: RunState, family: Family, draft: Draft) -> bool:
    """Whether a draft of this kind exists already (whatever lessons it was started with)."""
    return any(
        node.idea.blueprint is not None
        and node.idea.blueprint.family == family.id
        and node.idea.title == draft.title
        for node in state.roots
    )


def _inherited(parent: Node, slots: dict[str, Value]) -> dict[str, tuple[str, ...]]:
    """The parent's citations for the values that the child keeps."""
    assert parent.blueprint is not None
    old = parent.blueprint.slots
    return {slot: lessons for slot, lessons in parent.idea.cites.items() if slots.get(slot) == old.get(slot)}
