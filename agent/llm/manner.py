"""How one model of an endpoint wants to be asked: learned from what it refuses, and remembered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.llm.calls import Mode
from agent.llm.endpoint import OPENAI_URL, Endpoint
from agent.llm.failures import Objection

Limit = Literal["max_tokens", "max_completion_tokens"]
_OPTIONAL = ("temperature", "seed", "stream_options")
_FORMATS = re.compile(r"response[_ ]?format|json[_ ]?schema|json[_ ]?object|structured output|guided", re.I)
_SYSTEM = re.compile(
    r"system (role|message|prompt|instruction)|roles must alternate|developer instruction", re.I
)
_MOST = re.compile(
    r"(?:at most|maximum(?: value)?(?: is| of)?|less than or equal to|<=)\D{0,20}(\d{2,})", re.I
)


@dataclass
class Manner:
    """What goes into a request, from the fullest to what the model accepts."""

    limit: Limit = "max_tokens"
    """The name that the endpoint has for the longest answer."""

    mode: Mode = "schema"
    most_tokens: int | None = None
    """The longest answer that it allows to be asked for."""

    system: bool = True
    """Whether it knows system messages."""

    without: set[str] = field(default_factory=set)
    """Parameters that it refuses."""

    _limits_refused: set[str] = field(default_factory=set)

    @classmethod
    def towards(cls, endpoint: Endpoint) -> "Manner":
        """The manner to begin with: OpenAI's newer models know the newer name alone, others the older one."""
        newer = endpoint.base_url.startswith(OPENAI_URL)
        return cls(limit="max_completion_tokens" if newer else "max_tokens")

    def learn(self, objection: Objection) -> str:
        """Changes what was objected to; says what, or "" if that could not be told from the words."""
        if self._names(objection, self.limit):
            return self._learn_limit(objection)
        for name in _OPTIONAL:
            if name not in self.without and self._names(objection, name):
                self.without.add(name)
                return f"asked again without {name}"
        if self.mode != "text" and (
            objection.parameter == "response_format" or _FORMATS.search(objection.words)
        ):
            return self.lower()
        if self.system and _SYSTEM.search(objection.words):
            self.system = False
            return "asked again without a system message"
        return ""

    def lower(self) -> str:
        """Goes on to the mode that asks less of the endpoint."""
        self.mode = "json" if self.mode == "schema" else "text"
        return f"asked again in mode {self.mode}"

    def _names(self, objection: Objection, name: str) -> bool:
        if objection.parameter:
            return objection.parameter == name
        return re.search(rf"\b{name}\b", objection.words) is not None

    def _learn_limit(self, objection: Objection) -> str:
        most = _MOST.search(objection.words)
        if most and (self.most_tokens is None or int(most.group(1)) < self.most_tokens):
            self.most_tokens = int(most.group(1))
            return f"asked again for at most {self.most_tokens} tokens"
        self._limits_refused.add(self.limit)
        other: Limit = "max_tokens" if self.limit == "max_completion_tokens" else "max_completion_tokens"
        if other in self._limits_refused:  # without any limit nobody could say what a call may cost
            return ""
        self.limit = other
        return f"asked again with {other}"

    def room(self, max_tokens: int) -> int:
        """How long an answer may be, given what was asked for."""
        return min(max_tokens, self.most_tokens or max_tokens)

    def arguments(
        self,
        model: str,
        messages: Sequence[dict[str, str]],
        schema: dict[str, Any],
        max_tokens: int,
        temperature: float | None,
        seed: int | None,
    ) -> dict[str, Any]:
        """The body of a chat completion; `schema` is the `json_schema` part of a response format."""
        body: dict[str, Any] = {"model": model, "messages": list(messages), self.limit: max_tokens}
        optional = {"temperature": temperature, "seed": seed}
        if self.mode == "schema":
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self.mode == "json":
            body["response_format"] = {"type": "json_object"}
        else:  # the only mode without anything that says when an answer is whole; hence it is watched
            body["stream"] = True
            optional["stream_options"] = {"include_usage": True}  # type: ignore[assignment]
        given = {name: value for name, value in optional.items() if value is not None}
        return body | {name: value for name, value in given.items() if name not in self.without}
