"""Prices of tokens: the user's table first, then a bundled, dated table of well-known models."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent.core.errors import SetupError
from agent.llm.endpoint import LOCAL_MODEL, Endpoint

_MILLION = 1_000_000
_BUNDLED = Path(__file__).with_name("prices.yaml")
_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")  # snapshots cost as much as their model


class Price(BaseModel):
    """Price of a model's tokens at an endpoint, in USD per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str
    host: str | None = Field(default=None, description="Host of the endpoint; None: any host.")
    input: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0, description="None: the price of `input`.")
    output: float = Field(ge=0)
    date: datetime.date | None = Field(default=None, description="Date of the price.")

    def usd(self, tokens_in: int, tokens_cached: int, tokens_out: int) -> float:
        """Return the cost of a call in USD; `tokens_in` includes the cached tokens."""
        cached = min(tokens_cached, tokens_in)
        cached_price = self.input if self.cached is None else self.cached
        total = (tokens_in - cached) * self.input + cached * cached_price + tokens_out * self.output
        return total / _MILLION


_TABLE = TypeAdapter(list[Price])
_FREE = Price(model=LOCAL_MODEL, input=0, output=0)


@dataclass(frozen=True)
class Prices:
    """Table of prices; the first matching row applies, and the user's rows come first."""

    rows: Sequence[Price]

    def of(self, endpoint: Endpoint, model: str) -> Price | None:
        """Return the price of a model at an endpoint; None: not known there."""
        return _FREE if model == LOCAL_MODEL and endpoint.is_loopback else self.at(endpoint.host, model)

    def at(self, host: str, model: str) -> Price | None:
        """Return the price of a model at a host, given with or without port; None: not known there."""
        host = urlsplit(f"//{host}").hostname or ""
        name = model.removeprefix("models/")
        for candidate in (name, _SNAPSHOT.sub("", name)):
            for row in self.rows:
                if row.model == candidate and row.host in (None, host):
                    return row
        return None


def load_prices(own: Path) -> Prices:
    """Return the prices of the user's file, if it exists, followed by the bundled prices.

    Raises:
        SetupError: The user's file is invalid; the message names the error.
    """
    return Prices([*(_read_prices(own) if own.is_file() else ()), *bundled_prices()])


@cache
def bundled_prices() -> tuple[Price, ...]:
    """Return the bundled table."""
    return tuple(_read_prices(_BUNDLED))


@cache
def tokens_per_usd() -> float:
    """Return how many tokens of an unpriced model count as one dollar, at the highest bundled price."""
    return _MILLION / max(row.output for row in bundled_prices())


def _read_prices(file: Path) -> list[Price]:
    try:
        return _TABLE.validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        reason = f"{place}: {first['msg']}"
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
    raise SetupError(
        f"{file}: the prices cannot be read ({reason}); write a list of rows such as "
        "{model: my-model, input: 0.5, output: 1.5}, in USD per million tokens."
    )
