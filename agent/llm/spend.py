"""What a run's calls have used, folded from its record."""

from dataclasses import dataclass, field

from agent.llm.allowance import Used
from agent.llm.calls import Call, CallBegun


@dataclass
class Spend:
    """Sums over all exchanges; one in flight, or lost with its process, counts as much as it may cost."""

    calls: int = 0
    failed: int = 0
    """Exchanges without an answer that could be used."""

    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    usd: float = 0.0
    """Of the exchanges whose price is known."""

    unpriced_tokens: int = 0
    """Of those whose price is not known."""

    lost: int = 0
    """Exchanges of which nobody knows how they ended."""

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
        self._pay(call.usd, tokens_in + tokens_out)

    def lose(self) -> None:
        """The process that sent what is in flight died: it may have cost as much as it was allowed to."""
        for begun in self._in_flight:
            self.lost += 1
            self.lost_tokens += begun.tokens
            self._pay(begun.usd, begun.tokens)
        self._in_flight.clear()

    @property
    def used(self) -> Used:
        """With what is in flight at its upper bound."""
        flying = self._in_flight
        return Used(
            usd=self.usd + sum(begun.usd or 0.0 for begun in flying),
            tokens=self.tokens_in
            + self.tokens_out
            + self.lost_tokens
            + sum(begun.tokens for begun in flying),
            unpriced_tokens=self.unpriced_tokens + sum(begun.tokens for begun in flying if begun.usd is None),
        )

    @property
    def asked(self) -> str:
        """The model that is being asked now, if any."""
        return self._in_flight[-1].model if self._in_flight else ""

    @property
    def is_priced(self) -> bool:
        """Whether `usd` tells of all exchanges."""
        return self.unpriced_tokens == 0

    def _pay(self, usd: float | None, tokens: int) -> None:
        if usd is None:
            self.unpriced_tokens += tokens
        else:
            self.usd += usd
