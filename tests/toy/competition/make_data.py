"""Makes the toy's tables: 2,000 labelled and 100 test rows whose label is the sign of x."""

import argparse
import csv
import random
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    rows = [(f"r{index}", rng.gauss(0, 1)) for index in range(2100)]
    write(arguments.out / "train.csv", ["id", "x", "label"], [(*row, int(row[1] > 0)) for row in rows[:2000]])
    write(arguments.out / "test.csv", ["id", "x"], rows[2000:])
    write(arguments.out / "sample_submission.csv", ["id", "label"], [(row[0], 0) for row in rows[2000:]])
    answers = arguments.out / "answers"
    answers.mkdir()
    write(answers / "test.csv", ["id", "label"], [(row[0], int(row[1] > 0)) for row in rows[2000:]])


def write(file: Path, header: list[str], rows: list[tuple[object, ...]]) -> None:
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
