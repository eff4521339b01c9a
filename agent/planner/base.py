"""Planner interface: takes a request, returns a proposal."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from agent.competition.metrics import PredictionKind, Trait, metric_of
from agent.competition.spec import CompetitionSpec, Task
from agent.competition.target_views import target_views
from agent.planner.data_facts import DataFacts
from agent.record.state import Node, RunState
from agent.repository.idea import Idea


@dataclass(frozen=True)
class Request:
    """The search's request for one idea."""

    state: RunState
    parent: Node | None  # None: a draft
    limit_s: float  # time limit of the candidate, in seconds
    finishing: bool  # the rest of the time goes to the best node: rank by gain, not by gain per cost
    rng: np.random.Generator
    looking: bool = False  # the search has its first look at structures: known drafts wait
    most_expected_s: float = math.inf  # drafts that are expected to take longer are not proposed
    left_s: float = math.inf
    """Seconds that candidates may still use: cost counts where a node takes a notable share of them."""


@dataclass(frozen=True)
class Proposal:
    """An idea with its expected run time."""

    idea: Idea
    expected_s: float | None  # seconds; None: no estimate yet
    note: str = ""  # for the user: where the idea comes from
    replays: int | None = None  # the node of another run that the idea is taken from


class Planner(Protocol):
    """Proposes ideas; a pure function of the request and of the language models' answers."""

    def propose(self, request: Request) -> Proposal | None:
        """Return the next idea, or None if the planner has nothing new for this parent."""
        ...


@dataclass(frozen=True)
class TaskContext:
    """Properties of the task, the data and the machine that conditions of moves and drafts test."""

    task: Task
    metric: str
    roles: frozenset[str]
    n_train: int
    device: Literal["cpu", "cuda"]
    metric_traits: frozenset[Trait] = frozenset()
    prediction: PredictionKind | None = None  # what a submission holds; None: unknown
    facts: DataFacts | None = None  # about the training rows; None: unknown
    best_score: float | None = None  # the best score of the metric; None: unknown
    n_test: int = 0  # rows to predict; 0: unknown
    weights: Path | None = None  # folder of the user's pretrained weights; None: there is none
    networks: frozenset[str] | None = None  # whose pretrained weights are at hand; None: unknown
    target_tasks: frozenset[Task] = frozenset()  # of several targets, each alone

    @classmethod
    def of(
        cls,
        spec: CompetitionSpec,
        n_train: int,
        device: Literal["cpu", "cuda"],
        facts: DataFacts | None = None,
        n_test: int = 0,
        weights: Path | None = None,
        networks: Iterable[str] | None = None,
    ) -> "TaskContext":
        """Return the context of a competition.

        Args:
            spec: The competition.
            n_train: Number of training rows.
            device: The device of the machine.
            facts: Facts about the training rows; None before the data is prepared.
            n_test: Number of rows to predict; 0 if it is unknown.
            weights: Folder of the user's pretrained weights; need not exist.
            networks: Networks whose pretrained weights are at hand; None if they are unknown.
        """
        metric = metric_of(spec)
        return cls(
            task=spec.task,
            metric=spec.metric,
            roles=frozenset(column.role for column in spec.inputs),
            n_train=n_train,
            device=device,
            metric_traits=metric.traits,
            prediction=metric.prediction_kind(spec.task),
            facts=facts,
            best_score=metric.best,
            n_test=n_test,
            weights=weights,
            networks=None if networks is None else frozenset(networks),
            target_tasks=frozenset(view.task for view in target_views(spec) if spec.task == "several"),
        )
