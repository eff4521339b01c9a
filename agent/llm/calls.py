"""Prompts, and the record of each call to a language model."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["planner", "coder", "reviewer"]
ROLES: tuple[Role, ...] = ("planner", "coder", "reviewer")
Mode = Literal["schema", "json", "text"]
"""How the answer's format is enforced.

schema: the endpoint enforces the JSON schema. json: the endpoint enforces JSON, the prompt holds the schema.
text: only the prompt asks for the format.
"""


@dataclass(frozen=True)
class Prompt:
    """One question. The constant part comes first, so that the provider's prompt cache hits."""

    stable: str
    """System message, the same for many questions."""

    asked: str
    """User message."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CallBegun(_Frozen):
    """A call about to be sent, with its maximum cost."""

    role: Role
    purpose: str = Field(description='Purpose of the question, for example "draft".')
    model: str
    number: int = Field(
        ge=1, description="Number of the attempt at one question, retries and repairs included."
    )
    prompt: tuple[str, ...] = Field(description="Ids of the messages' texts, in order.")
    usd: float | None = Field(description="Maximum cost in dollars; None: the price is not known.")
    tokens: int = Field(description="Maximum tokens: the prompt's estimate plus the limit of the answer.")


class Call(_Frozen):
    """A completed call to an endpoint."""

    role: Role
    purpose: str
    model: str
    mode: Mode
    prompt: tuple[str, ...] = Field(description="Ids of the messages' texts, in order.")
    answer: str = Field(description='Id of the raw answer\'s text; "" without an answer.')
    number: int = Field(
        ge=1, description="Number of the attempt at one question, retries and repairs included."
    )
    status: Literal["answered", "unusable", "failed", "cut"] = Field(
        description="answered: the answer is usable; unusable: the answer lacks the requested format; "
        "failed: the endpoint gave no answer; cut: the time limit or an interrupt ended the call."
    )
    reason: str = Field(description="Reason for the status, in a sentence; may be empty for answered calls.")
    tokens_in: int | None = Field(description="Prompt tokens, cached tokens included.")
    tokens_cached: int | None = Field(
        description="Prompt tokens from the provider's cache; None: not reported."
    )
    tokens_out: int | None
    estimated: bool = Field(
        description="Whether the token counts are estimates, because no usage was reported. Estimates "
        "count characters; a call without an answer that may be billed counts at its maximum."
    )
    usd: float | None = Field(description="Cost in dollars; None: the price is not known.")
    seconds: float


class CallRecorder(Protocol):
    """Records calls to endpoints, one at a time: `ended` completes the latest `began`."""

    def began(self, node: int, begun: CallBegun, texts: Mapping[str, str]) -> None:
        """Record a call before it is sent.

        Args:
            node: Number of the node that the call is about; 0: none.
            begun: The call.
            texts: The messages by their ids.
        """
        ...

    def ended(self, node: int, call: Call, texts: Mapping[str, str]) -> None:
        """Record the end of a call; follows every `began`, even after an interrupt.

        Args:
            node: Number of the node that the call is about; 0: none.
            call: The completed call.
            texts: The answer by its id; empty without an answer.
        """
        ...


def text_id(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
