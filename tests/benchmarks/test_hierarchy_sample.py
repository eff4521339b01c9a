"""The sample of bird-dog-reptile: the seed's schema, novel classes among the rows to predict only."""

import hashlib
import importlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from agent.competition.preparation.prepare import prepare
from agent.competition.sources.locate import RawData
from agent.competition.spec import load_spec
from agent.core.paths import Home, benchmarks_dir
from tests.benchmarks.benchmark_scripts import files_below, import_script, read_picture

FOLDER = benchmarks_dir() / "bird-dog-reptile"
GOLDEN = Path(__file__).parent / "golden" / "hierarchy_sample.png"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hierarchy") / "sample"
    import_script(FOLDER / "sample.py").write_sample(out, seed=0, labelled=400, test=150)
    return out


def test_tables_have_the_schema_of_the_seed(made: Path) -> None:
    train = pd.read_csv(made / "train_data.csv")
    assert list(train) == list(pd.read_csv(made / "sample_submission.csv"))
    assert list(train) == ["image", "superclass_index", "subclass_index"]
    supers, subs = (pd.read_csv(made / f"{name}_mapping.csv") for name in ("superclass", "subclass"))
    assert supers["class"].tolist() == ["bird", "dog", "reptile", "novel"]
    assert subs["index"].tolist() == list(range(88))
    assert subs["class"].iloc[-1] == "novel"
    assert (train["superclass_index"] == train["subclass_index"] // 29).all()


def test_only_rows_to_predict_are_novel(made: Path) -> None:
    train, answers = pd.read_csv(made / "train_data.csv"), pd.read_csv(made / "answers" / "test.csv")
    assert set(train["superclass_index"]) == {0, 1, 2}
    assert set(train["subclass_index"]) <= set(range(87))
    new_kind, new_species = answers["superclass_index"] == 3, answers["subclass_index"] == 87
    assert 0.15 < new_kind.mean() < 0.4
    assert 0.6 < new_species.mean() < 0.85
    assert new_species[new_kind].all()
    assert (answers["superclass_index"] == answers["subclass_index"] // 29)[~new_species].all()


def test_pictures_are_small_and_in_colour(made: Path) -> None:
    names = pd.read_csv(made / "train_data.csv")["image"]
    assert {file.name for file in (made / "train_images").iterdir()} == set(names)
    assert {read_picture(made / "train_images" / name).shape for name in names[:20]} == {(64, 64, 3)}


def test_the_same_seed_gives_the_same_bytes(made: Path, tmp_path: Path) -> None:
    write = import_script(FOLDER / "sample.py").write_sample
    write(tmp_path / "a", seed=3, labelled=12, test=8)
    write(tmp_path / "b", seed=3, labelled=12, test=8)
    write(tmp_path / "c", seed=4, labelled=12, test=8)
    assert files_below(tmp_path / "a") == files_below(tmp_path / "b")
    assert files_below(tmp_path / "a") != files_below(tmp_path / "c")


def test_the_sample_is_prepared_with_classes_held_out(made: Path, tmp_path: Path) -> None:
    prepared = prepare(load_spec(FOLDER / "competition.yaml"), RawData(made, "sample", ""), Home(tmp_path))
    assert len(prepared.pseudo_novel["superclass_index"]) == 1
    assert len(prepared.pseudo_novel["subclass_index"]) > 29
    assert [warning.split(":")[0] for warning in prepared.warnings] == ["No audit rows"]  # 400 rows are few


def montage() -> np.ndarray:
    """Pictures of four species of each kind, one row per kind, BGR."""
    import_script(FOLDER / "sample.py")
    species, painting = (importlib.import_module(f"creatures.{name}") for name in ("species", "painting"))
    kinds = [*species.KINDS, *species.NEW_KINDS]
    rows = [
        [
            painting.paint(species.species_of(kind, 9 * number), np.random.default_rng([9, number]))
            for number in range(4)
        ]
        for kind in kinds
    ]
    joined: np.ndarray = np.vstack([np.hstack(row) for row in rows])[:, :, ::-1]
    return joined


def test_the_generator_is_frozen(made: Path) -> None:
    """Scores were recorded on these pictures. To change them is to start every comparison anew."""
    table = (made / "train_data.csv").read_bytes() + (made / "answers" / "test.csv").read_bytes()
    assert hashlib.sha256(table).hexdigest()[:16] == "d41993cd24b2c4b7"
    kept = read_picture(GOLDEN)
    # Other versions of OpenCV may round a smooth edge differently; a changed generator differs by far more.
    assert np.abs(montage().astype(int) - kept).mean() < 0.5


if __name__ == "__main__":
    cv2.imwrite(str(GOLDEN), montage())
