"""Compare MCTS with greedy and random search on simulated worlds with a known optimum, at equal time.

    python benchmarks/performance/search_policies.py [--worlds 200] [--first-world 0] [--scheduler]
        [--budgets 15 50 150] [--kinds deep broad heavy]

`simulated_worlds.py` defines and explains the worlds. The policies are those of `mars run` and decide over a
real state, built from real events. Only the executions are looked up, with the time that they would take. The
unit of a budget is a typical draft. The time limit of a node is that of `mars run`; a node that exceeds its
limit or the budget is killed and fails.

Regret is the world's optimum minus the true score of the node with the best validation score (score 0 without
a valid node). Some regret is unavoidable; `oracle` estimates how much. It is the best of eight plans; each
plan improves the first draft of one structure and knows the true score of every next step. Where drafts
matter most, a policy with more drafts can beat it. Differences are paired by world; intervals are 95 %
bootstrap intervals over worlds.

With `--scheduler`, decisions are those of a whole run: repeats of the best node, and the last third of the
time for improving it, with every policy.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from rich.console import Console
from rich.table import Table
from simulated_worlds import KINDS, NOISE, STRUCTURES, TYPICAL_S, Kind, Path, World

from agent.engine.request import FINAL_NODE_FACTOR, NODE_SHARE
from agent.planner.base import Proposal, Request
from agent.record.events import (
    Event,
    NodeFinished,
    NodeProposed,
    NodeResult,
    RepeatFinished,
    RepeatProposed,
    RunSettings,
    RunStarted,
)
from agent.record.state import Node, RunState
from agent.repository.idea import Idea
from agent.search.budget import Budget
from agent.search.policy import MCTS, Greedy, Policy, Random, Step, improvable
from agent.search.reward import TIME_WEIGHT
from agent.search.scheduler import Decisions, Propose, Repeat, Scheduler

IDEA = Idea(title="Simulated", model="m", data="d", training="t", evaluation="e", blueprint=None)
RESAMPLES = 2000
NO_TIME, MUCH_TIME = "mcts w=0", "mcts w=-0.15"
POLICIES: Mapping[str, Policy] = {
    "mcts": MCTS(),
    "greedy": Greedy(),
    "random": Random(),
    NO_TIME: MCTS(time_weight=0.0),
    MUCH_TIME: MCTS(time_weight=-0.15),
}
COMPARED = (("mcts", "greedy"), ("mcts", "random"), ("mcts", NO_TIME), ("mcts", MUCH_TIME))


@dataclass(frozen=True)
class Oracle:
    """Improves the draft of one structure by the step with the best true score."""

    world: World
    structure: int
    _paths: dict[int, Path] = field(default_factory=dict)

    def next(self, state: RunState, rng: np.random.Generator) -> Step:
        nodes = [node for node in improvable(state) if self._path(state, node)[0] == self.structure]
        if not nodes:
            return Step(None)
        limit = Budget.of(state).execution_limit_s(final=False)

        def truth(node: Node) -> float:
            solution = self.world.solution((*self._path(state, node), len(node.children)))
            return -1.0 if solution.fails or solution.seconds > limit else solution.quality

        return Step(max(nodes, key=truth).id)

    def _path(self, state: RunState, node: Node) -> Path:
        if node.id not in self._paths:
            self._paths[node.id] = path_of(state, node)
        return self._paths[node.id]


@dataclass(frozen=True)
class PolicyOnly:
    """Decides by the policy alone, without the scheduler."""

    policy: Policy

    def next(self, state: RunState) -> Propose | None:
        if Budget.of(state).is_exhausted:
            return None
        step = self.policy.next(state, np.random.default_rng([state.run.seed, state.decisions]))
        if step.parent is None:
            return Propose("draft", (), IDEA, None)
        return Propose("improve", (step.parent,), IDEA, None)


class ConstantPlanner:
    """Proposes the same idea for every parent; the world defines its score."""

    def propose(self, request: Request) -> Proposal:
        return Proposal(IDEA, None)


@dataclass(frozen=True)
class Result:
    """Outcome of a search."""

    regret: float
    nodes: int
    effective: float  # share of the nodes that improve on the best before them


def path_of(state: RunState, node: Node) -> Path:
    """Return the path of a node in its world."""
    if node.parent is None:
        return (state.roots.index(node),)
    parent = state.nodes[node.parent]
    return (*path_of(state, parent), parent.children.index(node.id))


def run_search(world: World, decisions: Decisions, budget: int) -> RunState:
    """Return the final state of a search with the time of `budget` typical drafts."""
    state = RunState(higher_is_better=True)
    minutes = budget * TYPICAL_S / 60
    settings = RunSettings(
        competition="simulated",
        folder="",
        prepared="",
        data_kind="sample",
        fingerprint="",
        minutes=minutes,
        node_minutes=NODE_SHARE * minutes,
        final_node_minutes=FINAL_NODE_FACTOR * NODE_SHARE * minutes,
        seed=world.seed,
    )
    state.apply(RunStarted(elapsed_s=0.0, settings=settings, missing_guarantees=(), lessons=()))
    while (action := decisions.next(state)) is not None:
        for event in _execute(world, state, action):
            state.apply(event)
    return state


def _execute(world: World, state: RunState, action: Propose | Repeat) -> Iterator[Event]:
    began, limit = state.elapsed_s, Budget.of(state).execution_limit_s(final=False)
    if isinstance(action, Repeat):
        node = state.nodes[action.node]
        solution = world.solution(path_of(state, node))
        yield RepeatProposed(elapsed_s=began, node=node.id)
        # Repeats influence no policy, so the first score serves as the repeated one.
        yield RepeatFinished(
            elapsed_s=began + solution.seconds,
            node=node.id,
            metric=solution.measured,
            seconds=solution.seconds,
        )
        return
    number = len(state.nodes) + 1
    yield NodeProposed(
        elapsed_s=began, node=number, operator=action.operator, parents=action.parents, idea=action.idea
    )
    solution = world.solution(path_of(state, state.nodes[number]))
    seconds, valid = min(solution.seconds, limit), not solution.fails and solution.seconds <= limit
    result = NodeResult(
        status="valid" if valid else "failed",
        commit="",
        seconds=seconds,
        metric=solution.measured if valid else None,
        metric_se=NOISE if valid else None,
    )
    yield NodeFinished(elapsed_s=began + seconds, node=number, result=result)


def result_of(world: World, state: RunState) -> Result:
    """Return the result of submitting the best node of the state."""
    score = world.solution(path_of(state, state.best)).quality if state.best else 0.0
    return Result(world.optimum - score, state.searched_nodes, len(state.best_history) / state.searched_nodes)


def oracle(world: World, budget: int) -> Result:
    """Return the result of the best structure when true scores are known."""
    plans = (PolicyOnly(Oracle(world, structure)) for structure in range(STRUCTURES))
    results = (result_of(world, run_search(world, plan, budget)) for plan in plans)
    return min(results, key=lambda result: result.regret)


def compare(
    kind: Kind, budget: int, seeds: Sequence[int], policies: Mapping[str, Policy], scheduler: bool
) -> dict[str, list[Result]]:
    """Return the results of every policy and of `oracle`, one per world."""
    results: dict[str, list[Result]] = {name: [] for name in (*policies, "oracle")}
    for seed in seeds:
        world = World(kind, seed)
        for name, policy in policies.items():
            decisions = Scheduler(policy, ConstantPlanner()) if scheduler else PolicyOnly(policy)
            results[name].append(result_of(world, run_search(world, decisions, budget)))
        results["oracle"].append(oracle(world, budget))
    return results


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return (mean, lower, upper) of values (worlds,): bootstrap percentiles 2.5 and 97.5."""
    picks = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    lower, upper = np.percentile(values[picks].mean(axis=1), [2.5, 97.5])
    return float(values.mean()), float(lower), float(upper)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [kind.name for kind in KINDS]
    parser.add_argument("--worlds", type=int, default=200, help="Number of worlds of each kind.")
    parser.add_argument("--first-world", type=int, default=0, help="Seed of the first world.")
    parser.add_argument(
        "--budgets", type=int, nargs="+", default=[15, 50, 150], help="Budgets in typical drafts."
    )
    parser.add_argument("--kinds", nargs="+", choices=names, default=names)
    parser.add_argument(
        "--scheduler", action="store_true", help="Decide with the scheduler, as a whole run does."
    )
    arguments = parser.parse_args()
    seeds = range(arguments.first_world, arguments.first_world + arguments.worlds)
    found: dict[tuple[str, int], dict[str, list[Result]]] = {}
    for budget in arguments.budgets:
        for kind in KINDS:
            if kind.name in arguments.kinds:
                found[kind.name, budget] = compare(kind, budget, seeds, POLICIES, arguments.scheduler)
        found["all", budget] = _mean_over_kinds([found[name, budget] for name in arguments.kinds])
    console = Console(width=150)
    console.print(_regrets(found))
    console.print(_differences(found))
    console.print(_effective(found))


