"""The search space: the available families, the user's constraints, novelty and time limits."""

from collections.abc import Iterator, Mapping
from typing import Literal

from agent.memory.lesson import OWN_CODE, Scope
from agent.planner.base import Request, TaskContext
from agent.planner.conditions import active_slots, is_met, serves, settled
from agent.planner.constraints import Constraints
from agent.planner.estimates import draft_seconds, slowest_similar, whole_seconds
from agent.planner.family_packages import lacks_needs
from agent.planner.library.arms import Arm, posterior
from agent.planner.pretrained_weights import lacks_weights
from agent.record.state import Node, RunState, variant_key
from agent.repository.family import Draft, Family, Move, Value
from agent.repository.idea import Blueprint, Change, changes_between

# Finishing moves (folds, test-time augmentation) start after this share of the time budget.
FINISH_FROM = 0.25
# Estimates across structures are rough, and candidates fit their training to their time limit.
DRAFT_SLACK = 5.0
# An estimate from a similar node may use at most this share of the limit.
SAFE_SHARE = 0.8


class SearchSpace:
    """The rules that the ideas of all planners follow."""

    def __init__(
        self, families: dict[str, Family], context: TaskContext, constraints: Constraints | None = None
    ) -> None:
        self.families = {name: family for name, family in families.items() if serves(family, context)}
        self.constraints = constraints or Constraints()
        self._context = context
        self._costs: dict[str, float] = {}
        magnitude = Scope.magnitude_of(context.n_train)
        self.scope_of = {
            name: Scope(task=context.task, family=name, magnitude=magnitude) for name in self.families
        }
        self._own_code = Scope(task=context.task, family=OWN_CODE, magnitude=magnitude)

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        return self._context.device

    @property
    def scopes(self) -> list[Scope]:
        """Scopes of the lessons that apply here: those of the families, and that of code without a family."""
        return [*self.scope_of.values(), self._own_code]

    def scope(self, state: RunState, family: Family, slots: Mapping[str, Value]) -> Scope:
        """Return the scope of lessons about a blueprint: from rules 3 on, that of its structure."""
        scope = self.scope_of[family.id]
        if state.run.rules < 3:
            return scope
        return scope.model_copy(update={"structure": family.structure_of(slots)})

    def error(self, state: RunState, score: float) -> float:
        """Return the distance of a score from the metric's best score."""
        best = self._context.best_score
        return state.direction.gain(float(state.higher_is_better) if best is None else best, score)

    def drafts(self) -> list[tuple[Family, Draft]]:
        """Return every draft that suits the data: first baselines, then by rank, then the cheapest first.

        Where the user pins the structure, such as the model, only its own drafts remain, if it has any.
        """
        suitable = [
            (family, draft)
            for family in self.families.values()
            for draft in family.drafts
            if is_met(draft.when, self._context)
            and not lacks_needs(family, draft.set, self._context)
            and not self._lacks_weights(family, {**family.defaults, **draft.set})
        ]
        pinned = [option for option in suitable if self._has_pinned_structure(*option)]
        return sorted(
            pinned or suitable,
            key=lambda option: (
                not option[1].first,
                option[1].rank,
                option[0].relative_cost(
                    settled(option[0], {**option[0].defaults, **option[1].set}, self._context)
                ),
            ),
        )

    def _has_pinned_structure(self, family: Family, draft: Draft) -> bool:
        slots = {**family.defaults, **draft.set}
        pinned = self.constraints.pinned_in(family)
        return all(slots[name] == pinned[name] for name in family.structure if name in pinned)

    def draft_slots(self, family: Family, draft: Draft) -> dict[str, Value]:
        """Return the slots of a draft with the pinned values."""
        return self.settle(family, self.constraints.draft_slots(family, draft))

    def settle(self, family: Family, slots: Mapping[str, Value]) -> dict[str, Value]:
        """Return the slots; those without effect get their default or pinned value."""
        return settled(family, slots, self._context, self.constraints.pinned)

    def is_active(self, family: Family, name: str, slots: Mapping[str, Value]) -> bool:
        """Return whether a slot has an effect in a blueprint."""
        return name in active_slots(family, slots, self._context)

    def moves(self, family: Family) -> list[Move]:
        """Return the moves that suit the data and the machine and that the user allows."""
        return [
            move
            for move in family.moves
            if self.constraints.allows_move(move) and is_met(move.when, self._context)
        ]

    def arms(self, request: Request, parent: Node, family: Family, blueprint: Blueprint) -> Iterator[Arm]:
        """Yield every applicable move that is new, in its stage, and fits the time limit."""
        scope = self.scope(request.state, family, blueprint.slots)
        early = request.state.elapsed_s < FINISH_FROM * request.state.run.budget_s
        for move in family.moves:
            slots = self.apply(family, move, blueprint.slots)
            if slots is None or (early and move.stage == "finish"):
                continue
            if not self.is_new_and_allowed(request.state, family, slots, parent):
                continue
            changes = self._active_changes(family, blueprint.slots, slots)
            evidence = request.state.lessons_about(change.slot for change in changes)
            gain, sd, time_factor, lessons = posterior(
                move, changes, evidence, scope, all_evidence=request.state.run.rules >= 3
            )
            if not self.improvement_fits(request, family, slots, parent.seconds * time_factor):
                continue
            tries = request.state.moves[move.id]
            yield Arm(move, slots, changes, gain, sd, time_factor, lessons, tries)

    def apply(self, family: Family, move: Move, slots: dict[str, Value]) -> dict[str, Value] | None:
        """Return the slots after the move; None if it is forbidden, does not apply or changes nothing."""
        if not self.constraints.allows_move(move) or not is_met(move.when, self._context, slots):
            return None
        before = self.settle(family, slots)
        changed = move.applied_to(before, family)
        after = None if changed is None else self.settle(family, changed)
        if after is None or after == before or lacks_needs(family, after, self._context):
            return None
        return None if self._lacks_weights(family, after) else after

    def bounds(self, family: Family, slots: Mapping[str, Value]) -> dict[str, tuple[float, float]]:
        """Return the bounds of the numbers that the search tries in a blueprint, by slot."""
        found = {}
        for name, slot in family.slots.items():
            suited = (one.range for one in slot.search_ranges if is_met(one.when, self._context, slots))
            if (bounds := next(suited, None)) is not None:
                found[name] = bounds
        return found

    def _lacks_weights(self, family: Family, slots: Mapping[str, Value]) -> bool:
        active = active_slots(family, slots, self._context)
        return lacks_weights(family, active, self._context.networks, self.constraints.pinned)

    def _stays_within_bounds(
        self, family: Family, slots: Mapping[str, Value], before: Mapping[str, Value]
    ) -> bool:
        """Return whether no changed number leaves the bounds of the search."""
        return all(
            slots[name] == before.get(name) or low <= slots[name] <= high  # type: ignore[operator]
            for name, (low, high) in self.bounds(family, slots).items()
        )

    def _active_changes(
        self, family: Family, old: dict[str, Value], new: dict[str, Value]
    ) -> tuple[Change, ...]:
        """Return the changed slots that have an effect after the change."""
        active = active_slots(family, new, self._context)
        return tuple(change for change in changes_between(old, new) if change.slot in active)

    def is_new_and_allowed(
        self, state: RunState, family: Family, slots: dict[str, Value], parent: Node | None
    ) -> bool:
        """Return whether a blueprint is new below the parent (None: as a draft) and allowed by the user."""
        is_new = variant_key(Blueprint(family=family.id, slots=slots), parent) not in state.variants
        if not is_new or not self.allows(family, slots):
            return False
        above = parent.blueprint if parent is not None else None
        return above is None or self._stays_within_bounds(family, slots, self.settle(family, above.slots))

    def allows(self, family: Family, slots: Mapping[str, Value]) -> bool:
        """Return whether the user allows a blueprint; values of slots without effect are not tested."""
        return self.constraints.allows(active_slots(family, slots, self._context))

    def improvement_fits(
        self, request: Request, family: Family, slots: dict[str, Value], expected_s: float
    ) -> bool:
        """Return whether an improvement ends in time, even if it must build caches that its parent found."""
        if expected_s > SAFE_SHARE * request.limit_s:
            return False
        if not _is_short(request):
            return True  # a full limit, as the other nodes had; candidates fit their training to the limit
        return (self.draft_seconds(request.state, family, slots) or 0.0) <= request.limit_s

    def draft_seconds(self, state: RunState, family: Family, slots: dict[str, Value]) -> float | None:
        """Estimate a draft's run time in seconds; None before the family has a valid node.

        The estimate scales the slowest of the nodes of the nearest relative cost. Faster nodes may have found
        caches that this draft must build; what its family caches part by part, it may find there.
        """
        seconds_of = whole_seconds if state.run.rules >= 3 else _seconds
        known = [
            (self._cost(family, blueprint), seconds_of(node))
            for node in state.valid
            if (blueprint := node.blueprint) is not None and blueprint.family == family.id
        ]
        expected_s = slowest_similar(family.relative_cost(slots), known)
        if expected_s is None:
            return None
        built = [
            (self.settle(family, node.blueprint.slots), node)
            for node in state.valid
            if node.blueprint is not None and node.blueprint.family == family.id
        ]
        return draft_seconds(family, self.settle(family, slots), expected_s, built)

    def _cost(self, family: Family, blueprint: Blueprint) -> float:
        """Return a blueprint's relative cost, cached by its key."""
        if blueprint.key not in self._costs:
            self._costs[blueprint.key] = family.relative_cost(blueprint.slots)
        return self._costs[blueprint.key]


def draft_fits(expected_s: float | None, request: Request) -> bool:
    """Return whether a draft may be tried; with less than a full node limit left, the bound is strict."""
    if expected_s is None:
        return True
    return expected_s <= (SAFE_SHARE if _is_short(request) else DRAFT_SLACK) * request.limit_s


def inherited_cites(parent: Node, slots: dict[str, Value]) -> dict[str, tuple[str, ...]]:
    """Return the parent's citations for the slot values that the child keeps."""
    old = parent.blueprint.slots if parent.blueprint else {}
    return {slot: lessons for slot, lessons in parent.idea.cites.items() if slots.get(slot) == old.get(slot)}


def _seconds(node: Node) -> float:
    return node.seconds


def _is_short(request: Request) -> bool:
    """Return whether less than a full node limit is left; from rules 3 on, whether the run ends soon."""
    if request.state.run.rules >= 3:
        return request.finishing
    return request.limit_s < request.state.run.node_limit_s
