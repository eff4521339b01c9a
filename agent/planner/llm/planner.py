"""The planner that asks a language model for ideas and checks its answers.

The model chooses among a family's slots, so that even a very small model yields a repository that runs. If
the model gives no usable answer, the library planner proposes the idea instead.
"""

from agent.core.seeds import SEED_STEP
from agent.llm.errors import (
    LlmUnavailableError,
    ModelDisabledError,
    PromptTooLongError,
    UnusableAnswerError,
)
from agent.llm.query import LanguageModel, Query
from agent.memory.lesson import Lesson
from agent.memory.recall import recall, solution_lessons
from agent.planner.base import Planner, Proposal, Request
from agent.planner.llm.briefing import Briefing
from agent.planner.llm.design import design_form
from agent.planner.llm.editing import Files, ReadCode, edit_form, outline, own_modules
from agent.planner.llm.idea_formats import EditPlan, draft_form, improve_form
from agent.planner.llm.rework import rework_form, rework_prompt
from agent.record.state import Node
from agent.repository import written_modules

# Long enough for models that reason before they answer.
ANSWER_TOKENS = 4000
DESIGN_TOKENS = 6000
EDIT_TOKENS = 8000
REWORK_TOKENS = 32_000


class LlmPlanner:
    """Asks a language model for ideas over a family's slots; falls back to the library planner."""

    def __init__(
        self, library: Planner, briefing: Briefing, language_model: LanguageModel, read_code: ReadCode
    ) -> None:
        self._library = library
        self._briefing = briefing
        self._language_model = language_model
        self._read_code = read_code

    def propose(self, request: Request) -> Proposal | None:
        """Return the model's idea, or the library planner's idea with a note that gives the reason.

        Raises:
            LlmRejectedError: The endpoint refuses the first question of a run.
        """
        try:
            proposal = self._ask(request)
        except (UnusableAnswerError, LlmUnavailableError, ModelDisabledError) as error:
            return self._fall_back(request, str(error))
        if proposal is None:
            return self._fall_back(request, "there was nothing to choose from.")
        return proposal

    def _ask(self, request: Request) -> Proposal | None:
        """Return the model's idea; None, without a question, if there is nothing to choose from."""
        search_space, state = self._briefing.search_space, request.state
        about = self._briefing.about(request.parent)
        lessons: list[Lesson] = recall(solution_lessons(state.lessons), search_space.scopes, about=about)
        seed = SEED_STEP * state.run.seed + state.decisions
        node = len(state.nodes) + 1
        if request.parent is None:
            form = draft_form(request, search_space, lessons, self._briefing.small_model)
            if form is None:
                return (
                    None
                    if self._briefing.small_model or search_space.drafts()
                    else self._design(request, lessons, seed)
                )
            prompts = self._briefing.draft(request, lessons)
            query = Query("planner", "draft", prompts, form, ANSWER_TOKENS, seed=seed, node=node)
            answer = self._language_model.ask(query)
            return answer if isinstance(answer, Proposal) else self._design(request, lessons, seed)
        return self._improve(request, request.parent, lessons, seed)

    def _design(self, request: Request, lessons: list[Lesson], seed: int) -> Proposal:
        """Ask for a solution whose modules the model writes itself."""
        prompts = self._briefing.design(request, lessons)
        form = design_form(request.state, lessons, written_modules.frame_modules(self._briefing.competition))
        node = len(request.state.nodes) + 1
        query = Query("planner", "design", prompts, form, DESIGN_TOKENS, seed=seed, node=node)
        return self._language_model.ask(query)

    def _improve(self, request: Request, parent: Node, lessons: list[Lesson], seed: int) -> Proposal | None:
        """Ask for a change of own or edited code in one question, else for new slot values or edits."""
        small_model = self._briefing.small_model
        files = {} if small_model else self._read_code(parent)
        if files and self._briefing.facts is not None and not request.state.is_rendered(parent):
            reworked = self._rework(request, parent, files, None, lessons, seed)
            if reworked is not None:
                return reworked
        form = improve_form(
            request, self._briefing.search_space, lessons, parent, own_modules(files), small_model
        )
        if form is None:
            return None
        prompts = self._briefing.improve(request, lessons, parent, outline(files))
        node = len(request.state.nodes) + 1
        query = Query("planner", "improve", prompts, form, ANSWER_TOKENS, seed=seed, node=node)
        answer = self._language_model.ask(query)
        if isinstance(answer, Proposal):
            return answer
        if self._briefing.facts is not None:
            reworked = self._rework(request, parent, files, answer, lessons, seed)
            if reworked is not None:
                return reworked
        prompts = [self._briefing.edit(request, parent, files, answer, lessons)]
        edits = edit_form(request, parent, files, answer, lessons)
        return self._language_model.ask(
            Query("coder", "edit", prompts, edits, EDIT_TOKENS, seed=seed, node=node)
        )

    def _rework(
        self,
        request: Request,
        parent: Node,
        files: Files,
        wish: EditPlan | None,
        lessons: list[Lesson],
        seed: int,
    ) -> Proposal | None:
        """Ask for diagnosis, plan and code in one question; None if the short questions have to do."""
        prompt = rework_prompt(self._briefing, request, parent, files, wish, lessons)
        form = rework_form(request, parent, files, wish, lessons)
        query = Query(
            "planner" if wish is None else "coder",  # what the planner wishes is the coder's job
            "rework",
            [prompt],
            form,
            REWORK_TOKENS,
            seed=seed,
            node=len(request.state.nodes) + 1,
            has_shorter_form=True,
        )
        try:
            return self._language_model.ask(query)
        except (UnusableAnswerError, PromptTooLongError):
            return None

    def _fall_back(self, request: Request, reason: str) -> Proposal | None:
        proposal = self._library.propose(request)
        if proposal is None:
            return None
        note = f"The idea comes from the library planner because the language model gave none: {reason}"
        return Proposal(proposal.idea, proposal.expected_s, note)
