"""What is asked of a language model, and what is recorded of each exchange with it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["planner", "coder", "reviewer"]
ROLES: tuple[Role, ...] = ("planner", "coder", "reviewer")
Mode = Literal["schema", "json", "text"]
"""How an answer is held to its form: by the endpoint (schema), half (json), or by the prompt alone (text)."""


@dataclass(frozen=True)
class Prompt:
    """One question, its unchanging part first, so that a provider's cache hits."""

    stable: str
    """The system message."""

    asked: str
    """The user's message."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CallBegun(_Frozen):
    """One exchange that is about to be sent, with what it may cost at most."""

    role: Role
    purpose: str = Field(description='What for, e.g. "draft".')
    model: str
    number: int = Field(ge=1, description="Of the attempts of one question; retries and repairs count on.")
    prompt: tuple[str, ...] = Field(description="Ids of the messages' texts, in order.")
    usd: float | None = Field(description="At most; None: no price is known.")
    tokens: int = Field(description="At most: the prompt's, estimated, and those that the answer may have.")


class Call(_Frozen):
    """One exchange with an endpoint, as it ended."""

    role: Role
    purpose: str
    model: str
    mode: Mode
    prompt: tuple[str, ...] = Field(description="Ids of the messages' texts, in order.")
    answer: str = Field(description='Id of the raw answer\'s text; "" when none came.')
    number: int = Field(ge=1, description="Of the attempts of one question; retries and repairs count on.")
    status: Literal["answered", "unusable", "failed", "cut"] = Field(
        description="answered: the question is answered; unusable: what came is not in the form asked for; "
        "failed: the endpoint gave no answer; cut: ended by the budget or by an interrupt."
    )
    reason: str = Field(description="Why it ended as it did, in a sentence; may be empty when answered.")
    tokens_in: int | None = Field(description="Of the prompt, cached ones included.")
    tokens_cached: int | None = Field(description="Those that the provider had in its cache; None: not said.")
    tokens_out: int | None
    estimated: bool = Field(
        description="The endpoint gave no usage: tokens are counted by characters, or, where a call ended "
        "without an answer that may be billed, at the most that it may have used."
    )
    usd: float | None = Field(description="None: no price is known.")
    seconds: float


class Recorder(Protocol):
    """Keeps what is said to endpoints. One exchange at a time: `ended` closes the last `began`."""

    def began(self, node: int, begun: CallBegun, texts: Mapping[str, str]) -> None:
        """Before anything is sent about a node (0: none); `texts` holds the messages by their ids."""
        ...

    def ended(self, node: int, call: Call, texts: Mapping[str, str]) -> None:
        """After every `began`, also when the exchange is interrupted; `texts` holds the answer by its id."""
        ...


def text_id(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
