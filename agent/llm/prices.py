"""What tokens cost: a dated table of well-known models, and the user's own, which comes first."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent.errors import SetupError
from agent.llm.endpoint import LOCAL, Endpoint

_MILLION = 1_000_000
_BUNDLED = Path(__file__).with_name("prices.yaml")
_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")  # providers price a model's snapshots like the model


class Price(BaseModel):
    """What a model's tokens cost somewhere, in USD per million."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str
    host: str | None = Field(default=None, description="Of the endpoint's address; None: wherever it is.")
    input: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0, description="None: like any other token of a prompt.")
    output: float = Field(ge=0)
    date: datetime.date | None = Field(default=None, description="When it was so.")

    def usd(self, tokens_in: int, tokens_cached: int, tokens_out: int) -> float:
        """What a call costs; cached tokens are among `tokens_in`."""
        cached = min(tokens_cached, tokens_in)
        cached_price = self.input if self.cached is None else self.cached
        parts = (tokens_in - cached) * self.input + cached * cached_price + tokens_out * self.output
        return parts / _MILLION


_TABLE = TypeAdapter(list[Price])
_FREE = Price(model=LOCAL, input=0, output=0)


@dataclass(frozen=True)
class Prices:
    """Rows in the order in which they are asked: the user's first."""

    rows: Sequence[Price]

    def of(self, endpoint: Endpoint, model: str) -> Price | None:
        """The price of a model there; None: not known, for the same name elsewhere says nothing."""
        return _FREE if model == LOCAL and endpoint.is_loopback else self.at(endpoint.host, model)

    def at(self, host: str, model: str) -> Price | None:
        """The price of a model at a host, whose port may follow; the local model's is not asked here."""
        host = urlsplit(f"//{host}").hostname or ""
        name = model.removeprefix("models/")
        for wanted in (name, _SNAPSHOT.sub("", name)):
            for row in self.rows:
                if row.model == wanted and row.host in (None, host):
                    return row
        return None


def load_prices(own: Path) -> Prices:
    """The bundled prices and, before them, those of the user's file if there is one.

    Raises:
        SetupError: the file is not in the form; names what is wrong.
    """
    return Prices([*(_table(own) if own.is_file() else ()), *bundled_prices()])


@cache
def bundled_prices() -> tuple[Price, ...]:
    """The table that comes with this program."""
    return tuple(_table(_BUNDLED))


@cache
def tokens_per_usd() -> float:
    """As how many tokens of a model without a known price a dollar counts: at the dearest answers' price."""
    return _MILLION / max(row.output for row in bundled_prices())


def _table(file: Path) -> list[Price]:
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
