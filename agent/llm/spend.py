"""Sum up what a run's calls have used, from the run's record."""

from dataclasses import dataclass, field

from agent.llm.calls import Call, CallBegun
from agent.llm.spend_limit import UsedBudget


@dataclass
class Spend:
    """Totals over all calls. A call in flight, or lost with its process, counts at its maximum."""

    calls: int = 0
    failed: int = 0
    """Calls without a usable answer."""

    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    usd: float = 0.0
    """Cost in dollars of the calls with a known price."""

    unpriced_tokens: int = 0
    """Tokens of the calls without a known price."""

    lost: int = 0
    """Calls whose process died before they ended."""

    lost_tokens: int = 0
    _in_flight: list[CallBegun] = field(default_factory=list)

    def begin(self, begun: CallBegun) -> None:
        self._in_flight.append(begun)

    def end(self, call: Call) -> None:
        if self._in_flight:
            self._in_flight.pop()
        tokens_in, tokens_out = call.tokens_in or 0, call.tokens_out or 0
        self.calls += 1
        self.failed += call.status != "answered"
        self.tokens_in += tokens_in
        self.tokens_cached += call.tokens_cached or 0
        self.tokens_out += tokens_out
        self.seconds += call.seconds
        self._add_cost(call.usd, tokens_in + tokens_out)

    def mark_lost(self) -> None:
        """Count the calls in flight as lost, at their maximum, because the process that sent them died."""
        for begun in self._in_flight:
            self.lost += 1
            self.lost_tokens += begun.tokens
            self._add_cost(begun.usd, begun.tokens)
        self._in_flight.clear()

    @property
    def used(self) -> UsedBudget:
        """The amounts used; calls in flight count at their maximum."""
        pending = self._in_flight
        return UsedBudget(
            usd=self.usd + sum(begun.usd or 0.0 for begun in pending),
            tokens=self.tokens_in
            + self.tokens_out
            + self.lost_tokens
            + sum(begun.tokens for begun in pending),
            unpriced_tokens=self.unpriced_tokens
            + sum(begun.tokens for begun in pending if begun.usd is None),
        )

    @property
    def asked(self) -> str:
        """Model of the call in flight; "" without one."""
        return self._in_flight[-1].model if self._in_flight else ""

    @property
    def is_priced(self) -> bool:
        """Whether `usd` covers all calls."""
        return self.unpriced_tokens == 0

    def _add_cost(self, usd: float | None, tokens: int) -> None:
        if usd is None:
            self.unpriced_tokens += tokens
        else:
            self.usd += usd
