"""Small real competition folders for tests: tables and pictures on disk."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import yaml

from agent.competition.preparation.prepare import prepare
from agent.competition.prepared import Prepared
from agent.competition.sources.locate import RawData
from agent.competition.spec import CompetitionSpec, load_spec
from agent.core.errors import SetupError
from agent.core.paths import Home

COLOURS = ("blue", "green", "red")


def write_spec(folder: Path, **fields: object) -> CompetitionSpec:
    """Writes competition.yaml; the fields given are laid over a classification with one number."""
    content: dict[str, object] = {
        "id": "tiny",
        "title": "Tiny",
        "task": "classification",
        "metric": "accuracy",
        "targets": "label",
        "inputs": [{"name": "x", "role": "number"}],
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "competition.yaml"
    file.write_text(yaml.safe_dump({**content, **fields}))
    return load_spec(file)


def write_tables(folder: Path, train: pd.DataFrame, test: pd.DataFrame, default: object = "blue") -> None:
    """Writes train, test and a sample submission whose answers are all `default`, test rows in reverse."""
    folder.mkdir(parents=True, exist_ok=True)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    targets = [name for name in train.columns if name not in test.columns and name not in ("fold", "group")]
    sample = test[["id"]].iloc[::-1].assign(**dict.fromkeys(targets, default))
    sample.to_csv(folder / "sample_submission.csv", index=False)


def number_rows(count: int, start: int = 0) -> pd.DataFrame:
    """Rows id, x, label; x goes up with the id, labels go round."""
    ids = range(start, start + count)
    return pd.DataFrame(
        {"id": [f"row-{i}" for i in ids], "x": [i / 4 for i in ids], "label": [COLOURS[i % 3] for i in ids]}
    )


def number_folder(
    folder: Path, labelled: int = 60, to_predict: int = 20, **fields: object
) -> CompetitionSpec:
    """A folder of numbers and colours."""
    test = number_rows(to_predict, start=labelled).drop(columns="label")
    write_tables(folder, number_rows(labelled), test)
    return write_spec(folder, **fields)


def picture_folder(
    folder: Path, labelled: int = 60, to_predict: int = 20, **fields: object
) -> CompetitionSpec:
    """A folder of plain pictures in train/ and test/, labelled by their colour; no test table."""
    rng = np.random.default_rng(0)
    ids = [f"picture-{i:03}" for i in range(labelled + to_predict)]
    for split, names in (("train", ids[:labelled]), ("test", ids[labelled:])):
        (folder / split).mkdir(parents=True)
        for i, name in enumerate(names):
            picture = rng.integers(0, 60, (16, 24, 3), dtype=np.uint8)
            picture[..., i % 3] += 150
            cv2.imwrite(str(folder / split / f"{name}.png"), picture)
    labels = [COLOURS[i % 3] for i in range(labelled)]
    pd.DataFrame({"id": ids[:labelled], "label": labels}).to_csv(folder / "train.csv", index=False)
    sample = pd.DataFrame({"id": ids[labelled:], "label": "blue"})
    sample.to_csv(folder / "sample_submission.csv", index=False)
    image = {"name": "picture", "role": "image", "path": "{split}/{id}.png"}
    return write_spec(folder, **{"test": None, "inputs": [image], **fields})


def raw(folder: Path) -> RawData:
    return RawData(folder, "full", "Data: a test's.")


def prepare_folder(spec: CompetitionSpec, folder: Path) -> Prepared:
    """Prepares into a home beside the folder."""
    return prepare(spec, raw(folder), Home(folder.parent / "home"))


def run_plainly(script: Path, arguments: list[str], readable: list[Path], writable: Path) -> None:
    """A `RunScript` without a sandbox."""
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"{script.name} failed: {done.stderr.strip().splitlines()[-1]}")
