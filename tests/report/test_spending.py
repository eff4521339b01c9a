"""Cost of language models by role and purpose."""

import io

from rich.console import Console

from agent.llm.calls import Call
from agent.llm.prices import Price
from agent.record.events import LlmCallEnded
from agent.record.state import RunState
from agent.report.spending import render_spending
from tests.support.states import started

LARGE = Price(model="large", input=2.0, cached=0.2, output=10.0)


def _state(*calls: Call) -> RunState:
    state = started(planner="llm", models={"planner": "large", "coder": "small", "reviewer": "large"})
    for number, call in enumerate(calls, start=1):
        state.apply(LlmCallEnded(elapsed_s=0.0, node=number, call=call))
    return state


def _call(role: str, model: str, purpose: str, tokens: tuple[int, int, int], usd: float | None) -> Call:
    tokens_in, cached, out = tokens
    return Call.model_validate(
        {
            "role": role,
            "purpose": purpose,
            "model": model,
            "mode": "schema",
            "prompt": (),
            "answer": "",
            "number": 1,
            "status": "answered",
            "reason": "",
            "tokens_in": tokens_in,
            "tokens_cached": cached,
            "tokens_out": out,
            "estimated": False,
            "usd": usd,
            "seconds": 1.0,
        }
    )


def _lines(state: RunState, price: Price | None) -> list[list[str]]:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(render_spending(state, {"large": price}.get))
    return [line.split() for line in console.export_text().splitlines() if line.strip()]


def test_every_role_and_purpose_has_a_line_with_its_cached_share() -> None:
    draft = _call("planner", "large", "draft", (1000, 0, 100), 0.003)
    improve = _call("planner", "large", "improve", (1000, 600, 100), 0.00192)
    edit = _call("coder", "small", "edit", (2000, 500, 300), 0.0004)
    lines = _lines(_state(draft, improve, improve, edit), LARGE)
    assert ["planner", "large", "draft", "1", "1,000", "–", "100", "$0.0030"] in lines
    assert ["planner", "large", "improve", "2", "2,000", "60", "%", "200", "$0.0038"] in lines
    assert ["coder", "small", "edit", "1", "2,000", "25", "%", "300", "$0.0004"] in lines
    usd = (3300 * 2.0 + 1700 * 0.2 + 600 * 10.0) / 1e6
    assert " ".join(lines[-1]) == (f"total $0.0072; the same tokens at the price of large only: ${usd:.4f}")


def test_an_unknown_price_is_shown_as_unknown() -> None:
    calls = (
        _call("planner", "large", "draft", (9, 0, 9), None),
        _call("coder", "small", "edit", (9, 0, 9), 0.1),
    )
    assert " ".join(_lines(_state(*calls), None)[-1]) == (
        "total price unknown; the same tokens at the price of large only: price unknown"
    )


def test_one_model_has_no_comparison_line() -> None:
    lines = _lines(_state(_call("planner", "large", "draft", (9, 0, 9), 0.1)), LARGE)
    assert len(lines) == 3, "head, line, one call"
    assert render_spending(_state(), {}.get) is None
