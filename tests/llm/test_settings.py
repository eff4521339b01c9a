"""Endpoints, prices, spend limits and answer formats, without a network."""

from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from agent.core.errors import SetupError
from agent.llm.answer_format import AnswerError, AnswerFormat, is_strict
from agent.llm.endpoint import OPENAI_URL, Endpoint, find_endpoint, is_local
from agent.llm.errors import BudgetExceededError
from agent.llm.prices import bundled_prices, load_prices, tokens_per_usd
from agent.llm.spend import Spend
from agent.llm.spend_limit import SpendLimit, UsedBudget
from agent.report import formatting

KEYED = {"OPENAI_API_KEY": "sk-canary", "MARS_MODEL": "m"}


def test_a_key_alone_means_openai() -> None:
    endpoint = find_endpoint(None, KEYED)
    assert endpoint.base_url == OPENAI_URL
    assert set(endpoint.models.values()) == {"m"}
    assert "sk-canary" not in repr(endpoint)


def test_a_server_without_keys_needs_only_an_address() -> None:
    endpoint = find_endpoint("m", {"OPENAI_BASE_URL": "http://localhost:8000/v1/"})
    assert endpoint.base_url == "http://localhost:8000/v1"
    assert endpoint.redact_key("text") == "text"


@pytest.mark.parametrize(
    ("model", "environment", "local"),
    [
        ("local", {}, True),
        ("local", {**KEYED, "MARS_PLANNER_MODEL": "gpt"}, True),
        (None, {"MARS_MODEL": " local "}, True),
        ("gpt", {"MARS_MODEL": "local"}, False),
        (None, KEYED, False),
        (None, {"MARS_MODEL": "local", "MARS_CODER_MODEL": "gpt"}, False),
    ],
)
def test_the_local_model_serves_every_role_or_none(
    model: str | None, environment: dict[str, str], local: bool
) -> None:
    assert is_local(model, environment) is local
    if not local and "MARS_CODER_MODEL" in environment:
        with pytest.raises(SetupError, match="pass --model local"):
            find_endpoint(model, {**KEYED, **environment})


def test_an_unknown_price_is_not_shown_as_zero() -> None:
    assert "price unknown" in formatting.spend(Spend(calls=1, unpriced_tokens=9))
    assert "$0.00" not in formatting.spend(Spend(calls=1, unpriced_tokens=9))
    assert "$0.5000 and calls of unknown price" in formatting.spend(
        Spend(calls=2, usd=0.5, unpriced_tokens=9)
    )
    assert "$0.00" in formatting.spend(Spend(calls=1))


def test_a_short_stand_in_for_a_key_is_not_redacted() -> None:
    """Users give local servers keys such as `none` or `x`, which are also words of prompts and answers."""
    text = 'augmentation = "none", next "max_features"'
    assert [Endpoint("http://h/v1", SecretStr(key)).redact_key(text) for key in ("none", "x", "EMPTY")] == [
        text
    ] * 3
    assert Endpoint("http://h/v1", SecretStr("sk-a-real-one")).redact_key("sk-a-real-one!") == "[key]!"


def test_a_role_may_have_a_model_of_its_own() -> None:
    endpoint = find_endpoint("given", {**KEYED, "MARS_CODER_MODEL": "own"})
    assert endpoint.models == {"planner": "given", "coder": "own", "reviewer": "given"}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "export OPENAI_API_KEY"),
        ({"OPENAI_API_KEY": "k"}, "export MARS_MODEL or MARS_PLANNER_MODEL"),
        ({"OPENAI_API_KEY": "k", "MARS_PLANNER_MODEL": "m"}, "MARS_CODER_MODEL"),
        ({**KEYED, "OPENAI_BASE_URL": "localhost:8000"}, "OPENAI_BASE_URL is not an http(s) URL"),
        ({**KEYED, "OPENAI_BASE_URL": "ftp://host/v1"}, "OPENAI_BASE_URL is not an http(s) URL"),
        ({**KEYED, "OPENAI_BASE_URL": "http://host:port/v1"}, "OPENAI_BASE_URL is not an http(s) URL"),
        ({**KEYED, "OPENAI_BASE_URL": "http://[::1/v1"}, "OPENAI_BASE_URL is not an http(s) URL"),
        ({**KEYED, "OPENAI_BASE_URL": "https://me:secret@host/v1"}, "OPENAI_API_KEY"),
        ({**KEYED, "OPENAI_BASE_URL": "https://host/v1?key=secret"}, "OPENAI_API_KEY"),
        ({**KEYED, "MARS_LLM_TIMEOUT_S": "soon"}, "MARS_LLM_TIMEOUT_S is 'soon'"),
        ({**KEYED, "MARS_LLM_TIMEOUT_S": "-1"}, "MARS_LLM_TIMEOUT_S"),
    ],
)
def test_invalid_settings_give_one_sentence(environment: dict[str, str], words: str) -> None:
    with pytest.raises(SetupError) as caught:
        find_endpoint(None, environment)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_timeout_is_taken_from_the_environment() -> None:
    assert find_endpoint(None, {**KEYED, "MARS_LLM_TIMEOUT_S": "300"}).timeout_s == 300


