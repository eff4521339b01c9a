"""What is known about the values of one structure: nodes of this and of an earlier run, lessons, moves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from agent.memory.lesson import Lesson, Scope
from agent.planner.library.arms import distance_factor
from agent.planner.library.axes import Axis, Space
from agent.planner.library.sampler import Comparison, Sampler, Trial
from agent.planner.search_space import FINISH_FROM, SearchSpace
from agent.record.state import Node, RunState
from agent.repository.family import Draft, Family, Move, Value
from agent.repository.idea import Change

# Standard deviation of a lesson's effect between competitions; on the same one it is measurement error only.
BETWEEN_COMPETITIONS = 0.02
LEAST_PRIOR_SD = 0.005  # of a move's gain
EQUAL_SD = 1e-4  # of the difference between nodes with equal outputs
MOST_LESSONS = 40  # about one structure
MOST_UNNAMED = 4  # values of a slot, up to which values that no move names may be drawn
CLEAR = 0.8  # least confidence of a lesson that an idea cites


@dataclass(frozen=True)
class StructureEvidence:
    """The evidence about the structure of a node."""

    search_space: SearchSpace
    state: RunState
    family: Family
    parent: Node
    slots: dict[str, Value]

    @property
    def structure(self) -> str:
        return self.family.structure_of(self.slots)

    @property
    def scope(self) -> Scope:
        return self.search_space.scope(self.state, self.family, self.slots)

    @cached_property
    def space(self) -> Space:
        """The slots that may change: neither those of the structure nor pinned ones."""
        fixed = {*self.family.structure, *self.search_space.constraints.pinned}
        if self.state.elapsed_s < FINISH_FROM * self.state.run.budget_s:
            fixed |= finishing_slots(self.family)
        bounds = self.search_space.bounds(self.family, self.slots)
        return Space.of(self.family, fixed, choices(self.search_space, self.family, self.slots), bounds)

    def sampler(self) -> Sampler:
        """Return the sampler of values for the structure."""
        usual = self.usual()
        comparisons = [*self._moves(usual), *self._lessons(), *self._duplicates()]
        trials = [*self._earlier(), *self._trials()]
        return Sampler(self.space, usual, trials, comparisons, partial(self.search_space.settle, self.family))

    def usual(self) -> dict[str, Value]:
        """Return the values that the family holds good: those of the structure's first draft."""
        drafts = self.drafts()
        if drafts:
            return self.search_space.draft_slots(self.family, drafts[0])
        kept = {name: self.slots[name] for name in self.family.structure}
        return self.search_space.settle(self.family, {**self.family.defaults, **kept})

    def drafts(self) -> list[Draft]:
        """Return the family's drafts of this structure, in its order."""
        return [
            draft
            for draft in self.family.drafts
            if self.family.structure_of({**self.family.defaults, **draft.set}) == self.structure
        ]

    def known_variants(self) -> list[dict[str, Value]]:
        """Return the slots after each draft and each move of the structure, as candidates."""
        drafted = [self.search_space.draft_slots(self.family, draft) for draft in self.drafts()]
        moved = (self.search_space.apply(self.family, move, self.slots) for move in self.family.moves)
        return [slots for slots in (*drafted, *moved) if slots is not None and self._is_within(slots)]

    def citable(self, changes: tuple[Change, ...]) -> dict[str, tuple[str, ...]]:
        """Return the lessons that speak clearly for changes of single slots, by slot."""
        found: dict[str, tuple[str, ...]] = {}
        for change in changes:
            axis = next((axis for axis in self.space.axes if axis.name == change.slot), None)
            if axis is None:
                continue
            support = [lesson for lesson in self._related() if _supports(lesson, change, axis)]
            support.sort(key=lambda lesson: (-lesson.confidence, lesson.id))
            if support:
                found[change.slot] = tuple(lesson.id for lesson in support[:2])
        return found

    def _is_within(self, slots: dict[str, Value]) -> bool:
        return self.family.structure_of(slots) == self.structure

    def _trials(self) -> Iterator[Trial]:
        """Yield the nodes of this run with the same structure and the same edits below the slots."""
        for node in self.state.nodes.values():
            blueprint = node.blueprint
            if (
                blueprint is None
                or blueprint.family != self.family.id
                or not self._is_within(blueprint.slots)
            ):
                continue
            if node.last_edited != self.parent.last_edited or node.operator == "ensemble":
                continue
            slots = self.search_space.settle(self.family, blueprint.slots)
            score, result = self.state.score(node), node.result
            if result is not None and result.cut is not None:
                continue  # evidence about time, not about values
            if score is not None and node.is_valid:
                yield Trial(slots, self.search_space.error(self.state, score))
            elif node.result is None:  # taken for as good as its parent, so that workers spread out
                above = self.state.score(self.state.nodes[node.parent]) if node.parent is not None else None
                if above is not None:
                    yield Trial(slots, self.search_space.error(self.state, above))
            elif (estimate := self.state.estimate(node)) is not None:
                yield Trial(slots, self.search_space.error(self.state, estimate))
            elif node.status == "failed" and not _is_out_of_time(node):
                yield Trial(slots, None)

    def _duplicates(self) -> Iterator[Comparison]:
        """Yield the changes that left all outputs as they were: slots without effect show themselves."""
        for node in self.state.valid:
            same = node.result.duplicate_of if node.result is not None else None
            mine, theirs = (self._slots_of(one) for one in (node.id, same))
            if mine is not None and theirs is not None and mine != theirs:
                yield Comparison(theirs, mine, 0.0, EQUAL_SD, is_here=True)

    def _slots_of(self, number: int | None) -> dict[str, Value] | None:
        """Return the slots of a node of this structure; None for another node."""
        blueprint = self.state.nodes[number].blueprint if number is not None else None
        if blueprint is None or blueprint.family != self.family.id or not self._is_within(blueprint.slots):
            return None
        return self.search_space.settle(self.family, blueprint.slots)

    def _earlier(self) -> Iterator[Trial]:
        """Yield nodes of an earlier run on the same data."""
        warm = self.state.run.warm_start
        if warm is None or self.parent.last_edited is not None:
            return
        for node in warm.known:
            if node.blueprint.family == self.family.id:
                slots = {**self.family.defaults, **node.blueprint.slots}
                if self._is_within(slots):
                    settled = self.search_space.settle(self.family, slots)
                    yield Trial(settled, self.search_space.error(self.state, node.metric))

    def _moves(self, usual: dict[str, Value]) -> Iterator[Comparison]:
        for move in self.search_space.moves(self.family):
            after = self.search_space.apply(self.family, move, usual)
            if after is not None and self._is_within(after):
                yield Comparison(usual, after, move.gain.mean, max(move.gain.sd, LEAST_PRIOR_SD))

    def _lessons(self) -> Iterator[Comparison]:
        """Yield the lessons of other runs; this run's own are in its nodes' scores."""
        offered = self.state.offered
        related = [lesson for lesson in self._related() if lesson.id in offered]
        related.sort(key=lambda lesson: (-lesson.confidence, lesson.id))
        for lesson in related[:MOST_LESSONS]:
            known = offered[lesson.id]  # without what this run added to it
            factor = distance_factor(known.scope, self.scope) or 1.0
            is_here = any(item.competition == self.state.run.competition for item in known.evidence)
            between = 0.0 if is_here else BETWEEN_COMPETITIONS**2
            variance = factor * max(known.standard_error, 1e-3) ** 2 + between
            before = {**self.slots, **{change.slot: change.old for change in known.changes}}
            after = {**self.slots, **{change.slot: change.new for change in known.changes}}
            yield Comparison(before, after, known.effect, variance**0.5)

    def _related(self) -> list[Lesson]:
        """Return the lessons about changes of this structure's slots."""
        slots = {axis.name for axis in self.space.axes}
        return [
            lesson
            for lesson in self.state.lessons
            if lesson.kind == "solution"
            and lesson.changes
            and lesson.evidence
            and {change.slot for change in lesson.changes} <= slots
            and distance_factor(lesson.scope, self.scope) is not None
        ]


