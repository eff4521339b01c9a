"""Generate the sample of bird-dog-reptile: drawn creatures in the schema of the real competition.

    python sample.py OUT --seed S

OUT receives train_data.csv, superclass_mapping.csv, subclass_mapping.csv, sample_submission.csv,
train_images/, test_images/ and the private answers/test.csv. README.md explains the drawings.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from creatures.painting import paint
from creatures.species import KINDS, NEW_KINDS, NEW_SPECIES, SPECIES, species_of

LABELLED_ROWS = 2100
TEST_ROWS = 700
# Shares of the pictures to predict: known species, new species of known kinds, and new kinds.
KNOWN, NEW_SPECIES_SHARE = 0.28, 0.45

NOVEL_SUPERCLASS, NOVEL_SUBCLASS = len(KINDS), len(KINDS) * SPECIES
_STREAMS = {"train": 0, "test": 1}  # a random stream per set and per picture


def write_sample(out: Path, seed: int = 0, labelled: int = LABELLED_ROWS, test: int = TEST_ROWS) -> None:
    """Write the sample to `out`; equal arguments give equal bytes."""
    (out / "answers").mkdir(parents=True, exist_ok=True)
    names = pd.DataFrame({"index": range(len(KINDS) + 1), "class": [*KINDS, "novel"]})
    names.to_csv(out / "superclass_mapping.csv", index=False)
    species = [f"{kind} {number + 1}" for kind in KINDS for number in range(SPECIES)]
    names = pd.DataFrame({"index": range(len(species) + 1), "class": [*species, "novel"]})
    names.to_csv(out / "subclass_mapping.csv", index=False)
    write_pictures(out, "train", seed, labelled).to_csv(out / "train_data.csv", index=False)
    answers = write_pictures(out, "test", seed, test)
    answers.to_csv(out / "answers" / "test.csv", index=False)
    empty = answers.assign(superclass_index=0, subclass_index=0)
    empty.to_csv(out / "sample_submission.csv", index=False)


def write_pictures(out: Path, part: str, seed: int, rows: int) -> pd.DataFrame:
    """Paint the pictures of one set to `out/<part>_images/`; return their classes."""
    folder = out / f"{part}_images"
    folder.mkdir(exist_ok=True)
    table = []
    for number in range(rows):
        rng = np.random.default_rng([seed, _STREAMS[part], number])
        kind, species = draw_known(rng) if part == "train" or rng.random() < KNOWN else draw_new(rng)
        picture = cv2.cvtColor(paint(species_of(kind, species), rng), cv2.COLOR_RGB2BGR)
        file = folder / (f"{number:05d}.jpg" if part == "train" else f"{number}.jpg")
        if not cv2.imwrite(str(file), picture, [cv2.IMWRITE_JPEG_QUALITY, 92]):
            raise OSError(f"{file}: the picture cannot be written.")
        table.append((file.name, *indices_of(kind, species)))
    return pd.DataFrame(table, columns=["image", "superclass_index", "subclass_index"])


def draw_known(rng: np.random.Generator) -> tuple[str, int]:
    """Return kind and number of a known species; the first occurs three times as often as the last."""
    odds = 3.0 ** -np.linspace(0, 1, SPECIES)
    return str(rng.choice(KINDS)), int(rng.choice(SPECIES, p=odds / odds.sum()))


def draw_new(rng: np.random.Generator) -> tuple[str, int]:
    """Return kind and number of a species that has no training picture."""
    if rng.random() < NEW_SPECIES_SHARE / (1 - KNOWN):
        return str(rng.choice(KINDS)), SPECIES + int(rng.integers(NEW_SPECIES))
    return str(rng.choice(NEW_KINDS)), int(rng.integers(NEW_SPECIES))


def indices_of(kind: str, species: int) -> tuple[int, int]:
    """Return the indices of superclass and subclass."""
    if kind not in KINDS:
        return NOVEL_SUPERCLASS, NOVEL_SUBCLASS
    superclass = KINDS.index(kind)
    return superclass, superclass * SPECIES + species if species < SPECIES else NOVEL_SUBCLASS


def main() -> None:
    """Read the command line and write the sample."""
    parser = argparse.ArgumentParser(description="Generate the sample of bird-dog-reptile.")
    parser.add_argument("out", type=Path, help="folder to write to, new or empty")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.out.exists() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out}: is not empty; give a new folder.")
    write_sample(arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
