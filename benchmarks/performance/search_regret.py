"""Compare the search for values within one structure with TPE and random search, on known response surfaces.

    python benchmarks/performance/search_regret.py [--seeds 20] [--evaluations 50] [--noise 0.01]
        [--surfaces NAME ...] [--samplers ours tpe random] [--processes 1]

Nothing is trained. A surface gives the error of each point, and a measurement adds noise: a normal relative
error of standard deviation `--noise`, drawn anew for each evaluation. Every sampler starts at the values
that the family declares, and draws from the same axes (`agent.planner.library.axes`). `tpe` is Optuna's
sampler, left out if the package is not installed; it sees positions on the ladders, on which a range is
uniform.

Regret is the relative excess of the true error at the point with the best measurement, over the surface's
smallest error. Intervals are 95 % bootstrap intervals over seeds; differences are paired by surface and
seed.
"""

import argparse
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from search_surfaces import Surface, surfaces

from agent.planner.library.axes import Space
from agent.planner.library.sampler import Sampler, Trial
from agent.repository.family import Value

RESAMPLES = 2000
CHECKED = (25, 50)  # evaluations after which the regret is measured

Slots = Mapping[str, Value]
Ask = Callable[[Sequence[Trial], np.random.Generator], Slots]


def ours(surface: Surface) -> Ask:
    """Return the sampler of the library planner, without lessons and without moves."""
    space, usual = Space.of(surface.family, ()), surface.family.defaults

    def ask(trials: Sequence[Trial], rng: np.random.Generator) -> Slots:
        bases = [trial.slots for trial in sorted(trials, key=lambda trial: trial.error or 0.0)]
        return next(Sampler(space, usual, trials).suggest(bases, rng)).slots

    return ask


def random_search(surface: Surface) -> Ask:
    """Return random search over the axes."""
    space = Space.of(surface.family, ())
    return lambda trials, rng: {axis.name: axis.sample(rng) for axis in space.axes}


def tpe(surface: Surface) -> Ask:
    """Return Optuna's TPE sampler over the axes."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = Space.of(surface.family, ())
    study: list[Any] = []

    def ask(trials: Sequence[Trial], rng: np.random.Generator) -> Slots:
        if not study:
            sampler = optuna.samplers.TPESampler(seed=int(rng.integers(2**31)), multivariate=True)
            study.append(optuna.create_study(sampler=sampler))
            study[0].add_trial(_told(optuna, space, trials[0].slots, trials[0].error))
        elif study[1:]:
            study[0].tell(study.pop(), trials[-1].error)
        trial = study[0].ask()
        study.append(trial)
        return {axis.name: _asked(trial, axis) for axis in space.axes}

    return ask


def _asked(trial: Any, axis: Any) -> Value:
    if not axis.is_ordered:
        return axis.values[trial.suggest_categorical(axis.name, list(range(len(axis.values))))]
    if not axis.continuous:
        return axis.values[trial.suggest_int(axis.name, 0, len(axis.values) - 1)]
    return axis.value_at(trial.suggest_float(axis.name, 0.0, len(axis.knots) - 1.0))


def _told(optuna: Any, space: Space, slots: Slots, error: float | None) -> Any:
    kinds = optuna.distributions
    values: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for axis in space.axes:
        if not axis.is_ordered:
            found[axis.name] = kinds.CategoricalDistribution(list(range(len(axis.values))))
            values[axis.name] = axis.values.index(slots[axis.name])
        elif axis.continuous:
            found[axis.name] = kinds.FloatDistribution(0.0, len(axis.knots) - 1.0)
            values[axis.name] = axis.position(slots[axis.name])
        else:
            found[axis.name] = kinds.IntDistribution(0, len(axis.values) - 1)
            values[axis.name] = axis.values.index(slots[axis.name])
    return optuna.trial.create_trial(params=values, distributions=found, value=error)


SAMPLERS: Mapping[str, Callable[[Surface], Ask]] = {"ours": ours, "tpe": tpe, "random": random_search}


def regrets(surface: Surface, name: str, seed: int, evaluations: int, noise: float) -> np.ndarray:
    """Return the regret (evaluations,) of a sampler after each evaluation."""
    rng, weather = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    ask, trials, found = SAMPLERS[name](surface), list[Trial](), []
    best = (np.inf, 0.0)
    for _ in range(evaluations):
        slots = ask(trials, rng) if trials else surface.family.defaults
        true = surface.error(slots)
        measured = true * float(np.exp(noise * weather.standard_normal()))
        trials.append(Trial(slots, measured))
        best = min(best, (measured, true))
        found.append(best[1] / surface.best - 1)
    return np.array(found)


def all_regrets(options: tuple[int, int, float], task: tuple[str, str]) -> np.ndarray:
    """Return the regrets (seeds, evaluations) of a sampler on a surface.

    Args:
        options: Numbers of seeds and evaluations, and the noise.
        task: Names of the surface and of the sampler.
    """
    seeds, evaluations, noise = options
    surface = next(one for one in surfaces() if one.name == task[0])
    return np.stack([regrets(surface, task[1], seed, evaluations, noise) for seed in range(seeds)])


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return (mean, lower, upper) over seeds of values (surfaces, seeds): bootstrap percentiles."""
    means = values.mean(axis=0)
    picks = np.random.default_rng(0).integers(len(means), size=(RESAMPLES, len(means)))
    lower, upper = np.percentile(means[picks].mean(axis=1), [2.5, 97.5])
    return float(means.mean()), float(lower), float(upper)


def table_of(found: Mapping[tuple[str, str], np.ndarray], names: Sequence[str], at: int) -> Table:
    """Return the regrets after `at` evaluations, by surface and over all."""
    known = list(dict.fromkeys(surface for surface, _ in found))
    others = [f"{names[0]} - {name}" for name in names[1:]]
    table = Table(
        "surface", *names, *others, title=f"Regret in % after {at} evaluations (95 % interval)", box=None
    )
    for rows in [*([one] for one in known), known]:
        values = {
            name: 100
            * np.stack([found[row, name][:, min(at, found[row, name].shape[1]) - 1] for row in rows])
            for name in names
        }
        cells = [_cell(values[name]) for name in names]
        cells += [_cell(values[names[0]] - values[name]) for name in names[1:]]
        table.add_row(rows[0] if len(rows) == 1 else "all", *cells)
    return table


def _cell(values: np.ndarray) -> str:
    mean, lower, upper = interval(values)
    return f"{mean:.2f} ({lower:.2f} .. {upper:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--evaluations", type=int, default=max(CHECKED))
    parser.add_argument("--noise", type=float, default=0.01)
    parser.add_argument("--surfaces", nargs="+", default=[], help="Parts of names; default: all surfaces.")
    parser.add_argument("--samplers", nargs="+", choices=list(SAMPLERS), default=list(SAMPLERS))
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    names = [name for name in arguments.samplers if name != "tpe" or importlib.util.find_spec("optuna")]
    known = [
        surface.name
        for surface in surfaces()
        if not arguments.surfaces or any(part in surface.name for part in arguments.surfaces)
    ]
    tasks = [(surface, name) for surface in known for name in names]
    with ProcessPoolExecutor(arguments.processes) as pool:
        options = (arguments.seeds, arguments.evaluations, arguments.noise)
        found = dict(zip(tasks, pool.map(partial(all_regrets, options), tasks), strict=True))
    console = Console(width=180)
    for at in CHECKED:
        if at <= arguments.evaluations:
            console.print(table_of(found, names, at))


if __name__ == "__main__":
    main()
