"""Simulated worlds: equal for every policy, with the documented regret and budget."""

import sys
from types import ModuleType

import numpy as np
import pytest

from agent.core.paths import benchmarks_dir
from agent.search.policy import MCTS, Greedy, Random
from agent.search.scheduler import Scheduler
from tests.benchmarks.benchmark_scripts import import_script

PERFORMANCE = benchmarks_dir() / "performance"
PATHS = [(draft, *rest) for draft in range(10) for rest in ((), (0,), (1,), (0, 0), (2, 0), (0, 2, 1))]


@pytest.fixture(scope="module")
def command() -> ModuleType:
    return import_script(PERFORMANCE / "search_policies.py")


@pytest.fixture(scope="module")
def worlds(command: ModuleType) -> ModuleType:
    return sys.modules[command.World.__module__]


def test_a_solution_depends_on_seed_and_path_alone(worlds: ModuleType) -> None:
    assert len(worlds.KINDS) >= 2
    for kind in worlds.KINDS:
        asked, again = worlds.World(kind, 3), worlds.World(kind, 3)
        there = [asked.solution(path) for path in PATHS]
        assert [again.solution(path) for path in reversed(PATHS)] == there[::-1]
        assert len(set(there)) == len(PATHS), "no two paths are the same solution"
        assert worlds.World(kind, 4).solution((0,)) != there[0]


def test_nothing_is_better_than_the_optimum_and_good_paths_come_near(worlds: ModuleType) -> None:
    for kind in worlds.KINDS:
        world = worlds.World(kind, 0)
        assert max(world.solution(path).quality for path in PATHS) < world.optimum
    world = worlds.World(worlds.KINDS[0], 0)
    floors = [floor for _, floor in world.structures]
    path = (int(np.argmin(floors)),)
    for _ in range(30):
        path = max(((*path, child) for child in range(10)), key=lambda one: world.solution(one).quality)
    assert world.optimum - world.solution(path).quality == pytest.approx(0, abs=1e-3)


def test_structures_come_lightest_first_and_the_heavy_promise_more(worlds: ModuleType) -> None:
    heavy = worlds.KINDS[-1]
    falls = []
    for seed in range(20):
        times, floors = np.array(worlds.World(heavy, seed).structures).T
        assert list(times) == sorted(times)
        falls.append(floors[0] - floors[-1])
    assert np.mean(falls) > heavy.floor_per_cost


def test_policies_meet_the_same_world_and_stay_in_their_time(command: ModuleType, worlds: ModuleType) -> None:
    world = worlds.World(worlds.KINDS[1], 1)
    seen: dict[tuple[int, ...], float] = {}
    for policy in (MCTS(), Greedy(), Random()):
        state = command.run_search(world, command.PolicyOnly(policy), budget=20)
        assert state.elapsed_s <= state.run.budget_s
        assert state.elapsed_s > 0.9 * state.run.budget_s
        for node in state.valid:
            path = command.path_of(state, node)
            assert node.seconds == world.solution(path).seconds
            assert seen.setdefault(path, node.metric) == node.metric
        best = max(state.valid, key=lambda node: node.metric)
        regret = world.optimum - world.solution(command.path_of(state, best)).quality
        assert command.result_of(world, state).regret == regret


def test_what_exceeds_the_limit_is_killed_and_has_cost_the_limit(
    command: ModuleType, worlds: ModuleType
) -> None:
    killed = []
    for seed in range(10):
        world = worlds.World(worlds.KINDS[2], seed)
        state = command.run_search(world, command.PolicyOnly(Random()), budget=15)
        early = [node for node in state.nodes.values() if node.proposed_at_s < 0.5 * state.run.budget_s]
        killed += [
            (node.status, node.seconds - state.run.node_limit_s)
            for node in early
            if world.solution(command.path_of(state, node)).seconds > state.run.node_limit_s
        ]
    assert killed
    assert set(killed) == {("failed", 0.0)}


def test_a_whole_run_repeats_its_best(command: ModuleType, worlds: ModuleType) -> None:
    world = worlds.World(worlds.KINDS[0], 0)
    state = command.run_search(world, Scheduler(MCTS(), command.ConstantPlanner()), budget=50)
    repeated = [node for node in state.nodes.values() if node.repeats]
    assert repeated
    assert state.repeat_seconds == sum(node.seconds for node in repeated)
    assert state.elapsed_s <= state.run.budget_s


def test_the_oracle_regrets_less_than_random(command: ModuleType, worlds: ModuleType) -> None:
    assert len(worlds.KINDS) >= 2
    for kind in worlds.KINDS:
        results = command.compare(kind, 15, range(8), {"random": Random()}, scheduler=False)
        oracle, random = ([one.regret for one in results[name]] for name in ("oracle", "random"))
        assert np.mean(oracle) < np.mean(random)
        assert min(oracle) > 0


def test_the_interval_holds_the_mean_and_narrows_with_more_worlds(command: ModuleType) -> None:
    values = np.random.default_rng(1).normal(0.3, 0.1, 400)
    mean, lower, upper = command.interval(values)
    assert mean == pytest.approx(values.mean())
    assert (upper - lower) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.1)
    assert lower < mean < upper


def test_the_tables_name_every_policy(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["search_policies.py", "--worlds", "2", "--budgets", "6", "--kinds", "deep", "broad"]
    monkeypatch.setattr(sys, "argv", asked)
    command.main()
    printed = capsys.readouterr().out
    assert all(name in printed for name in command.POLICIES)
    assert [printed.count(f"\n {kind} ") for kind in ("deep", "broad", "all")] == [3, 3, 3]
