"""Endpoint settings: address, key and models, from options and the environment."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from agent.core.errors import SetupError
from agent.llm.calls import ROLES, Role

OPENAI_URL = "https://api.openai.com/v1"
LOCAL_MODEL = "local"
"""Name of the model that `agent.llm.local_model` serves on this machine."""

TIMEOUT_S = 120.0

_KEY_PLACEHOLDER = "[key]"
# Shorter keys are stand-ins for servers without keys ("none", "x"). Slots have such values, too.
_MIN_SECRET_CHARS = 8
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible service and its models."""

    base_url: str
    key: SecretStr = field(default_factory=lambda: SecretStr(""))
    """May be empty for local servers."""

    models: Mapping[Role, str] = field(default_factory=dict)
    """Model names by role, one for every role."""

    context_tokens: int | None = None
    """Context length of prompt and answer together, in tokens; None: not known in advance."""

    timeout_s: float = TIMEOUT_S
    """Seconds that the endpoint may stay silent."""

    @property
    def host(self) -> str:
        """Host and port, the part of the address that may be shown."""
        return urlsplit(self.base_url).netloc

    @property
    def is_loopback(self) -> bool:
        """Whether the endpoint is on this machine, so that requests bypass proxies and cost nothing."""
        return urlsplit(self.base_url).hostname in _LOOPBACK

    def redact_key(self, text: str) -> str:
        """Redact the key in a text. Apply to every text that is shown or recorded."""
        key = self.key.get_secret_value()
        return text.replace(key, _KEY_PLACEHOLDER) if len(key) >= _MIN_SECRET_CHARS else text


def find_endpoint(model: str | None = None, environment: Mapping[str, str] | None = None) -> Endpoint:
    """Return the endpoint named by the environment.

    Args:
        model: Model for every role without its own variable (`MARS_PLANNER_MODEL`, ...); None: `MARS_MODEL`.
        environment: Environment variables; None: those of this process.

    Raises:
        SetupError: A variable is missing or invalid; the message says what to export.
    """
    variables = _read_environment(environment)
    key, base_url = variables.get("OPENAI_API_KEY", ""), variables.get("OPENAI_BASE_URL", "")
    if not key and not base_url:
        raise SetupError(
            "No endpoint for language models is configured; export OPENAI_API_KEY for OpenAI, both "
            "OPENAI_API_KEY and OPENAI_BASE_URL for another provider, OPENAI_BASE_URL alone for a server "
            "without keys, or pass --model local."
        )
    models = {role: _role_model(role, model, variables) for role in ROLES}
    if LOCAL_MODEL in models.values():
        raise SetupError(
            f"The model `{LOCAL_MODEL}` cannot be combined with models of an endpoint; pass "
            f"--model {LOCAL_MODEL} to use it for every role, or name another model for every role."
        )
    return Endpoint(
        base_url=_validate_url(base_url or OPENAI_URL),
        key=SecretStr(key),
        models=models,
        timeout_s=parse_timeout_s(variables.get("MARS_LLM_TIMEOUT_S", "")),
    )


def is_local(model: str | None, environment: Mapping[str, str] | None = None) -> bool:
    """Return whether --model or, without it, the environment chooses the local model for every role."""
    variables = _read_environment(environment)
    names = {variables.get(f"MARS_{role.upper()}_MODEL") or variables.get("MARS_MODEL") for role in ROLES}
    return model == LOCAL_MODEL or (model is None and names == {LOCAL_MODEL})


def parse_timeout_s(text: str, default: float = TIMEOUT_S) -> float:
    """Return the time that an endpoint may stay silent, in seconds.

    Args:
        text: Value of MARS_LLM_TIMEOUT_S; may be empty.
        default: Seconds to return for an empty value.

    Raises:
        SetupError: The value is not a positive number.
    """
    try:
        seconds = float(text or default)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise SetupError(f"MARS_LLM_TIMEOUT_S is '{text}'; export a number of seconds such as 300.")
    return seconds


def _read_environment(environment: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment variables (None: those of this process), stripped of surrounding spaces."""
    environment = os.environ if environment is None else environment
    return {name: value.strip() for name, value in environment.items()}


def _role_model(role: Role, model: str | None, variables: Mapping[str, str]) -> str:
    own = f"MARS_{role.upper()}_MODEL"
    name = variables.get(own) or model or variables.get("MARS_MODEL")
    if not name:
        raise SetupError(f"No model is set for the {role}; pass --model M, or export MARS_MODEL or {own}.")
    return name


def _validate_url(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        valid = valid and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise SetupError(
            "OPENAI_BASE_URL is not an http(s) URL; export a URL such as http://localhost:8000/v1, "
            "which usually ends in /v1."
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise SetupError(
            "OPENAI_BASE_URL holds a user, a query or a fragment; export the plain address, "
            "and export the key as OPENAI_API_KEY."
        )
    return base_url.rstrip("/")
