"""Mean targets must not tell a row its own target."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from tests.templates.tabular.tabular_competitions import Competition, lay_out, run, view

ROWS = 2000


def noise() -> Competition:
    """A target that no column says anything about, and a category with two rows per level."""
    random = np.random.default_rng(5)
    tables = {}
    for part, rows in (("train", ROWS), ("val", 1000), ("test", 100)):
        tables[part] = pd.DataFrame(
            {
                "id": [f"{part}{index}" for index in range(rows)],
                "level": [f"level {index}" for index in random.integers(0, rows // 2, rows)],
                "target": random.choice(["no", "yes"], rows),
            }
        )
    return Competition(
        view("classification", "accuracy", {"level": "category"}, classes=2, train=ROWS),
        tables,
        ["no", "yes"],
    )


@pytest.fixture(params=["linear", "lightgbm"])
def features(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModuleType]:
    """The rendered `library.features`."""
    lay_out(
        noise(), {"model": request.param, "category_encoding": "target", "target_smoothing": 5.0}, tmp_path
    )
    sys.path.insert(0, str(tmp_path))
    yield importlib.import_module("library.features")
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "library"]:
        del sys.modules[name]


def test_code_of_a_row_does_not_know_its_target(features: ModuleType) -> None:
    train = noise().tables["train"]
    x, y = train[["level"]].astype(object), (train["target"] == "yes").to_numpy(dtype=int)
    config = importlib.import_module("library.config").load_config(smoke=False)
    of_rows = getattr(features, "tree_features", None) or features.dense_features
    encoder = of_rows(x, config, 0)

    codes = encoder.fit_transform(x, y)[:, 0]
    leaking = x.assign(y=y).groupby("level")["y"].transform("mean")

    assert np.corrcoef(leaking, y)[0, 1] > 0.5
    assert abs(np.corrcoef(codes, y)[0, 1]) < 0.15


def test_noise_stays_noise(tmp_path: Path) -> None:
    slots = {"model": "lightgbm", "category_encoding": "target", "max_iter": 20}
    finished = run(noise(), slots, tmp_path)
    assert abs(finished.printed - 0.5) < 4 * np.sqrt(0.25 / 1000)
