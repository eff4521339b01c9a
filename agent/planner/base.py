"""The door of the planners: a request comes in, an idea goes out."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from agent.competition.spec import Task
from agent.record.state import Node, RunState
from agent.repository.idea import Idea


@dataclass(frozen=True)
class Request:
    """What the search wants an idea for."""

    state: RunState
    parent: Node | None  # None: a draft
    limit_s: float  # the longest that the candidate may take
    finishing: bool  # the time goes to the best now: gain counts, cost only has to fit
    rng: np.random.Generator


@dataclass(frozen=True)
class Proposal:
    """An idea and how long the planner thinks it takes (None: no way to know yet)."""

    idea: Idea
    expected_s: float | None
    note: str = ""  # how the planner came by it, where that is worth a word
    replays: int | None = None  # the node of another run whose idea it is


class Planner(Protocol):
    """Proposes ideas; a pure function of the request and of what language models answered."""

    def propose(self, request: Request) -> Proposal | None:
        """The next idea, or None when the planner has nothing new for this parent."""
        ...


@dataclass(frozen=True)
class Circumstances:
    """What conditions of moves and drafts are asked about."""

    task: Task
    metric: str
    roles: frozenset[str]
    n_train: int
    device: Literal["cpu", "cuda"]
