"""scikit-learn's digits as a table, 64 numbers a row: for `mars init`, searches and their lessons.

    python benchmarks/performance/digits_table.py DIR && mars init DIR
    python benchmarks/performance/lesson_signs.py --competition DIR --minutes 6

Real data: the 1,797 pictures of 8 x 8 pixels, a fifth of them, drawn by digit, to be predicted.
"""

import argparse
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="A new folder.")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True)
    pixels, labels = load_digits(return_X_y=True, as_frame=True)
    rows = pixels.assign(label=labels).rename_axis("id").reset_index()
    train, test = train_test_split(rows, test_size=0.2, stratify=rows["label"], random_state=0)
    train.to_csv(folder / "train.csv", index=False)
    test.drop(columns="label").to_csv(folder / "test.csv", index=False)


if __name__ == "__main__":
    main()
