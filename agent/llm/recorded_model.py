"""Replay recorded answers of language models without sending requests."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from agent.llm.answer_format import AnswerError
from agent.llm.calls import Call, Prompt
from agent.llm.errors import UnusableAnswerError
from agent.llm.json_answer import parse_object
from agent.llm.query import Query

T = TypeVar("T")


class RecordedModel:
    """Answers questions with the recorded answers, in the recorded order."""

    def __init__(
        self,
        calls: Sequence[Call],
        text_of: Callable[[str], str | None],
        state_at: Callable[[Call], AbstractContextManager[object]] = lambda call: nullcontext(),
    ) -> None:
        """
        Args:
            calls: Calls of one decision, in order.
            text_of: Returns a recorded text by its id; None if the text is missing.
            state_at: Returns a context that holds while the answer of a question's last call is parsed. The
                context can restore the state at the time of the call.
        """
        self._questions = _by_question(calls)
        self._text_of = text_of
        self._under_way = state_at
        self.changed_prompts: list[str] = []
        """Purposes of the questions whose prompt has changed since the recording."""

    def ask(self, query: Query[T]) -> T:
        """Return the recorded answer, parsed like a new answer.

        Raises:
            UnusableAnswerError: The record holds no answer, or one that does not fit the present question.
        """
        if not self._questions or self._questions[0][0].purpose != query.purpose:
            raise UnusableAnswerError(f"The record holds no question '{query.purpose}' at this point.")
        while self._was_asked_again(query.purpose):  # after an outage
            with self._under_way(self._questions.pop(0)[-1]):
                pass
        calls = self._questions.pop(0)
        last = calls[-1]
        if not any(self._matches(last, prompt) for prompt in query.prompts):
            self.changed_prompts.append(query.purpose)
        text = self._text_of(last.answer) if last.answer else None
        with self._under_way(last):
            if last.status != "answered" or text is None:
                raise UnusableAnswerError(f"The record holds no answer for '{query.purpose}': {last.reason}")
            try:
                return query.form.read(parse_object(text))
            except AnswerError as error:
                raise UnusableAnswerError(
                    f"The recorded answer for '{query.purpose}' is not usable now: {error}"
                ) from error

    def _was_asked_again(self, purpose: str) -> bool:
        """Return whether the first question was not answered, and the same one followed."""
        if len(self._questions) < 2:
            return False
        first, second = self._questions[0][-1], self._questions[1][0]
        return first.status in ("failed", "cut") and first.purpose == second.purpose == purpose

    def _matches(self, call: Call, prompt: Prompt) -> bool:
        """Return whether the call used this prompt. The recorded prompt may end with the schema."""
        texts = [self._text_of(name) or "" for name in call.prompt]
        if texts and texts[0] != prompt.stable:  # one message, for models without system messages
            return texts[0].startswith(f"{prompt.stable}\n\n{prompt.asked}")
        return len(texts) > 1 and texts[1].startswith(prompt.asked)


def _by_question(calls: Sequence[Call]) -> list[list[Call]]:
    """Group calls by question: the first call, then its retries and repairs."""
    questions: list[list[Any]] = []
    for call in calls:
        if call.number == 1 or not questions:
            questions.append([])
        questions[-1].append(call)
    return questions
