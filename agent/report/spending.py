"""What the language models of a run cost, by role and purpose, and what they would have, had one done all."""

from collections.abc import Callable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.llm.calls import Call
from agent.llm.prices import Price
from agent.llm.spend import Spend
from agent.record.state import RunState
from agent.report import wording


def render_spending(state: RunState, price_of: Callable[[str], Price | None]) -> RenderableType | None:
    """A line for every role, model and purpose; None where no model was asked anything.

    `price_of` gives the price of a model where the run asks. Where several were asked it is also said what
    the same tokens would have cost at the price of the planner's; another model might have used others.
    """
    calls = [call for calls in state.calls.values() for call in calls]
    if not calls:
        return None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False, header_style="bright_black")
    for name in ("role", "model", "for", "calls", "tokens in", "cached", "out", "cost"):
        table.add_column(name, justify="left" if name in ("role", "model", "for") else "right")
    for (role, model, purpose), used in _by_purpose(calls).items():
        money = wording.dollars(used.usd if used.is_priced else None)
        tokens = (f"{used.tokens_in:,}", cached_share(used), f"{used.tokens_out:,}")
        table.add_row(role, Text(wording.one_line(model)), purpose, str(used.calls), *tokens, money)
    planner = state.run.models.get("planner", "")
    if len({call.model for call in calls}) == 1:
        return table
    return Group(table, Text(_had_it_been_all(calls, planner, price_of(planner))))


def cached_share(used: Spend) -> str:
    """`82 %`: of the prompts' tokens, as far as the endpoint told; a dash where it told of none."""
    return f"{used.tokens_cached / used.tokens_in:.0%}" if used.tokens_cached else wording.ABSENT


def _by_purpose(calls: list[Call]) -> dict[tuple[str, str, str], Spend]:
    found: dict[tuple[str, str, str], Spend] = {}
    for call in calls:
        found.setdefault((call.role, call.model, call.purpose), Spend()).end(call)
    return found


def _had_it_been_all(calls: list[Call], model: str, price: Price | None) -> str:
    used = Spend()
    for call in calls:
        used.end(call)
    spent = wording.dollars(used.usd if used.is_priced else None)
    would = price.usd(used.tokens_in, used.tokens_cached, used.tokens_out) if price else None
    name = wording.one_line(model)
    return f"together {spent}; the same tokens at the price of {name} alone: {wording.dollars(would)}"
