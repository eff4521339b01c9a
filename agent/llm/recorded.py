"""Gives back what a record says that language models answered; nothing is sent."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from agent.llm.answers import read_object
from agent.llm.calls import Call, Prompt
from agent.llm.errors import LlmUnusable
from agent.llm.forms import AnswerError
from agent.llm.query import Query

T = TypeVar("T")


class RecordedThinker:
    """Answers questions in the order in which they were asked, with the recorded answers."""

    def __init__(
        self,
        calls: Sequence[Call],
        text_of: Callable[[str], str | None],
        under_way: Callable[[Call], AbstractContextManager[object]] = lambda call: nullcontext(),
    ) -> None:
        """
        Args:
            calls: of one decision, in order.
            text_of: a kept text by its id.
            under_way: entered while the answer of a question's last call is read, for what else had happened
                by then, and left afterwards.
        """
        self._questions = _by_question(calls)
        self._text_of = text_of
        self._under_way = under_way
        self.changed: list[str] = []
        """Purposes of questions that would be asked in other words now."""

    def ask(self, query: Query[T]) -> T:
        """The recorded answer, read as one that has just come.

        Raises:
            LlmUnusable: the record has no answer, or it is none to the question as it is asked now.
        """
        if not self._questions or self._questions[0][0].purpose != query.purpose:
            raise LlmUnusable(f"Nothing was asked for '{query.purpose}', or no answer came.")
        calls = self._questions.pop(0)
        last = calls[-1]
        if not any(self._asks(last, prompt) for prompt in query.prompts):
            self.changed.append(query.purpose)
        text = self._text_of(last.answer) if last.answer else None
        with self._under_way(last):
            if last.status != "answered" or text is None:
                raise LlmUnusable(f"No answer for '{query.purpose}' is on record: {last.reason}")
            try:
                return query.form.read(read_object(text))
            except AnswerError as error:
                raise LlmUnusable(
                    f"The recorded answer for '{query.purpose}' is of no use now: {error}"
                ) from error

    def _asks(self, call: Call, prompt: Prompt) -> bool:
        """Whether a call was made in these words; where the schema is told in words, it follows them."""
        said = [self._text_of(name) or "" for name in call.prompt]
        if said and said[0] != prompt.stable:  # one message for models that know no system's
            return said[0].startswith(f"{prompt.stable}\n\n{prompt.asked}")
        return len(said) > 1 and said[1].startswith(prompt.asked)


def _by_question(calls: Sequence[Call]) -> list[list[Call]]:
    """Every question's calls: retries and repairs follow the first."""
    questions: list[list[Any]] = []
    for call in calls:
        if call.number == 1 or not questions:
            questions.append([])
        questions[-1].append(call)
    return questions
