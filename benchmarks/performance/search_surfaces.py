"""Response surfaces for `search_regret.py`: the error of one structure as a function of its slots."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from agent.planner.library.axes import Space
from agent.repository.family import Family, Value

BANDWIDTH = 1.0  # rungs over which recorded errors are averaged
RECORDED = Path(__file__).with_name("recorded_surfaces.csv")


def _slot(
    values: Sequence[Value], default: Value, bounds: tuple[float, float] | None = None
) -> dict[str, Any]:
    return {"values": tuple(values), "default": default, "description": "", "modules": (), "range": bounds}


SLOTS: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "boosting": {
        "learning_rate": _slot([0.02, 0.03, 0.05, 0.1, 0.2], 0.1, (0.005, 0.5)),
        "max_iter": _slot([50, 100, 200, 400], 200, (10, 600)),
        "max_leaf_nodes": _slot([4, 8, 15, 31, 63], 31, (2, 128)),
        "min_samples_leaf": _slot([3, 5, 10, 20, 40, 80], 20, (1, 150)),
        "l2": _slot([0.0, 0.1, 1.0, 10.0], 0.0, (0.0, 1000.0)),
        "max_features": _slot([0.3, 0.5, 1.0], 1.0, (0.05, 1.0)),
        "early_stopping": _slot([False, True], True),
    },
    "forest": {
        "n_estimators": _slot([25, 50, 100, 200], 100, (10, 300)),
        "max_features": _slot([0.2, 0.35, 0.5, 1.0], 0.5, (0.05, 1.0)),
        "min_samples_leaf": _slot([1, 2, 4, 8], 1, (1, 40)),
        "min_samples_split": _slot([2, 4, 8, 16], 2, (2, 60)),
        "max_depth": _slot([0, 4, 8, 16], 0),
        "bootstrap": _slot([False, True], False),
    },
    "kernel": {
        "C": _slot([0.1, 0.3, 1.0, 3.0, 10.0], 1.0, (0.001, 1000.0)),
        "gamma": _slot([0.003, 0.01, 0.03, 0.1], 0.1, (0.0001, 3.0)),
        "epsilon": _slot([0.03, 0.1, 0.3], 0.1, (0.001, 1.0)),
        "scaling": _slot(["standard", "quantile"], "standard"),
        "shrinking": _slot([True, False], True),
    },
}


def family_of(slots: Mapping[str, dict[str, Any]]) -> Family:
    """Return a family with these slots and one draft of their defaults."""
    draft = {"id": "usual", "title": "Usual", "set": {}, **dict.fromkeys(("model", "data", "training"), "-")}
    return Family.model_validate(
        {
            "id": "surface",
            "title": "A response surface",
            "serves": {"tasks": ("regression",), "reads": ("number",)},
            "preload": (),
            "packages": (),
            "slots": dict(slots),
            "drafts": ({**draft, "evaluation": "-"},),
            "moves": (),
            "folder": Path(),
        }
    )


@dataclass(frozen=True)
class Row:
    """One recorded point of a surface."""

    kind: str
    table: str
    slots: Mapping[str, Value]
    error: float


class Surface:
    """The error of a structure over its slots, without noise."""

    name: str
    family: Family

    def error(self, slots: Mapping[str, Value]) -> float:
        raise NotImplementedError

    @property
    def best(self) -> float:
        """The smallest error of the surface."""
        raise NotImplementedError

    @staticmethod
    def recorded(file: Path = RECORDED) -> list[Row]:
        """Return the recorded points of all surfaces."""
        with file.open(newline="") as rows:
            return [
                Row(kind, table, json.loads(slots), float(error))
                for kind, table, slots, error in csv.reader(rows)
            ]


@dataclass(frozen=True)
class RecordedSurface(Surface):
    """The errors of a model: the mean of recorded log errors, weighted by the distance in rungs."""

    name: str
    family: Family
    rows: tuple[Row, ...]

    @cached_property
    def _space(self) -> Space:
        return Space.of(self.family, ())

    @cached_property
    def _points(self) -> tuple[np.ndarray, np.ndarray]:
        places = self._space.positions([row.slots for row in self.rows])
        return places, np.log([row.error for row in self.rows])

    def error(self, slots: Mapping[str, Value]) -> float:
        places, logs = self._points
        gaps = np.abs(places - self._space.positions([slots]))
        gaps = np.where(self._space.ordered, gaps, 1.5 * (gaps > 0))
        distances = np.square(gaps).sum(axis=1)
        weights = np.exp(-0.5 * (distances - distances.min()) / BANDWIDTH**2)
        return float(np.exp((weights * logs).sum() / weights.sum()))

    @cached_property
    def best(self) -> float:
        return min(self.error(row.slots) for row in self.rows)


@dataclass(frozen=True)
class SyntheticSurface(Surface):
    """A sum of valleys in few of many slots, with pairs of slots that interact.

    The usual values lie within two rungs of the best ones, as the values that a family declares do. Two
    thirds of the slots have an effect below a percent.
    """

    seed: int
    numbers: int = 9
    choices: int = 4

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"synthetic {self.seed}"

    @cached_property
    def family(self) -> Family:  # type: ignore[override]
        numbers = {
            f"number_{at}": _slot([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [4.0, 8.0][at % 2], (0.5, 64.0))
            for at in range(self.numbers)
        }
        choices = {f"choice_{at}": _slot(["a", "b", "c"], "a") for at in range(self.choices)}
        return family_of({**numbers, **choices})

    @cached_property
    def _world(self) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([self.seed, 12])
        depth = 0.003 * np.exp(rng.normal(0.0, 1.5, self.numbers))
        usual = np.array([2.0, 3.0] * self.numbers)[: self.numbers] + 1
        return {
            "depth": np.minimum(depth, 0.05),
            "best": np.clip(usual + rng.normal(0, 1.2, self.numbers), 0.3, 6.7),
            "tilt": rng.normal(0, 0.35, (self.numbers, self.numbers))
            * (rng.random((self.numbers,) * 2) < 0.2),
            "choice": np.abs(rng.normal(0, 0.02, (self.choices, 3))) * (rng.random((self.choices, 1)) < 0.6),
        }

    def error(self, slots: Mapping[str, Value]) -> float:
        world = self._world
        places = Space.of(self.family, ()).positions([slots])[0]
        away = places[: self.numbers] - world["best"]
        tilted = away + world["tilt"] @ away / self.numbers
        bent = np.square(tilted) / (1 + 0.15 * np.square(tilted))
        chosen = world["choice"][np.arange(self.choices), places[self.numbers :].astype(int)]
        spread = chosen - world["choice"].min(axis=1)
        return float(0.2 * np.exp((world["depth"] * bent).sum() + spread.sum()))

    @property
    def best(self) -> float:
        return 0.2


def surfaces(file: Path = RECORDED, synthetic: int = 4) -> list[Surface]:
    """Return the recorded surfaces, then synthetic ones."""
    rows = Surface.recorded(file) if file.exists() else []
    cases = dict.fromkeys((row.kind, row.table) for row in rows)
    recorded: list[Surface] = [
        RecordedSurface(
            f"{kind}, {table}",
            family_of(SLOTS[kind]),
            tuple(row for row in rows if (row.kind, row.table) == (kind, table)),
        )
        for kind, table in cases
    ]
    return [*recorded, *(SyntheticSurface(seed) for seed in range(synthetic))]
