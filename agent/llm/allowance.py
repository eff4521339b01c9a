"""What calls may cost in one run: checked before each is sent, by the most that it may cost."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.llm.errors import Spent
from agent.llm.prices import tokens_per_usd


@dataclass(frozen=True)
class Used:
    """What a run's calls have used, with those in flight at their upper bounds."""

    usd: float = 0.0
    """Of calls whose price is known."""

    tokens: int = 0
    """Of all calls."""

    unpriced_tokens: int = 0
    """Of those calls alone whose price is not known."""


@dataclass(frozen=True)
class Allowance:
    """How much a run may use; None: as much as it wants.

    Where a model's price is not known, dollars cannot be counted. Under `max_usd` its tokens then count as if
    each cost as much as the dearest answers of the bundled table, `tokens_per_usd()` to the dollar: the run
    spends less than it may rather than more.
    """

    max_usd: float | None = None
    max_tokens: int | None = None
    used: Callable[[], Used] = Used
    """What is used so far; asked before every call."""

    def check(self, usd: float | None, tokens: int) -> None:
        """Whether a call fits that may cost so much at most.

        Args:
            usd: None if the price is not known.
            tokens: of prompt and answer.

        Raises:
            Spent: it does not; says which limit and what is left.
        """
        used = self.used()
        if self.max_tokens is not None and used.tokens + tokens > self.max_tokens:
            left = max(self.max_tokens - used.tokens, 0)
            raise Spent(
                f"The next call may use up to {tokens:,} tokens; {left:,} of {self.max_tokens:,} are left."
            )
        if self.max_usd is None:
            return
        left_usd = max(self.max_usd - used.usd - used.unpriced_tokens / tokens_per_usd(), 0.0)
        if usd is None and tokens > left_usd * tokens_per_usd():
            raise Spent(
                f"The model's price is not known, so that a dollar counts as {tokens_per_usd():,.0f} tokens: "
                f"the next call may use up to {tokens:,}, and {left_usd * tokens_per_usd():,.0f} are left of "
                f"${self.max_usd:g}; write the price into prices.yaml below MARS_HOME, or allow more."
            )
        if usd is not None and usd > left_usd:
            raise Spent(
                f"The next call may cost up to ${usd:.4f}, and ${left_usd:.4f} of ${self.max_usd:g} are left."
            )