def _mean_over_kinds(kinds: Sequence[dict[str, list[Result]]]) -> dict[str, list[Result]]:
    """Return the mean over the kinds for each seed."""
    return {
        name: [
            replace(
                results_of_seed[0],
                regret=float(np.mean([result.regret for result in results_of_seed])),
                effective=float(np.mean([result.effective for result in results_of_seed])),
            )
            for results_of_seed in zip(*(results[name] for results in kinds), strict=True)
        ]
        for name in kinds[0]
    }


def _regret(results: Sequence[Result]) -> np.ndarray:
    return np.array([result.regret for result in results])


def _regrets(found: Mapping[tuple[str, int], dict[str, list[Result]]]) -> Table:
    names = [*POLICIES, "oracle"]
    table = Table("worlds", "budget", *names, title="Mean regret ± half its 95 % interval", box=None)
    for (kind, budget), results in found.items():
        cells = []
        for name in names:
            mean, lower, upper = interval(_regret(results[name]))
            cells.append(f"{mean:.4f} ± {(upper - lower) / 2:.4f}")
        table.add_row(kind, str(budget), *cells)
    return table


def _differences(found: Mapping[tuple[str, int], dict[str, list[Result]]]) -> Table:
    heads = [f"{one} - {other}" for one, other in COMPARED]
    title = f"Paired difference of regret (below 0: the first is better; mcts has w={TIME_WEIGHT})"
    table = Table("worlds", "budget", *heads, title=title, box=None)
    for (kind, budget), results in found.items():
        cells = []
        for one, other in COMPARED:
            mean, lower, upper = interval(_regret(results[one]) - _regret(results[other]))
            cells.append(f"{mean:+.4f} ({lower:+.4f} .. {upper:+.4f})")
        table.add_row(kind, str(budget), *cells)
    return table


def _effective(found: Mapping[tuple[str, int], dict[str, list[Result]]]) -> Table:
    names = list(POLICIES)
    table = Table(
        "worlds", "budget", *names, title="Share of nodes that improve on the best before them", box=None
    )
    for (kind, budget), results in found.items():
        shares = [float(np.mean([result.effective for result in results[name]])) for name in names]
        table.add_row(kind, str(budget), *(f"{share:.1%}" for share in shares))
    return table


if __name__ == "__main__":
    main()
