"""Review of code with a leading score by a language model, which may only declare the score unsound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.agents.diffs import code_diff
from agent.core.seeds import SEED_STEP
from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.llm.calls import Prompt
from agent.llm.errors import LlmUnavailableError, ModelDisabledError, UnusableAnswerError
from agent.llm.prompts import render_prompt
from agent.llm.query import LanguageModel, Query
from agent.planner.llm.answers import Answer, closed_object, one_line, parse_answer, text_schema
from agent.record.events import CurvePoint, NodeResult, Review
from agent.record.state import Node, RunState
from agent.repository.rendering import TaskView

DIFF_LENGTHS = (30_000, 8_000)  # characters, full and short prompt
REASON_LENGTH = 300
REVIEW_TOKENS = 3000
POINTS = 12  # of the training curve
CONTEXT = 6  # lines around a change

Files = Mapping[str, str]


class Reviewer(Protocol):
    """Judges a score by its code; a pure function of its arguments and the language models' answers."""

    def review(self, state: RunState, node: Node, result: NodeResult, before: Files) -> Review | None:
        """Return the review of a valid result, or None if there is none.

        `before` is the code that the result's code was made from.
        """
        ...


@dataclass(frozen=True)
class LlmReviewer:
    """Asks a language model; the prompt holds the code diff, the curve and the measurements, never a row."""

    language_model: LanguageModel
    competition: TaskView
    read_commit: Callable[[str], Files]

    def review(self, state: RunState, node: Node, result: NodeResult, before: Files) -> Review | None:
        diff = code_diff(before, self.read_commit(result.commit), CONTEXT)
        if not diff:
            return None
        rules = render_prompt("review_rules", competition=self.competition)
        parent = None if node.parent is None else state.nodes[node.parent]
        prompts = [
            Prompt(
                rules,
                render_prompt(
                    "review",
                    competition=self.competition,
                    node=node,
                    result=result,
                    parent=parent,
                    curve=format_curve(result.curve),
                    diff=truncate(diff, length),
                    leakage_findings=result.leakage_findings,
                    whole=not before,
                ),
            )
            for length in DIFF_LENGTHS
        ]
        seed = SEED_STEP * state.run.seed + node.id
        query = Query("reviewer", "review", prompts, review_form(), REVIEW_TOKENS, seed=seed, node=node.id)
        try:
            return self.language_model.ask(query)
        except (UnusableAnswerError, LlmUnavailableError, ModelDisabledError):
            return None


class _ReviewAnswer(Answer):
    sound: bool
    reason: str = ""


def review_form() -> AnswerFormat[Review]:
    """Return the form of a review: sound or not, with a reason, which a veto must give."""
    schema = closed_object({"reason": text_schema(REASON_LENGTH), "sound": {"type": "boolean"}})

    def read(answer: object) -> Review:
        review = parse_answer(_ReviewAnswer, answer)
        reason = one_line(review.reason, REASON_LENGTH)
        if not review.sound and not reason:
            raise AnswerError("reason: say what is wrong, and where.")
        return Review(sound=review.sound, reason=reason)

    return AnswerFormat("review", schema, read)


def with_review(result: NodeResult, review: Review | None) -> NodeResult:
    """Return the result with its review; an unsound valid result becomes suspect, no result becomes valid."""
    if review is None:
        return result
    with_review = result.model_copy(update={"review": review})
    if review.sound or result.status != "valid":
        return with_review
    return with_review.model_copy(update={"status": "suspect", "reason": f"The reviewer: {review.reason}"})


def truncate(text: str, length: int) -> str:
    """Return the first `length` characters, and how many are left out."""
    return text if len(text) <= length else f"{text[:length]}\n[{len(text) - length} characters left out]"


def format_curve(curve: tuple[CurvePoint, ...]) -> list[str]:
    """Format a few points of the training curve; numbers only, because candidates' texts may quote data."""
    step = max(-(-len(curve) // POINTS), 1)
    chosen = list(curve[::-step])[::-1]  # includes the last point
    return [
        ", ".join(
            f"{name} {value:.4g}"
            for name, value in (
                ("done", point.fraction),
                ("epoch", point.epoch),
                ("fold", point.fold),
                ("loss", point.train_loss),
                ("metric", point.metric),
            )
            if value is not None
        )
        for point in chosen
    ]
