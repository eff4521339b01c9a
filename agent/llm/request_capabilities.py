"""Per-model request capabilities, learned from rejected requests."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.llm.calls import Mode
from agent.llm.endpoint import OPENAI_URL, Endpoint
from agent.llm.endpoint_errors import UnsupportedParameterError

LimitParameter = Literal["max_tokens", "max_completion_tokens"]
_OPTIONAL = ("temperature", "seed", "stream_options")
_FORMAT_MESSAGE = re.compile(
    r"response[_ ]?format|json[_ ]?schema|json[_ ]?object|structured output|guided", re.I
)
_SYSTEM_MESSAGE = re.compile(
    r"system (role|message|prompt|instruction)|roles must alternate|developer instruction", re.I
)
_MAX_TOKENS_MESSAGE = re.compile(
    r"(?:at most|maximum(?: value)?(?: is| of)?|less than or equal to|<=)\D{0,20}(\d{2,})", re.I
)


@dataclass
class RequestCapabilities:
    """Request features that a model supports; starts with all features and drops the rejected ones."""

    limit_parameter: LimitParameter = "max_tokens"
    """Name of the parameter that limits the answer's length."""

    mode: Mode = "schema"
    max_answer_tokens: int | None = None
    """Largest answer limit that the endpoint accepts, in tokens; None: not known."""

    supports_system_message: bool = True
    """Whether the model supports system messages."""

    refused_tokens: int | None = None
    """Estimated tokens of the smallest prompt that was too long for the window; None: none was."""

    unsupported: set[str] = field(default_factory=set)
    """Parameters that the model does not support."""

    _rejected_limits: set[str] = field(default_factory=set)

    @classmethod
    def for_endpoint(cls, endpoint: Endpoint) -> "RequestCapabilities":
        """Return the initial capabilities: OpenAI needs the newer limit parameter, others the older one."""
        newer = endpoint.base_url.startswith(OPENAI_URL)
        return cls(limit_parameter="max_completion_tokens" if newer else "max_tokens")

    def learn(self, error: UnsupportedParameterError) -> str:
        """Drop the feature that the error names.

        Returns:
            A note on the change; "" if the error does not name a known feature.
        """
        if self._mentions(error, self.limit_parameter):
            return self._learn_limit(error)
        for name in _OPTIONAL:
            if name not in self.unsupported and self._mentions(error, name):
                self.unsupported.add(name)
                return f"asked again without {name}"
        if self.mode != "text" and (
            error.parameter == "response_format" or _FORMAT_MESSAGE.search(error.message)
        ):
            return self.downgrade_mode()
        if self.supports_system_message and _SYSTEM_MESSAGE.search(error.message):
            self.supports_system_message = False
            return "asked again without a system message"
        return ""

    def downgrade_mode(self) -> str:
        """Switch to the next mode, which requires less of the endpoint."""
        self.mode = "json" if self.mode == "schema" else "text"
        return f"asked again in mode {self.mode}"

    def _mentions(self, error: UnsupportedParameterError, name: str) -> bool:
        if error.parameter:
            return error.parameter == name
        return re.search(rf"\b{name}\b", error.message) is not None

    def _learn_limit(self, error: UnsupportedParameterError) -> str:
        maximum = _MAX_TOKENS_MESSAGE.search(error.message)
        if maximum and (self.max_answer_tokens is None or int(maximum.group(1)) < self.max_answer_tokens):
            self.max_answer_tokens = int(maximum.group(1))
            return f"asked again for at most {self.max_answer_tokens} tokens"
        self._rejected_limits.add(self.limit_parameter)
        other: LimitParameter = (
            "max_tokens" if self.limit_parameter == "max_completion_tokens" else "max_completion_tokens"
        )
        if other in self._rejected_limits:  # without a limit, the maximum cost of a call is unknown
            return ""
        self.limit_parameter = other
        return f"asked again with {other}"

    def answer_limit(self, max_tokens: int) -> int:
        """Return the answer limit in tokens: the requested limit or the endpoint's, whichever is smaller."""
        return min(max_tokens, self.max_answer_tokens or max_tokens)

    def arguments(
        self,
        model: str,
        messages: Sequence[dict[str, str]],
        schema: dict[str, Any],
        max_tokens: int,
        temperature: float | None,
        seed: int | None,
    ) -> dict[str, Any]:
        """Return the body of a chat completion.

        Args:
            model: Name of the model.
            messages: The messages, with role and content.
            schema: The `json_schema` part of a response format.
            max_tokens: Token limit of the answer.
            temperature: Sampling temperature; None: the endpoint's default.
            seed: Sampling seed; None: none.
        """
        body: dict[str, Any] = {"model": model, "messages": list(messages), self.limit_parameter: max_tokens}
        optional = {"temperature": temperature, "seed": seed}
        if self.mode == "schema":
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self.mode == "json":
            body["response_format"] = {"type": "json_object"}
        else:  # only the client can tell when an answer in text mode is complete, therefore it streams
            body["stream"] = True
            optional["stream_options"] = {"include_usage": True}  # type: ignore[assignment]
        chosen = {name: value for name, value in optional.items() if value is not None}
        return body | {name: value for name, value in chosen.items() if name not in self.unsupported}
