"""Guess the column and the file pattern of images (`mars init`)."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.spec import InputColumn
from agent.drafting.rules.tables import FoundTables, Guess

_IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
_ROWS_TRIED = 20


def guess_images(tables: FoundTables, id_column: str) -> tuple[InputColumn, Guess, str] | None:
    """Guess the path pattern of the images.

    Returns:
        The image input, the guess with its reason, and the column that the pattern uses; None without images.
    """
    to_predict = tables.test if tables.test is not None else tables.sample
    folders = _image_folders(tables.folder)
    if not folders or to_predict is None:
        return None
    shared = [name for name in tables.train.columns if name in to_predict.columns and name != id_column]
    keys = [name for name in shared if are_image_names(tables.train[name])] + [id_column]
    for key in keys:
        train = _matching_patterns(tables.folder, folders, tables.train[key], key, "train")
        test = _matching_patterns(tables.folder, folders, to_predict[key], key, "test")
        common = [pattern for pattern in train if pattern in test]
        if common:
            reason = f"matches the image files of the first {_ROWS_TRIED} rows"
            column = InputColumn(name="image" if key == id_column else key, role="image", path=common[0])
            return column, Guess(f"inputs.{column.name}", common[0], reason), key
    return None


def _matching_patterns(
    folder: Path, folders: list[tuple[str, str]], values: "pd.Series[str]", key: str, split: str
) -> list[str]:
    """Return the path patterns that match a file for most of the first rows; {split} is train or test."""
    tried = values.head(_ROWS_TRIED).tolist()
    matching = []
    for below, suffix in folders:
        for ending in ("", suffix):
            prefix = f"{below}/" if below != "." else ""
            found_share = np.mean([(folder / f"{prefix}{value}{ending}").is_file() for value in tried])
            if found_share > 0.5:
                literal = re.sub(rf"(?<![a-z]){split}(?![a-z])", "{split}", prefix, count=1)
                matching += [f"{literal}{{{key}}}{ending}", f"{prefix}{{{key}}}{ending}"]
    return matching


def _image_folders(folder: Path) -> list[tuple[str, str]]:
    """Return the folders with images, two levels deep, as (relative path, most common suffix)."""
    found = []
    below = [path for pattern in ("*", "*/*") for path in sorted(folder.glob(pattern)) if path.is_dir()]
    for place in [folder, *below]:
        suffixes = Counter(path.suffix for path in place.iterdir() if path.suffix.lower() in _IMAGE_SUFFIXES)
        if suffixes:
            found.append((str(place.relative_to(folder)), suffixes.most_common(1)[0][0]))
    # Cells may hold paths relative to the folder itself.
    if found and found[0][0] != ".":
        found.insert(0, (".", found[0][1]))
    return found


def are_image_names(values: "pd.Series[str]") -> bool:
    """Return whether most of the first cells are names of image files."""
    named = [Path(value).suffix.lower() in _IMAGE_SUFFIXES for value in values.head(_ROWS_TRIED)]
    return bool(np.mean(named) > 0.5)
