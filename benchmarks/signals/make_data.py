"""Generate short waveforms of five kinds as the tables of a competition.

    python make_data.py OUT --seed S

OUT receives train.csv, test.csv, sample_submission.csv and the private answers/test.csv.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

TRAIN_ROWS = 1_400
TEST_ROWS = 400
SHORTEST, LONGEST = 40, 120  # samples
CYCLES = (2.0, 5.0)  # cycles of the periodic kinds within one recording
NOISE = (0.12, 0.55)  # standard deviation, in amplitudes of the waveform
JITTER = 0.06  # standard deviation of the final phase, in cycles; the phase is a random walk
DRIFT = 0.4  # largest linear drift and largest offset of the base line, in amplitudes
AMPLITUDES = (0.4, 2.5)
DECIMALS = 3

Draw = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def sine(phase: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a sine wave; `phase` (N,) is in cycles, as in all kinds."""
    return np.sin(2 * np.pi * phase)


def square(phase: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a square wave; the upper level takes 40 to 60 % of a cycle."""
    return np.where(phase % 1 < rng.uniform(0.4, 0.6), 1.0, -1.0)


def sawtooth(phase: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a sawtooth wave: slow rise, sudden fall."""
    return 2 * (phase % 1) - 1


def chirp(phase: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a sine wave whose final frequency is 2.5 to 3.5 times the initial one."""
    along = np.linspace(0, 1, len(phase))
    faster = rng.uniform(1.5, 2.5)
    return np.sin(2 * np.pi * phase * (2 + faster * along) / (2 + faster))


def burst(phase: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a sine wave with a Gaussian envelope inside the recording."""
    along = np.linspace(0, 1, len(phase))
    envelope = np.exp(-0.5 * ((along - rng.uniform(0.3, 0.7)) / rng.uniform(0.12, 0.2)) ** 2)
    return 1.4 * envelope * np.sin(2 * np.pi * phase)


# Kind -> (function, share of the rows).
KINDS: dict[str, tuple[Draw, float]] = {
    "sine": (sine, 0.28),
    "square": (square, 0.24),
    "sawtooth": (sawtooth, 0.20),
    "chirp": (chirp, 0.16),
    "burst": (burst, 0.12),
}


def record(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return one noisy recording (N,) of a kind, N from SHORTEST to LONGEST."""
    count = int(rng.integers(SHORTEST, LONGEST + 1))
    walk = np.cumsum(rng.normal(0, 1, count)) * JITTER / np.sqrt(count)
    phase = rng.uniform(0, 1) + rng.uniform(*CYCLES) * np.linspace(0, 1, count) + walk
    wave = KINDS[kind][0](phase, rng)
    drift = rng.uniform(-DRIFT, DRIFT) * np.linspace(0, 1, count) + rng.uniform(-DRIFT, DRIFT)
    noise = rng.normal(0, rng.uniform(*NOISE), count)
    return np.exp(rng.uniform(*np.log(AMPLITUDES))) * (wave + drift + noise)


def write_signals(out: Path, seed: int = 0) -> None:
    """Write the data to `out`; equal seeds give equal bytes."""
    rng = np.random.default_rng(seed)
    shares = [share for _, share in KINDS.values()]
    kinds = rng.choice(list(KINDS), TRAIN_ROWS + TEST_ROWS, p=shares)
    cells = [_cell(record(kind, rng)) for kind in kinds]
    names = [f"rec-{number:04d}" for number in range(len(kinds))]
    table = pd.DataFrame({"id": names, "signal": cells, "kind": kinds})
    train, test = table[:TRAIN_ROWS], table[TRAIN_ROWS:]
    (out / "answers").mkdir(parents=True)
    train.to_csv(out / "train.csv", index=False)
    test[["id", "signal"]].to_csv(out / "test.csv", index=False)
    test[["id"]].assign(kind="sine").to_csv(out / "sample_submission.csv", index=False)
    test[["id", "kind"]].to_csv(out / "answers" / "test.csv", index=False)


def _cell(samples: np.ndarray) -> str:
    """Format samples in time order, separated by spaces."""
    return " ".join(f"{sample:.{DECIMALS}f}" for sample in samples)


def main() -> None:
    """Read the command line and write the data."""
    parser = argparse.ArgumentParser(description="Generate short waveforms of five kinds as tables.")
    parser.add_argument("out", type=Path, help="folder to write to, new or empty")
    parser.add_argument("--seed", type=int, default=0, help="seed of all rows")
    arguments = parser.parse_args()
    if arguments.out.exists() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out}: is not empty; give a new folder.")
    write_signals(arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
