"""The planner that asks a language model; what the model may choose, and what becomes of it, is checked here.

The family's slots are its vocabulary (DESIGN.md, Planners), so that even a very small model yields a running
repository. Where it gives no usable answer, the library planner proposes instead: no provider is needed.
"""

from collections.abc import Callable

from agent.llm.errors import LlmRefused, LlmUnavailable, LlmUnusable, Spent
from agent.llm.query import Query, Thinker
from agent.memory.lesson import Lesson
from agent.memory.recall import recall
from agent.planner.base import Planner, Proposal, Request
from agent.planner.briefing import Briefing
from agent.planner.editing import ReadCode, edit_form, outline, own_modules
from agent.planner.offer import draft_form, improve_form
from agent.record.state import Node

# Long enough for models that reason before they answer.
ANSWER_TOKENS = 4000
EDIT_TOKENS = 8000
SEED_STEP = 1000
# Questions in a row without any answer, each of which takes its share of the time, until nobody is asked.
SILENCES = 2


class LlmPlanner:
    """Design of MARS by the slots of a family; the library planner stands in."""

    def __init__(
        self,
        library: Planner,
        briefing: Briefing,
        thinker: Thinker,
        read_code: ReadCode,
        note: Callable[[str], None],
    ) -> None:
        """`note` is told, once, when the model is not asked any more."""
        self._read_code = read_code
        self._library = library
        self._briefing = briefing
        self._thinker = thinker
        self._note = note
        self._alone = ""  # why the model is not asked any more
        self._answered = False
        self._silent = 0  # questions in a row to which no answer came

    def propose(self, request: Request) -> Proposal | None:
        """The model's idea, or the library planner's with a note that says why.

        Raises:
            LlmRefused: the endpoint refuses the very first question of a run.
        """
        if self._alone:
            return self._stand_in(request, self._alone)
        try:
            proposal = self._ask(request)
        except LlmUnusable as error:
            self._silent = 0
            return self._stand_in(request, str(error))
        except LlmUnavailable as error:
            self._silent += 1
            reason = self._give_up(str(error)) if self._silent == SILENCES else str(error)
            return self._stand_in(request, reason)
        except LlmRefused as error:
            if not self._answered and all(map(request.state.is_given, request.state.nodes.values())):
                raise
            return self._stand_in(request, self._give_up(str(error)))
        except Spent as error:
            return self._stand_in(request, self._give_up(str(error)))
        if proposal is None:
            return self._stand_in(request, "it would have had nothing to choose from.")
        self._answered, self._silent = True, 0
        return proposal

    def _ask(self, request: Request) -> Proposal | None:
        """None where there is nothing to choose from, so that nobody was asked."""
        ground, state = self._briefing.ground, request.state
        lessons: list[Lesson] = recall(state.lessons, ground.scopes)
        seed = SEED_STEP * state.run.seed + state.decisions
        if request.parent is None:
            form = draft_form(request, ground, lessons, self._briefing.terse)
            if form is None:
                return None
            prompts = self._briefing.draft(request, lessons)
            return self._thinker.ask(Query("planner", "draft", prompts, form, ANSWER_TOKENS, seed=seed))
        return self._improve(request, request.parent, lessons, seed)

    def _improve(self, request: Request, parent: Node, lessons: list[Lesson], seed: int) -> Proposal | None:
        """Other values of slots; or, in two questions, a plan and the edits that carry it out."""
        terse = self._briefing.terse
        files = {} if terse else self._read_code(parent)
        form = improve_form(request, self._briefing.ground, lessons, parent, own_modules(files), terse)
        if form is None:
            return None
        prompts = self._briefing.improve(request, lessons, parent, outline(files))
        answer = self._thinker.ask(Query("planner", "improve", prompts, form, ANSWER_TOKENS, seed=seed))
        if isinstance(answer, Proposal):
            return answer
        prompts = [self._briefing.edit(request, parent, files, answer, lessons)]
        edits = edit_form(request, parent, files, answer, lessons)
        return self._thinker.ask(Query("coder", "edit", prompts, edits, EDIT_TOKENS, seed=seed))

    def _stand_in(self, request: Request, reason: str) -> Proposal | None:
        proposal = self._library.propose(request)
        if proposal is None:
            return None
        note = f"The library planner's idea, since the language model gave none: {reason}"
        return Proposal(proposal.idea, proposal.expected_s, note)

    def _give_up(self, reason: str) -> str:
        self._alone = reason
        self._note(f"The library planner goes on without the language model: {reason}")
        return reason
