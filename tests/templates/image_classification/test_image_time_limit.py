"""The number of training steps under a time limit, on a simulated clock."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported

LABEL = task_view("classification", "accuracy")
TINY = {"backbone": "tiny_cnn", "image_size": 32}


@dataclass
class Simulation:
    """Training on a clock that only steps and validation advance."""

    module: ModuleType
    now: float = 0.0
    rates: list[float] = field(default_factory=list)

    def run(
        self,
        step_s: Callable[[int], float],
        *,
        steps: int = 1000,
        seconds: float = 1000.0,
        prediction_steps: float = 25.0,
        epoch: int = 10**9,
        validation_s: float = 0.0,
    ) -> Any:
        """Train until no step is left; return the budget."""
        config = default_config()
        budget = self.module.StepBudget(steps, seconds, prediction_steps, config)
        while budget.done < budget.total:
            self.rates.append(self.module.lr_factor(budget.fraction, config))
            self.now += step_s(budget.done + 1)
            budget.step()
            if budget.done % epoch == 0:
                budget.end_epoch()
                self.now += validation_s if budget.done < budget.total else 0.0
        return budget


@pytest.fixture
def simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulation]:
    with imported(LABEL, TINY, tmp_path, "fit") as module:
        simulated = Simulation(module)
        monkeypatch.setattr(module.time, "monotonic", lambda: simulated.now)
        yield simulated


def test_without_a_limit_all_steps_are_taken(simulation: Simulation) -> None:
    budget = simulation.run(lambda _: 1.0, steps=50, seconds=float("inf"))
    assert budget.done == budget.total == 50
    assert budget.fraction == 1.0


@pytest.mark.parametrize("slow", [1, 2, 3, 5, 8, 12, 200])
@pytest.mark.parametrize("slow_s", [4.0, 30.0, 300.0])
def test_a_single_slow_step_cuts_no_step_that_fits(simulation: Simulation, slow: int, slow_s: float) -> None:
    budget = simulation.run(lambda step: slow_s if step == slow else 0.5)
    assert budget.done == 1000, "all steps take 500 s and the slow one, of 1000 s"
    assert simulation.rates[-1] < 1e-3


def test_a_single_slow_step_costs_only_its_own_time_where_the_limit_cuts(simulation: Simulation) -> None:
    budget = simulation.run(lambda step: 200.0 if step == 4 else 1.0, steps=5000)
    assert 780 <= budget.done <= 792  # 1000 s less 200 s and 25 x 0.4 s for predictions
    assert simulation.now <= 991


def test_a_slow_start_is_forgotten(simulation: Simulation) -> None:
    budget = simulation.run(lambda step: 10.0 if step <= 6 else 0.8)
    assert budget.done == 1000, "60 s and 795 s fit"
    assert simulation.rates[-1] < 1e-3


def test_steps_that_stay_slow_end_in_time_with_the_schedule_at_its_end(simulation: Simulation) -> None:
    budget = simulation.run(lambda step: 5.0 if step == 1 else 10.0)
    assert 88 <= budget.done <= 90  # 25 batches of predictions take 100 s more
    assert simulation.now <= 900
    assert budget.fraction == 1.0
    assert simulation.rates[-1] < 0.01
    changes = [abs(b - a) for a, b in zip(simulation.rates, simulation.rates[1:], strict=False)]
    assert max(changes) < 0.35, "the rate has no jump where the limit begins to cut"
    assert max(simulation.rates) > 0.98


def test_steps_that_become_slow_end_in_time(simulation: Simulation) -> None:
    budget = simulation.run(lambda step: 0.5 if step <= 100 else 4.0)
    assert simulation.now + 25 * 0.4 * 4 <= 1005
    assert simulation.now > 900
    assert simulation.rates[-1] < 0.02
    assert budget.fraction == 1.0


def test_steps_that_become_fast_are_all_taken(simulation: Simulation) -> None:
    budget = simulation.run(lambda step: 4.0 if step <= 40 else 0.5)
    assert budget.done == 1000


def test_each_eighth_step_that_waits_for_the_loader_counts(simulation: Simulation) -> None:
    budget = simulation.run(lambda step: 8.0 if step % 8 == 0 else 0.1)
    assert simulation.now <= 1000 + 8  # the last may be one that waits
    assert budget.done > 870  # 8.7 s per 8 steps
    assert simulation.rates[-1] < 0.05


def test_validation_between_epochs_is_foreseen(simulation: Simulation) -> None:
    budget = simulation.run(lambda _: 1.0, epoch=20, validation_s=20.0)
    assert simulation.now <= 995
    assert 470 <= budget.done <= 500  # 40 s for 20 steps
    half = simulation.rates[len(simulation.rates) // 2]
    assert half == pytest.approx(0.54, abs=0.06), "half of the steps see half of the schedule"


@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_tiny_epochs_end_in_time(simulation: Simulation, epoch: int) -> None:
    simulation.run(lambda _: 1.0, epoch=epoch, validation_s=3.0)
    assert 900 < simulation.now <= 1000


@pytest.mark.parametrize("step_s", [15.0, 30.0, 200.0])
def test_steps_as_long_as_the_limit_end_soon(simulation: Simulation, step_s: float) -> None:
    budget = simulation.run(lambda _: step_s, seconds=100.0, prediction_steps=2)
    assert budget.done <= max(3, 100 / step_s)
    assert simulation.now <= 100 + step_s
    assert budget.fraction == 1.0


def test_no_step_is_cut_before_a_twentieth_of_the_time(simulation: Simulation) -> None:
    totals = []

    def step_s(step: int) -> float:
        return 2.0

    config = default_config()
    budget = simulation.module.StepBudget(1000, 1000.0, 25.0, config)
    while simulation.now < 100:
        simulation.now += step_s(budget.done)
        budget.step()
        totals.append((simulation.now, budget.total))
    assert {total for now, total in totals if now <= 50} == {1000}
    assert all(total < 500 for now, total in totals if now > 50)
