"""What is added to a prompt: the schema where the endpoint takes none, and why an answer was of no use."""

import json
from typing import Any

from agent.llm.calls import Mode, Prompt
from agent.llm.forms import Form

_QUOTED = 2000
"""Characters of an answer that are quoted when it is to be repaired."""
BYTES_PER_TOKEN = 3  # few: code and markup have 3 to 4, and the estimate is to be rather too high
_TOKENS_PER_MESSAGE = 8

Turn = tuple[str, str]
"""A message: who speaks (system, user, assistant), and the text."""


def turns(prompt: Prompt, form: Form[Any], mode: Mode) -> list[Turn]:
    """The messages of a question that is asked for the first time; the unchanging one is left as it is."""
    return [("system", prompt.stable), ("user", prompt.asked + _held_to(form, mode))]


def turns_after_cut(prompt: Prompt, form: Form[Any], mode: Mode, room: int) -> list[Turn]:
    """The messages after an answer that was longer than `room` tokens."""
    system, (_, asked) = turns(prompt, form, mode)
    brief = f"An earlier answer was cut off after {room} tokens. Think and answer more briefly."
    return [system, ("user", f"{asked}\n\n{brief}")]


def turns_after_error(prompt: Prompt, form: Form[Any], mode: Mode, answer: str, error: str) -> list[Turn]:
    """The messages after an answer in a wrong form: it is quoted, and what is wrong with it."""
    again = f"That answer cannot be used. {error}\nAnswer again with the whole, corrected JSON object alone."
    return [*turns(prompt, form, mode), ("assistant", shortened(answer)), ("user", again)]


def without_system(messages: list[Turn]) -> list[Turn]:
    """The same with the system's message as the beginning of the user's first one."""
    (_, stable), (_, asked), *rest = messages
    return [("user", f"{stable}\n\n{asked}"), *rest]


def shortened(answer: str) -> str:
    """The answer, or its beginning and its end."""
    if len(answer) <= _QUOTED:
        return answer
    return f"{answer[: _QUOTED // 2]}\n[...]\n{answer[-_QUOTED // 2 :]}"


def estimated_tokens(text: str) -> int:
    """How many tokens a message may be, rather too many."""
    return len(text.encode("utf-8")) // BYTES_PER_TOKEN + _TOKENS_PER_MESSAGE


def _held_to(form: Form[Any], mode: Mode) -> str:
    if mode == "schema":
        return ""
    schema = json.dumps(form.schema, ensure_ascii=False)
    asked = f"\n\nAnswer with one JSON object that conforms to this JSON schema:\n{schema}"
    return asked if mode == "json" else f"{asked}\nWrite it into one ```json fence, and nothing after it."
