"""A language model that falls silent is asked again after growing pauses; a rejected one is given up."""

from collections.abc import Callable

import pytest

from agent.llm.circuit_breaker import FIRST_PAUSE_S, LONGEST_PAUSE_S, MAX_UNANSWERED, CircuitBreaker
from agent.llm.errors import (
    BudgetExceededError,
    LlmRejectedError,
    LlmUnavailableError,
    ModelDisabledError,
    PromptTooLongError,
    UnusableAnswerError,
)
from agent.llm.query import Query
from tests.llm.scripted import FORM, PROMPT, Choice
from tests.support.scripted_models import Answer, ScriptedModel

QUERY: Query[Choice] = Query("planner", "draft", [PROMPT], FORM, 100, seed=0, node=1)
GOOD: Answer = {"size": 3, "why": "small"}
DOWN = LlmUnavailableError("the endpoint is down.")


class Outage:
    """A breaker over a scripted model, with a clock that a test moves."""

    def __init__(self, wait: Callable[[float], bool] | None = None) -> None:
        self.now = 100.0
        self.answers: list[Answer] = []
        self.notes: list[str] = []
        self.model = ScriptedModel(lambda _: self.answers.pop(0))
        self.breaker = CircuitBreaker(self.model, self.notes.append, wait=wait, clock=lambda: self.now)

    def ask(self, *answers: Answer) -> Choice:
        self.answers += answers
        return self.breaker.ask(QUERY)

    def fail(self, error: Exception = DOWN) -> None:
        with pytest.raises(type(error)):
            self.ask(error)


def test_a_silent_model_is_asked_again_after_pauses_that_double_up_to_the_longest() -> None:
    outage = Outage()
    for _ in range(MAX_UNANSWERED):
        outage.fail()
    pauses = []
    for _ in range(7):
        before = outage.now
        with pytest.raises(LlmUnavailableError, match=r"the endpoint is down\. It is asked again in"):
            outage.ask()
        asked = len(outage.model.purposes)
        while len(outage.model.purposes) == asked:
            outage.now += 1.0
            outage.answers = [DOWN]
            with pytest.raises(LlmUnavailableError):
                outage.breaker.ask(QUERY)
        outage.answers = []
        pauses.append(outage.now - before)
    doubled = [FIRST_PAUSE_S * 2**number for number in range(7)]
    assert pauses == [min(pause, LONGEST_PAUSE_S) for pause in doubled]
    assert len(outage.notes) == 1, "an outage is told once"
    assert "The library planner stands in meanwhile." in outage.notes[0]


def test_a_model_that_answers_again_plans_again() -> None:
    outage = Outage()
    for _ in range(MAX_UNANSWERED):
        outage.fail()
    outage.now += FIRST_PAUSE_S
    assert outage.ask(GOOD).size == 3
    assert outage.notes[1:] == ["The language model answers again."]
    outage.fail()
    assert outage.ask(GOOD).size == 3, "one silence makes no pause"


def test_any_answer_ends_a_silence() -> None:
    outage = Outage()
    for _ in range(3):
        outage.fail()
        outage.fail(UnusableAnswerError("no JSON came."))
    assert outage.notes == []


def test_without_a_stand_in_a_question_waits_for_the_end_of_the_outage() -> None:
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        outage.now += seconds
        return True

    outage = Outage(wait)
    assert outage.ask(*[DOWN] * (MAX_UNANSWERED + 2), GOOD).size == 3
    assert [seconds for seconds in waited if seconds] == [FIRST_PAUSE_S * 2**number for number in range(3)]
    assert "The run waits for it" in outage.notes[0]
    assert outage.notes[1] == "The language model answers again."


def test_without_a_stand_in_a_question_fails_when_the_run_has_no_time_left() -> None:
    outage = Outage(lambda seconds: seconds == 0.0)
    with pytest.raises(LlmUnavailableError, match="does not answer"):
        outage.ask(*[DOWN] * MAX_UNANSWERED)
    assert outage.answers == []


@pytest.mark.parametrize("wait", [None, lambda seconds: True])
def test_a_prompt_that_is_too_long_is_no_outage(wait: Callable[[float], bool] | None) -> None:
    outage = Outage(wait)
    for _ in range(MAX_UNANSWERED + 1):
        outage.fail(PromptTooLongError("no prompt fits."))
    assert outage.ask(GOOD).size == 3
    assert outage.notes == []


@pytest.mark.parametrize("error", [LlmRejectedError("wrong key"), BudgetExceededError("$0.01 is left")])
def test_a_rejected_model_is_not_asked_again(error: Exception) -> None:
    outage = Outage(lambda seconds: True)
    outage.ask(GOOD)
    for _ in range(2):
        outage.answers = [error]
        with pytest.raises(ModelDisabledError, match=str(error).replace("$", r"\$")):
            outage.breaker.ask(QUERY)
    assert len(outage.model.purposes) == 2
    assert outage.notes == [f"The run goes on without the language model: {error}"]
