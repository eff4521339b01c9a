"""Cost of a run's language models by role and purpose, and the cost with one model for all roles."""

from collections.abc import Callable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.llm.calls import Call
from agent.llm.prices import Price
from agent.llm.spend import Spend
from agent.record.state import RunState
from agent.report import formatting


def render_spending(state: RunState, price_of: Callable[[str], Price | None]) -> RenderableType | None:
    """Return a table with a line per role, model and purpose; None without calls.

    With several models, a last line gives the cost of the same tokens at the planner model's price. It is
    an estimate: another model might have used other numbers of tokens.

    Args:
        state: State of the run.
        price_of: Returns the price of a model at the run's endpoint, or None.
    """
    calls = [call for calls in state.calls.values() for call in calls]
    if not calls:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False, header_style="bright_black")
    for name in ("role", "model", "for", "calls", "tokens in", "cached", "out", "cost"):
        table.add_column(name, justify="left" if name in ("role", "model", "for") else "right")
    for (role, model, purpose), used in _by_purpose(calls).items():
        money = formatting.dollars(used.usd if used.is_priced else None)
        tokens = (f"{used.tokens_in:,}", cached_share(used), f"{used.tokens_out:,}")
        table.add_row(role, Text(formatting.one_line(model)), purpose, str(used.calls), *tokens, money)
    planner = state.run.models.get("planner", "")
    if len({call.model for call in calls}) == 1:
        return table
    return Group(table, Text(_single_model_cost(calls, planner, price_of(planner))))


def cached_share(used: Spend) -> str:
    """Format the share of cached prompt tokens as `82 %`; a dash when the endpoint reports none."""
    return f"{100 * used.tokens_cached / used.tokens_in:.0f} %" if used.tokens_cached else formatting.ABSENT


def _by_purpose(calls: list[Call]) -> dict[tuple[str, str, str], Spend]:
    found: dict[tuple[str, str, str], Spend] = {}
    for call in calls:
        found.setdefault((call.role, call.model, call.purpose), Spend()).end(call)
    return found


def _single_model_cost(calls: list[Call], model: str, price: Price | None) -> str:
    used = Spend()
    for call in calls:
        used.end(call)
    spent = formatting.dollars(used.usd if used.is_priced else None)
    estimate = price.usd(used.tokens_in, used.tokens_cached, used.tokens_out) if price else None
    name = formatting.one_line(model)
    return f"total {spent}; the same tokens at the price of {name} only: {formatting.dollars(estimate)}"
