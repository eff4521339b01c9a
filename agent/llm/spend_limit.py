"""Spend limit of one run, checked before each call against the call's maximum cost."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.llm.errors import BudgetExceededError
from agent.llm.prices import tokens_per_usd


@dataclass(frozen=True)
class UsedBudget:
    """Dollars and tokens used by a run's calls; calls in flight count at their maximum."""

    usd: float = 0.0
    """Dollars of the calls with a known price."""

    tokens: int = 0
    """Tokens of all calls."""

    unpriced_tokens: int = 0
    """Tokens of the calls without a known price."""


@dataclass(frozen=True)
class SpendLimit:
    """Limits on a run's dollars and tokens; None: no limit.

    The dollars of a model without a known price cannot be counted. Under `max_usd`, each of its tokens
    therefore counts at the highest answer price of the bundled table (`tokens_per_usd()` tokens per dollar),
    so that the run never spends more than the limit.
    """

    max_usd: float | None = None
    max_tokens: int | None = None
    used: Callable[[], UsedBudget] = UsedBudget
    """Returns the amounts used so far; called before every call."""

    def check(self, usd: float | None, tokens: int) -> None:
        """Check that a call fits in the rest of the limit.

        Args:
            usd: Maximum cost of the call in dollars; None if the price is not known.
            tokens: Maximum tokens of prompt and answer together.

        Raises:
            BudgetExceededError: The call does not fit; the message names the limit and the rest.
        """
        used = self.used()
        if self.max_tokens is not None and used.tokens + tokens > self.max_tokens:
            left = max(self.max_tokens - used.tokens, 0)
            raise BudgetExceededError(
                f"The next call may use up to {tokens:,} tokens; {left:,} of {self.max_tokens:,} are left. "
                "Raise the token limit to go on."
            )
        if self.max_usd is None:
            return
        left_usd = max(self.max_usd - used.usd - used.unpriced_tokens / tokens_per_usd(), 0.0)
        if usd is None and tokens > left_usd * tokens_per_usd():
            raise BudgetExceededError(
                f"The model's price is not known, so that a dollar counts as {tokens_per_usd():,.0f} tokens. "
                f"The next call may use up to {tokens:,} tokens; {left_usd * tokens_per_usd():,.0f} of "
                f"${self.max_usd:g} are left. Add the price to prices.yaml in MARS_HOME, or raise --max-usd."
            )
        if usd is not None and usd > left_usd:
            raise BudgetExceededError(
                f"The next call may cost up to ${usd:.4f}; ${left_usd:.4f} of ${self.max_usd:g} are left. "
                "Raise --max-usd to go on."
            )
