"""The 23 variables: their names, how often they are true, and how they depend on each other."""

from dataclasses import dataclass

import numpy as np

BINARY = (
    "depressed_mood",
    "current_treatment",
    "past_treatment",
    "mental_health_problem",
    "anxiety_diagnosis",
    "depression_diagnosis",
    "bipolar_diagnosis",
    "attention_diagnosis",
    "substance_use_problem",
    "alcohol_use_problem",
    "partner_problem",
    "family_conflict",
    "recent_argument",
    "school_problem",
    "job_problem",
    "money_problem",
    "legal_problem",
    "recent_loss",
    "physical_health_problem",
    "concern_told_to_family",
    "concern_told_to_friend",
)
LOCATION, WEAPON = "InjuryLocationType", "WeaponType1"
VARIABLES = (*BINARY, LOCATION, WEAPON)

LOCATION_ODDS = (0.54, 0.06, 0.08, 0.12, 0.11, 0.09)
WEAPON_ODDS = (0.28, 0.19, 0.13, 0.10, 0.075, 0.06, 0.05, 0.035, 0.025, 0.02, 0.02, 0.015)

# Errors of the training labels: a circumstance missed, one added, a code drawn anew. Answers have none.
MISSED, ADDED, MIXED_UP = 0.06, 0.015, 0.05

# Variables without dependence on others.
_ALONE = {
    "mental_health_problem": 0.60,
    "substance_use_problem": 0.22,
    "partner_problem": 0.25,
    "family_conflict": 0.28,
    "school_problem": 0.18,
    "job_problem": 0.10,
    "recent_loss": 0.07,
    "physical_health_problem": 0.06,
}


@dataclass(frozen=True)
class Case:
    """The truth about one case: the binary variables that hold, and two codes that count from 1."""

    true: frozenset[str]
    location: int
    weapon: int

    @property
    def labels(self) -> tuple[int, ...]:
        """Return the values of VARIABLES (23,)."""
        return (*(int(name in self.true) for name in BINARY), self.location, self.weapon)


def draw_case(rng: np.random.Generator) -> Case:
    """Draw the variables of one case."""
    true = {name for name, odds in _ALONE.items() if rng.random() < odds}

    def add(name: str, parent: bool, odds: float, otherwise: float = 0.0) -> None:
        if rng.random() < (odds if parent else otherwise):
            true.add(name)

    ill = "mental_health_problem" in true
    add("depression_diagnosis", ill, 0.48)
    add("anxiety_diagnosis", ill, 0.24)
    add("attention_diagnosis", ill, 0.16)
    add("bipolar_diagnosis", ill, 0.08)
    add("depressed_mood", "depression_diagnosis" in true, 0.62, 0.36)
    add("current_treatment", ill, 0.44, 0.02)
    add("past_treatment", ill, 0.55, 0.06)
    add("alcohol_use_problem", "substance_use_problem" in true, 0.30, 0.07)
    add("legal_problem", "substance_use_problem" in true, 0.18, 0.05)
    add("money_problem", "job_problem" in true, 0.20, 0.025)
    add("recent_argument", bool(true & {"partner_problem", "family_conflict"}), 0.52, 0.07)
    add("concern_told_to_family", "depressed_mood" in true, 0.24, 0.08)
    add("concern_told_to_friend", "depressed_mood" in true, 0.17, 0.06)
    return Case(frozenset(true), _draw_code(LOCATION_ODDS, rng), _draw_code(WEAPON_ODDS, rng))


def _draw_code(odds: tuple[float, ...], rng: np.random.Generator) -> int:
    """Return a code from 1 on."""
    return int(np.searchsorted(np.cumsum(odds)[:-1], rng.random(), side="right")) + 1


def add_noise(labels: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
    """Return labels (23,) as a hurried annotator writes them: some missed, some added, codes mixed up."""
    errors = rng.random(len(labels))
    limits = np.where(np.array(labels[: len(BINARY)]) == 1, MISSED, ADDED)
    binary = [value ^ int(error < limit) for value, error, limit in zip(labels, errors, limits, strict=False)]
    codes = [
        int(rng.integers(1, len(odds) + 1)) if error < MIXED_UP else code
        for code, error, odds in zip(labels[-2:], errors[-2:], (LOCATION_ODDS, WEAPON_ODDS), strict=True)
    ]
    return (*binary, *codes)
