"""The embedded planner, which needs no language model, no key and no network.

It drafts one solution of each structure, and improves values within structures (`values.py`). By former
rules, a family's moves were the arms of a bandit; recorded runs still follow them.
"""

from agent.memory.lesson import Scope
from agent.planner.base import Proposal, Request, TaskContext
from agent.planner.constraints import Constraints
from agent.planner.fitting import FittedIdea, fit_draft
from agent.planner.library.arms import Arm
from agent.planner.library.idea_text import draft_idea, improved_idea
from agent.planner.library.looks import drafts_to_look_at, is_drafted, proven_values
from agent.planner.library.values import propose_values
from agent.planner.search_space import SearchSpace, draft_fits, inherited_cites
from agent.record.state import Node
from agent.repository.family import Draft, Family, Move
from agent.repository.idea import Blueprint

# Share of improvements that combine two moves. With more moves, a lesson could not name the cause.
PAIR_SHARE = 0.25
REDRAFT_ATTEMPTS = 20


class LibraryPlanner:
    """Proposes drafts and values of the families that serve a competition."""

    def __init__(
        self, families: dict[str, Family], context: TaskContext, constraints: Constraints | None = None
    ) -> None:
        self.search_space = SearchSpace(families, context, constraints)

    @property
    def families(self) -> dict[str, Family]:
        """The families that serve the competition."""
        return self.search_space.families

    @property
    def scopes(self) -> list[Scope]:
        """Scopes of the lessons that apply here."""
        return self.search_space.scopes

    def propose(self, request: Request) -> Proposal | None:
        if request.state.run.rules >= 3:
            if request.parent is None:
                return self._look(request)
            return propose_values(self.search_space, request, request.parent)
        return self._draft(request) if request.parent is None else self._improve(request, request.parent)

    def _look(self, request: Request) -> Proposal | None:
        """Return the next draft; once all are used, a varied one while no node is valid."""
        for family, draft in drafts_to_look_at(self.search_space, request):
            if (proposal := self._of_draft(request, family, draft)) is not None:
                return proposal
        is_stuck = not request.looking and not request.state.valid and not request.state.running
        return self._redraft(request, self.search_space.drafts()) if is_stuck else None

    def _of_draft(self, request: Request, family: Family, draft: Draft) -> Proposal | None:
        slots, cites = proven_values(self.search_space, family, draft, request.state)
        if request.state.run.rules < 3:
            expected = self.search_space.draft_seconds(request.state, family, slots)
            fitted = FittedIdea(slots, expected) if draft_fits(expected, request) else None
        else:
            fitted = fit_draft(self.search_space, request, family, slots)
        if fitted is None or not self.search_space.is_new_and_allowed(
            request.state, family, fitted.slots, None
        ):
            return None
        return Proposal(draft_idea(family, draft, fitted.slots, (), cites), fitted.expected_s, fitted.note)

    # -- rules 1 and 2: a bandit over moves ------------------------------------------------------------

    def _draft(self, request: Request) -> Proposal | None:
        options = self.search_space.drafts()
        for family, draft in options:
            if is_drafted(request.state, family, draft):
                continue
            if (proposal := self._of_draft(request, family, draft)) is not None:
                return proposal
        return self._redraft(request, options)

    def _redraft(self, request: Request, options: list[tuple[Family, Draft]]) -> Proposal | None:
        """Return a used draft with proven slot values and a few random moves, once all drafts are used."""
        started = [proven_values(self.search_space, *option, request.state) for option in options]
        for attempt in range(REDRAFT_ATTEMPTS if options else 0):
            number = int(request.rng.integers(len(options)))
            (family, draft), (slots, cites) = options[number], started[number]
            moves: list[Move] = []
            for move in request.rng.permutation(len(family.moves)):
                candidate = family.moves[int(move)]
                changed = self.search_space.apply(family, candidate, slots)
                if changed is not None and len(moves) < 2 + attempt // 5:
                    slots, moves = changed, [*moves, candidate]
            if not self.search_space.is_new_and_allowed(request.state, family, slots, None):
                continue
            expected = self.search_space.draft_seconds(request.state, family, slots)
            if draft_fits(expected, request):
                return Proposal(draft_idea(family, draft, slots, moves, cites), expected)
        return None

    def _improve(self, request: Request, parent: Node) -> Proposal | None:
        blueprint = parent.blueprint
        if blueprint is None or blueprint.family not in self.families:
            return None
        family = self.families[blueprint.family]
        arms = list(self.search_space.arms(request, parent, family, blueprint))
        if not arms:
            return None
        worth = [arm.sample(request.rng, per_cost=not request.finishing) for arm in arms]
        ranked = [arms[index] for index in sorted(range(len(arms)), key=lambda index: -worth[index])]
        chosen = self._one_or_two(request, parent, family, blueprint, ranked)
        slots = dict(blueprint.slots)
        for arm in chosen:
            slots.update({change.slot: change.new for change in arm.changes})
        slots = self.search_space.settle(family, slots)
        cites = inherited_cites(parent, slots)
        for arm in chosen:
            if arm.lessons:
                cites |= {change.slot: arm.lessons for change in arm.changes}
        first = ([parent, *request.state.ancestors(parent)])[-1]
        idea = improved_idea(family, first, parent, slots, [arm.move for arm in chosen], cites)
        expected = parent.seconds
        for arm in chosen:
            expected *= arm.time_factor
        return Proposal(idea, expected)

    def _one_or_two(
        self, request: Request, parent: Node, family: Family, blueprint: Blueprint, ranked: list[Arm]
    ) -> list[Arm]:
        first = ranked[0]
        if float(request.rng.random()) >= PAIR_SHARE:
            return [first]
        for second in ranked[1:]:
            together = first.time_factor * second.time_factor * parent.seconds
            both = self.search_space.apply(family, second.move, first.slots)
            if (
                both is not None
                and second.gain > 0
                and not {c.slot for c in first.changes} & {c.slot for c in second.changes}
                and self.search_space.improvement_fits(request, family, both, together)
                and self.search_space.is_new_and_allowed(request.state, family, both, parent)
            ):
                return [first, second]
        return [first]
