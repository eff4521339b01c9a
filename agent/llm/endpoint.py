"""Where language models are asked, as whom, and which: from options and the environment."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from agent.errors import SetupError
from agent.llm.calls import ROLES, Role

OPENAI_URL = "https://api.openai.com/v1"
LOCAL = "local"
"""The model name that stands for the model that `agent.llm.local` serves on this machine."""

TIMEOUT_S = 120.0

_HIDDEN = "[key]"
# What is shorter is no secret but what servers without keys are given ("none", "x"); slots have such values.
_SHORTEST_SECRET = 8
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible service and the models to ask there."""

    base_url: str
    key: SecretStr = field(default_factory=lambda: SecretStr(""))
    """May be empty, for servers on one's own machine."""

    models: Mapping[Role, str] = field(default_factory=dict)
    """One for every role."""

    context_tokens: int | None = None
    """How long prompt and answer may be together; None: not known before the endpoint complains."""

    timeout_s: float = TIMEOUT_S
    """How long an endpoint may be silent."""

    @property
    def host(self) -> str:
        """The part of the address that may be shown."""
        return urlsplit(self.base_url).netloc

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, where no proxy leads to and no provider is paid."""
        return urlsplit(self.base_url).hostname in _LOOPBACK

    def hide(self, text: str) -> str:
        """The text without the key; for everything that is shown or recorded."""
        key = self.key.get_secret_value()
        return text.replace(key, _HIDDEN) if len(key) >= _SHORTEST_SECRET else text


def find_endpoint(model: str | None = None, environment: Mapping[str, str] | None = None) -> Endpoint:
    """The endpoint that the environment names.

    Args:
        model: for every role whose own variable is not set (`MARS_PLANNER_MODEL`, ...); else `MARS_MODEL`.
        environment: the process's own if None.

    Raises:
        SetupError: says what to export.
    """
    said = _said(environment)
    key, base_url = said.get("OPENAI_API_KEY", ""), said.get("OPENAI_BASE_URL", "")
    if not key and not base_url:
        raise SetupError(
            "No language model's endpoint is known; export OPENAI_API_KEY for OpenAI, and OPENAI_BASE_URL "
            "too for another provider (alone for a server without keys), or pass --model local."
        )
    models = {role: _model(role, model, said) for role in ROLES}
    if LOCAL in models.values():
        raise SetupError(
            f"`{LOCAL}` is no model of an endpoint and thinks in every role; pass --model {LOCAL}, or name "
            "another model for every role."
        )
    return Endpoint(
        base_url=_checked(base_url or OPENAI_URL),
        key=SecretStr(key),
        models=models,
        timeout_s=silence_s(said.get("MARS_LLM_TIMEOUT_S", "")),
    )


def is_local(model: str | None, environment: Mapping[str, str] | None = None) -> bool:
    """Whether the model on this machine is to think in every role: by --model, else by what is exported."""
    said = _said(environment)
    names = {said.get(f"MARS_{role.upper()}_MODEL") or said.get("MARS_MODEL") for role in ROLES}
    return model == LOCAL or (model is None and names == {LOCAL})


def silence_s(said: str, otherwise: float = TIMEOUT_S) -> float:
    """How long an endpoint may be silent, in seconds.

    Args:
        said: in MARS_LLM_TIMEOUT_S; may be empty.
        otherwise: what holds if it is.

    Raises:
        SetupError: it is no such number.
    """
    try:
        seconds = float(said or otherwise)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise SetupError(f"MARS_LLM_TIMEOUT_S is '{said}'; export a number of seconds such as 300.")
    return seconds


def _said(environment: Mapping[str, str] | None) -> dict[str, str]:
    """What the environment (the process's own if None) says, without spaces around it."""
    environment = os.environ if environment is None else environment
    return {name: value.strip() for name, value in environment.items()}


def _model(role: Role, model: str | None, said: Mapping[str, str]) -> str:
    own = f"MARS_{role.upper()}_MODEL"
    name = said.get(own) or model or said.get("MARS_MODEL")
    if not name:
        raise SetupError(f"No model is named for the {role}; pass --model M, or export MARS_MODEL or {own}.")
    return name


def _checked(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname)
        fine = fine and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine:
        raise SetupError(
            "OPENAI_BASE_URL is no http(s) URL; export one such as http://localhost:8000/v1, "
            "which usually ends in /v1."
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise SetupError(
            "OPENAI_BASE_URL holds more than a place (a user, a query or a fragment); "
            "put the key into OPENAI_API_KEY and leave the address alone."
        )
    return base_url.rstrip("/")
