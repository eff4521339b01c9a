"""What calls may cost in one run: checked before each is sent, by the most that it may cost."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.llm.errors import Spent

TOKENS_PER_USD = 10_000


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
    """How much a run may use; None: as much as it wants."""

    max_usd: float | None = None
    max_tokens: int | None = None
    used: Callable[[], Used] = Used
    """What is used so far; asked before every call."""

    def check(self, usd: float | None, tokens: int) -> None:
        """Whether a call fits that may cost so much at most.

        Raises:
            Spent: it does not; says which limit and what is left.
        """
        raise NotImplementedError(Spent)