def _at(url: str) -> Endpoint:
    return Endpoint(url, SecretStr(""))


@pytest.mark.parametrize("name", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18"])
def test_a_price_holds_only_for_its_provider(tmp_path: Path, name: str) -> None:
    prices = load_prices(tmp_path / "prices.yaml")
    price = prices.of(_at(OPENAI_URL), name)
    assert price is not None
    assert price.model == "gpt-4o-mini"
    assert price.date is not None
    assert prices.of(_at("http://localhost:8000/v1"), name) is None
    assert prices.of(_at(OPENAI_URL), "gpt-4o-mini-tuned") is None


def test_the_local_model_is_free_only_on_this_machine(tmp_path: Path) -> None:
    prices = load_prices(tmp_path / "prices.yaml")
    local = prices.of(_at("http://127.0.0.1:1234/v1"), "local")
    assert local is not None
    assert local.usd(1000, 0, 1000) == 0
    assert prices.of(_at("https://host/v1"), "local") is None


def test_the_users_prices_come_first(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(
        "- {model: gpt-4o, input: 1, output: 2}\n- {model: mine, host: here, input: 0, output: 0}\n"
    )
    prices = load_prices(file)
    everywhere = prices.of(_at("http://there/v1"), "gpt-4o")
    assert everywhere is not None
    assert everywhere.usd(1_000_000, 500_000, 1_000_000) == 3
    assert prices.of(_at("http://here:80/v1"), "mine") is not None
    assert prices.of(_at("http://there/v1"), "mine") is None


@pytest.mark.parametrize(
    "text",
    ["{model: m}", "- {model: m, input: -1, output: 1}", "- {model: m}", "- [", "- {model: m, inptu: 1}", ""],
)
def test_invalid_prices_give_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(SetupError, match=r"prices\.yaml: the prices cannot be read .*write a list of rows"):
        load_prices(file)


def test_every_bundled_price_is_dated_and_bound_to_its_provider() -> None:
    rows = bundled_prices()
    assert all(row.date and row.host for row in rows)
    assert all((row.cached or 0) <= row.input <= row.output for row in rows)
    assert len({(row.host, row.model) for row in rows}) == len(rows)


def test_tokens_are_limited_too() -> None:
    spend_limit = SpendLimit(max_tokens=1000, used=lambda: UsedBudget(tokens=900))
    spend_limit.check(0.0, 100)
    with pytest.raises(BudgetExceededError, match=r"up to 101 tokens; 100 of 1,000 are left"):
        spend_limit.check(0.0, 101)


def test_tokens_without_a_price_count_against_the_dollars() -> None:
    half = int(tokens_per_usd() / 2)
    spend_limit = SpendLimit(max_usd=1.0, used=lambda: UsedBudget(tokens=half, unpriced_tokens=half))
    spend_limit.check(0.49, 10)
    with pytest.raises(BudgetExceededError):
        spend_limit.check(0.51, 10)
    spend_limit.check(None, half - 1)
    with pytest.raises(BudgetExceededError, match=r"prices\.yaml"):
        spend_limit.check(None, half + 2)


def test_no_limits_allow_everything() -> None:
    SpendLimit().check(None, 10**9)
    SpendLimit().check(10.0**9, 10**9)
    with pytest.raises(BudgetExceededError):
        SpendLimit(max_tokens=10**9 - 1).check(None, 10**9)


class Kind(Enum):
    A = "a"
    B = "b"


class Part(BaseModel):
    kind: Kind
    note: str = ""


class Whole(BaseModel):
    title: str = Field(description="Of it.")
    parts: list[Part] = []
    best: Part | None = None


def test_a_schema_is_strict_for_strict_endpoints() -> None:
    form = AnswerFormat.of(Whole)
    assert is_strict(form.schema)
    assert form.schema["required"] == ["title", "parts", "best"]
    assert form.schema["properties"]["title"]["description"] == "Of it."
    assert "default" not in repr(form.schema)


def test_an_open_schema_is_not_strict() -> None:
    class Open(BaseModel):
        scores: dict[str, float]

    assert not is_strict(AnswerFormat.of(Open).schema)


def test_a_form_names_the_errors_and_their_places() -> None:
    with pytest.raises(AnswerError) as caught:
        AnswerFormat.of(Whole).read({"parts": [{"kind": "c"}]})
    assert "title: Field required" in str(caught.value)
    assert "parts.0.kind: Input should be 'a' or 'b'" in str(caught.value)


def test_a_form_checks_what_types_cannot() -> None:
    def check(value: Whole) -> None:
        if not value.parts:
            raise AnswerError("parts: there is none.")

    form: AnswerFormat[Any] = AnswerFormat.of(Whole, check)
    with pytest.raises(AnswerError, match="there is none"):
        form.read({"title": "x"})
    assert form.read({"title": "x", "parts": [{"kind": "a"}]}).parts[0].kind is Kind.A