def finishing_slots(family: Family) -> set[str]:
    """Return the slots that only finishing moves change, such as the number of seeds."""
    changed: dict[str, set[str]] = {}
    for move in family.moves:
        for name in (*move.set, *move.raise_, *move.lower):
            changed.setdefault(name, set()).add(move.stage)
    return {name for name, stages in changed.items() if stages == {"finish"}}


def choices(search_space: SearchSpace, family: Family, slots: dict[str, Value]) -> dict[str, Sequence[Value]]:
    """Return the choices that may be drawn, by slot: those that suit the data, as drafts and moves say.

    A value that moves name belongs to them: it may be drawn if one of them suits the data and the structure.
    Ladders of choices are climbed from rung to rung. Values of short lists that nothing names may be drawn
    too.
    """
    owners: list[Draft | Move] = [*family.drafts, *family.moves]
    allowed: list[Draft | Move] = [draft for one, draft in search_space.drafts() if one.id == family.id]
    moves = [move for move in search_space.moves(family) if _suits_structure(family, move, slots)]
    allowed += moves
    reached = [search_space.apply(family, move, slots) for move in moves]
    found: dict[str, Sequence[Value]] = {}
    for name, slot in family.slots.items():
        named = {owner.set[name] for owner in owners if name in owner.set}
        kept = {slots[name], slot.default, *(owner.set[name] for owner in allowed if name in owner.set)}
        kept |= {after[name] for after in reached if after is not None}
        is_ladder = any(name in (*move.raise_, *move.lower) for move in family.moves)
        if not is_ladder and len(slot.values) <= MOST_UNNAMED:
            kept |= {value for value in slot.values if value not in named}
        found[name] = [value for value in slot.values if value in kept]
    return found


def _suits_structure(family: Family, move: Move, slots: Mapping[str, Value]) -> bool:
    """Return whether a move applies to some blueprint of the structure."""
    return all(slots[name] in values for name, values in move.when.slots.items() if name in family.structure)


def _is_out_of_time(node: Node) -> bool:
    failure = node.result.failure if node.result else None
    return failure is not None and failure.out_of_time


def _supports(lesson: Lesson, change: Change, axis: Axis) -> bool:
    """Return whether a lesson about one slot speaks clearly for a change of the slot.

    A lesson about numbers speaks for a step in the same direction, to a value within a rung of its own.
    """
    if len(lesson.changes) != 1 or lesson.changes[0].slot != change.slot or lesson.confidence < CLEAR:
        return False
    old, new = lesson.changes[0].old, lesson.changes[0].new
    if lesson.effect < 0:
        old, new = new, old
    if not axis.is_ordered:
        return bool(new == change.new)
    step, learned = (axis.position(b) - axis.position(a) for a, b in ((change.old, change.new), (old, new)))
    return step * learned > 0 and abs(axis.position(new) - axis.position(change.new)) <= 1.0
