"""Messages of a question: the prompt, plus the schema or the error of an earlier answer where needed."""

import json
from typing import Any

from agent.llm.answer_format import AnswerFormat
from agent.llm.calls import Mode, Prompt

_MAX_QUOTED_CHARS = 2000
"""Characters of an unusable answer to quote in the repair request."""
BYTES_PER_TOKEN = 3  # code and markup have 3 to 4; the low value keeps the token estimate on the high side
_TOKENS_PER_MESSAGE = 8

Message = tuple[str, str]
"""A message: the role (system, user, assistant) and the text."""


def first_messages(prompt: Prompt, form: AnswerFormat[Any], mode: Mode) -> list[Message]:
    """Return the messages of the first attempt; the system message stays unchanged for the prompt cache."""
    return [("system", prompt.stable), ("user", prompt.asked + _format_instruction(form, mode))]


def messages_after_truncation(
    prompt: Prompt, form: AnswerFormat[Any], mode: Mode, max_tokens: int
) -> list[Message]:
    """Return the messages after an answer that was cut off at `max_tokens` tokens."""
    system, (_, asked) = first_messages(prompt, form, mode)
    shorter = f"Your earlier answer was cut off after {max_tokens} tokens. Think and answer more briefly."
    return [system, ("user", f"{asked}\n\n{shorter}")]


def messages_after_error(
    prompt: Prompt, form: AnswerFormat[Any], mode: Mode, answer: str, error: str
) -> list[Message]:
    """Return the messages after an unusable answer: quote the answer and its error."""
    correction = (
        f"Your answer cannot be used: {error}\nAnswer again. Write the complete, corrected JSON object and "
        "nothing else."
    )
    return [*first_messages(prompt, form, mode), ("assistant", shorten(answer)), ("user", correction)]


def without_system(messages: list[Message]) -> list[Message]:
    """Prepend the system message to the first user message, for models without system messages."""
    (_, stable), (_, asked), *rest = messages
    return [("user", f"{stable}\n\n{asked}"), *rest]


def shorten(answer: str) -> str:
    """Return the answer; a long answer is reduced to its beginning and its end."""
    if len(answer) <= _MAX_QUOTED_CHARS:
        return answer
    return f"{answer[: _MAX_QUOTED_CHARS // 2]}\n[...]\n{answer[-_MAX_QUOTED_CHARS // 2 :]}"


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a message, on the high side."""
    return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + _TOKENS_PER_MESSAGE


def _format_instruction(form: AnswerFormat[Any], mode: Mode) -> str:
    if mode == "schema":
        return ""
    schema = json.dumps(form.schema, ensure_ascii=False)
    instruction = f"\n\nAnswer with one JSON object that conforms to this JSON schema:\n{schema}"
    if mode == "json":
        return instruction
    return f"{instruction}\nPut the object in one ```json fence. Write nothing after the fence."
