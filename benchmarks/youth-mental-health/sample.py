"""Generate the sample of the youth narratives: made-up reports in the schema of the real competition.

    python sample.py OUT --seed S [--comparison-rows 5000]

OUT receives train_features.csv, train_labels.csv, test_features.csv, submission_format.csv, the private
answers/test.csv, and answers/train.csv: the training labels before noise was added. Comparison rows add
comparison_features.csv and answers/comparison.csv. README.md explains the grammar.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from narrative_parts.reports import write_reports
from narrative_parts.variables import VARIABLES, add_noise, draw_case

TRAIN_ROWS = 2000
TEST_ROWS = 1000
FEATURES = ("uid", "NarrativeLE", "NarrativeCME")

# One random stream per set and per row, so that the number of rows changes no row.
_STREAMS = {"train": 0, "test": 1, "comparison": 2}
_NOISE = 3


def write_sample(
    out: Path, seed: int = 0, train: int = TRAIN_ROWS, test: int = TEST_ROWS, comparison: int = 0
) -> None:
    """Write the sample to `out`; equal arguments give equal bytes."""
    (out / "answers").mkdir(parents=True, exist_ok=True)
    features, clean = make_rows("train", seed, train)
    features.to_csv(out / "train_features.csv", index=False)
    _with_noise(clean, seed).to_csv(out / "train_labels.csv", index=False)
    clean.to_csv(out / "answers" / "train.csv", index=False)
    features, answers = make_rows("test", seed, test)
    features.to_csv(out / "test_features.csv", index=False)
    answers.to_csv(out / "answers" / "test.csv", index=False)
    constant = dict(zip(VARIABLES, (*[0] * (len(VARIABLES) - 2), 1, 1), strict=True))
    answers.assign(**constant).to_csv(out / "submission_format.csv", index=False)
    if comparison:
        features, answers = make_rows("comparison", seed, comparison)
        features.to_csv(out / "comparison_features.csv", index=False)
        answers.to_csv(out / "answers" / "comparison.csv", index=False)


def make_rows(part: str, seed: int, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return uid with both reports, and uid with the true values of the 23 variables."""
    features, labels = [], []
    for number in range(rows):
        rng = np.random.default_rng([seed, _STREAMS[part], number])
        uid, case = rng.bytes(8).hex(), draw_case(rng)
        features.append((uid, *write_reports(case, rng)))
        labels.append((uid, *case.labels))
    return pd.DataFrame(features, columns=list(FEATURES)), pd.DataFrame(labels, columns=["uid", *VARIABLES])


def _with_noise(clean: pd.DataFrame, seed: int) -> pd.DataFrame:
    noisy = [
        add_noise(tuple(labels), np.random.default_rng([seed, _NOISE, number]))
        for number, labels in enumerate(clean[list(VARIABLES)].to_numpy().tolist())
    ]
    return pd.DataFrame(noisy, columns=list(VARIABLES)).assign(uid=clean["uid"])[["uid", *VARIABLES]]


def main() -> None:
    """Read the command line and write the sample."""
    parser = argparse.ArgumentParser(description="Generate the sample of the youth narratives.")
    parser.add_argument("out", type=Path, help="folder to write to, new or empty")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--comparison-rows", type=int, default=0, help="number of additional rows with private answers"
    )
    arguments = parser.parse_args()
    if arguments.out.exists() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out}: is not empty; give a new folder.")
    write_sample(arguments.out, arguments.seed, comparison=arguments.comparison_rows)


if __name__ == "__main__":
    main()
