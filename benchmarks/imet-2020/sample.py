"""Generate the sample of iMet 2020: drawn pictures in the schema of the real competition.

    python sample.py OUT --seed S [--comparison-rows 5000]

OUT receives train.csv, labels.csv, sample_submission.csv, train/, test/ and the private answers/test.csv.
Comparison rows add comparison.csv, comparison/ and answers/comparison.csv. README.md explains the drawings.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from sample_parts.picture import paint
from sample_parts.plan import Plan, draw_plan
from sample_parts.studio import Studio, open_studio
from sample_parts.vocabulary import ATTRIBUTES

LABELLED_ROWS = 1500
TEST_ROWS = 500

# One random stream per set and per picture, so that the number of pictures changes no picture.
_STREAMS = {"train": 0, "test": 1, "comparison": 2}


def write_sample(
    out: Path, seed: int = 0, labelled: int = LABELLED_ROWS, test: int = TEST_ROWS, comparison: int = 0
) -> None:
    """Write the sample to `out`; equal arguments give equal bytes."""
    (out / "answers").mkdir(parents=True, exist_ok=True)
    labels = pd.DataFrame({"attribute_id": range(len(ATTRIBUTES)), "attribute_name": ATTRIBUTES})
    labels.to_csv(out / "labels.csv", index=False)
    studio = open_studio()
    write_pictures(out, "train", seed, labelled, studio).to_csv(out / "train.csv", index=False)
    answers = write_pictures(out, "test", seed, test, studio)
    answers.to_csv(out / "answers" / "test.csv", index=False)
    answers.assign(attribute_ids="0 1 2").to_csv(out / "sample_submission.csv", index=False)
    if comparison:
        answers = write_pictures(out, "comparison", seed, comparison, studio)
        answers.to_csv(out / "answers" / "comparison.csv", index=False)
        answers[["id"]].to_csv(out / "comparison.csv", index=False)


def write_pictures(out: Path, part: str, seed: int, rows: int, studio: Studio) -> pd.DataFrame:
    """Paint the pictures of one set to `out/part/<id>.png`; return id and attribute_ids, ordered by id."""
    folder = out / part
    folder.mkdir(exist_ok=True)
    table = []
    for number in range(rows):
        rng, name, plan = plan_row(part, seed, number)
        picture = cv2.cvtColor(paint(plan, studio, rng), cv2.COLOR_RGB2BGR)
        file = folder / f"{name}.png"
        if not cv2.imwrite(str(file), picture, [cv2.IMWRITE_PNG_COMPRESSION, 1]):
            raise OSError(f"{file}: the picture cannot be written.")
        table.append((name, " ".join(map(str, plan.attribute_ids))))
    return pd.DataFrame(table, columns=["id", "attribute_ids"]).sort_values("id", ignore_index=True)


def plan_row(part: str, seed: int, number: int) -> tuple[np.random.Generator, str, Plan]:
    """Return generator, id and plan of one picture; painting continues with the same generator."""
    rng = np.random.default_rng([seed, _STREAMS[part], number])
    return rng, rng.bytes(16).hex(), draw_plan(rng)


def main() -> None:
    """Read the command line and write the sample."""
    parser = argparse.ArgumentParser(description="Generate the sample of iMet 2020.")
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
