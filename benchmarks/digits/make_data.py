"""Write the UCI digits of scikit-learn as pictures and tables.

    python make_data.py OUT --seed S

OUT receives train.csv, test.csv, sample_submission.csv, train/, test/ and the private answers/test.csv.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

TEST_ROWS = 360
ENLARGED = 4  # 8 x 8 becomes 32 x 32
_BRIGHTEST = 16.0  # the highest count of the original blocks


def write_digits(out: Path, seed: int = 0) -> None:
    """Write the data to `out`. The seed decides the split; equal seeds give equal bytes."""
    digits = load_digits()
    rows = np.arange(len(digits.target))
    train, test = train_test_split(rows, test_size=TEST_ROWS, stratify=digits.target, random_state=seed)
    # The originals are in the order 0 to 9, repeated: their row number would reveal the label.
    numbers = np.random.default_rng(seed).permutation(len(rows))
    for part, chosen in (("train", train), ("test", test)):
        chosen = chosen[np.argsort(numbers[chosen])]
        names = [f"digit-{number:04d}" for number in numbers[chosen]]
        table = pd.DataFrame({"id": names, "label": digits.target[chosen]})
        (out / part).mkdir(parents=True, exist_ok=True)
        for name, picture in zip(table["id"], digits.images[chosen], strict=True):
            _write_picture(out / part / f"{name}.png", picture)
        _write_tables(out, part, table)


def _write_picture(file: Path, counts: np.ndarray) -> None:
    """Write counts (8, 8) of 0 to 16 as a grey PNG, enlarged without smoothing."""
    grey = np.rint(counts * (255 / _BRIGHTEST)).astype(np.uint8)
    large = grey.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
    if not cv2.imwrite(str(file), large):
        raise OSError(f"{file}: the picture cannot be written.")


def _write_tables(out: Path, part: str, table: pd.DataFrame) -> None:
    if part == "train":
        table.to_csv(out / "train.csv", index=False)
        return
    (out / "answers").mkdir(exist_ok=True)
    table.to_csv(out / "answers" / "test.csv", index=False)
    table[["id"]].to_csv(out / "test.csv", index=False)
    table.assign(label=0).to_csv(out / "sample_submission.csv", index=False)


def main() -> None:
    """Read the command line and write the data."""
    parser = argparse.ArgumentParser(description="Write the UCI digits as pictures and tables.")
    parser.add_argument("out", type=Path, help="folder to write to, new or empty")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split")
    arguments = parser.parse_args()
    if arguments.out.exists() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out}: is not empty; give a new folder.")
    write_digits(arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
