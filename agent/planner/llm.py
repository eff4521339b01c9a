"""The planner that asks a language model; what the model may choose, and what becomes of it, is checked here.

The family's slots are its vocabulary (DESIGN.md, Planners), so that even a very small model yields a running
repository. Where it gives no usable answer, the library planner proposes instead: no provider is needed.
"""

from agent.llm.errors import LeftAlone, LlmUnavailable, LlmUnusable
from agent.llm.query import Query, Thinker
from agent.memory.lesson import Lesson
from agent.memory.recall import recall, solution_lessons
from agent.planner.base import Planner, Proposal, Request
from agent.planner.briefing import Briefing
from agent.planner.design import design_form
from agent.planner.editing import ReadCode, edit_form, outline, own_modules
from agent.planner.offer import draft_form, improve_form
from agent.record.state import Node
from agent.repository import own_code

# Long enough for models that reason before they answer.
ANSWER_TOKENS = 4000
DESIGN_TOKENS = 6000
EDIT_TOKENS = 8000
SEED_STEP = 1000


class LlmPlanner:
    """Design of MARS by the slots of a family; the library planner stands in."""

    def __init__(self, library: Planner, briefing: Briefing, thinker: Thinker, read_code: ReadCode) -> None:
        self._library = library
        self._briefing = briefing
        self._thinker = thinker
        self._read_code = read_code

    def propose(self, request: Request) -> Proposal | None:
        """The model's idea, or the library planner's with a note that says why.

        Raises:
            LlmRefused: the endpoint refuses the very first question of a run.
        """
        try:
            proposal = self._ask(request)
        except (LlmUnusable, LlmUnavailable, LeftAlone) as error:
            return self._stand_in(request, str(error))
        if proposal is None:
            return self._stand_in(request, "it would have had nothing to choose from.")
        return proposal

    def _ask(self, request: Request) -> Proposal | None:
        """None where there is nothing to choose from, so that nobody was asked."""
        ground, state = self._briefing.ground, request.state
        about = self._briefing.about(request.parent)
        lessons: list[Lesson] = recall(solution_lessons(state.lessons), ground.scopes, about=about)
        seed = SEED_STEP * state.run.seed + state.decisions
        node = len(state.nodes) + 1
        if request.parent is None:
            form = draft_form(request, ground, lessons, self._briefing.terse)
            if form is None:
                return (
                    None if self._briefing.terse or ground.drafts() else self._design(request, lessons, seed)
                )
            prompts = self._briefing.draft(request, lessons)
            query = Query("planner", "draft", prompts, form, ANSWER_TOKENS, seed=seed, node=node)
            answer = self._thinker.ask(query)
            return answer if isinstance(answer, Proposal) else self._design(request, lessons, seed)
        return self._improve(request, request.parent, lessons, seed)

    def _design(self, request: Request, lessons: list[Lesson], seed: int) -> Proposal:
        """A solution whose modules the model will write itself."""
        prompts = self._briefing.design(request, lessons)
        form = design_form(request.state, lessons, own_code.given_modules(self._briefing.competition))
        node = len(request.state.nodes) + 1
        query = Query("planner", "design", prompts, form, DESIGN_TOKENS, seed=seed, node=node)
        return self._thinker.ask(query)

    def _improve(self, request: Request, parent: Node, lessons: list[Lesson], seed: int) -> Proposal | None:
        """Other values of slots; or, in two questions, a plan and the edits that carry it out."""
        terse = self._briefing.terse
        files = {} if terse else self._read_code(parent)
        form = improve_form(request, self._briefing.ground, lessons, parent, own_modules(files), terse)
        if form is None:
            return None
        prompts = self._briefing.improve(request, lessons, parent, outline(files))
        node = len(request.state.nodes) + 1
        query = Query("planner", "improve", prompts, form, ANSWER_TOKENS, seed=seed, node=node)
        answer = self._thinker.ask(query)
        if isinstance(answer, Proposal):
            return answer
        prompts = [self._briefing.edit(request, parent, files, answer, lessons)]
        edits = edit_form(request, parent, files, answer, lessons)
        return self._thinker.ask(Query("coder", "edit", prompts, edits, EDIT_TOKENS, seed=seed, node=node))

    def _stand_in(self, request: Request, reason: str) -> Proposal | None:
        proposal = self._library.propose(request)
        if proposal is None:
            return None
        note = f"The library planner's idea, since the language model gave none: {reason}"
        return Proposal(proposal.idea, proposal.expected_s, note)
