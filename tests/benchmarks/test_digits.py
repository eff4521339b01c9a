"""The digits: real pictures, split by the seed, complete and without a trace of the label."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from agent.competition.spec import load_spec
from tests.benchmarks.benchmark_scripts import DIGITS, files_below, import_script, read_picture, run_script


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("digits") / "data"
    done = run_script(DIGITS / "make_data.py", out, "--seed", "0")
    assert done.returncode == 0, done.stderr
    return out


def test_tables_follow_the_spec(made: Path) -> None:
    spec = load_spec(DIGITS / "competition.yaml")
    assert (spec.task, spec.metric, spec.targets) == ("classification", "accuracy", ("label",))
    train, test = pd.read_csv(made / spec.train), pd.read_csv(made / str(spec.test))
    assert (list(train), list(test)) == (["id", "label"], ["id"])
    assert (len(train), len(test)) == (1437, 360)
    assert not set(train["id"]) & set(test["id"])
    assert list(pd.read_csv(made / "sample_submission.csv")["id"]) == list(test["id"])
    assert list(pd.read_csv(made / "answers" / "test.csv")["id"]) == list(test["id"])
    assert spec.image_input is not None
    assert spec.image_input.path is not None
    for split, table in (("train", train), ("test", test)):
        assert all(
            (made / spec.image_input.path.format(split=split, id=name)).is_file() for name in table["id"]
        )


def test_pictures_are_the_real_digits(made: Path) -> None:
    train = pd.read_csv(made / "train.csv")
    digits = load_digits()
    known = {
        (picture / 16).tobytes(): label for picture, label in zip(digits.images, digits.target, strict=True)
    }
    rows = list(train.sample(100, random_state=0).itertuples())
    assert len(rows) == 100
    for row in rows:
        picture = read_picture(made / "train" / f"{row.id}.png")
        assert picture.shape == (32, 32)
        counts = np.rint(picture[::4, ::4] * (16 / 255))
        assert known[(counts / 16).tobytes()] == row.label


def test_split_is_stratified_and_ids_tell_nothing(made: Path) -> None:
    answers = pd.read_csv(made / "answers" / "test.csv")
    assert answers["label"].value_counts().between(34, 38).all()
    train = pd.read_csv(made / "train.csv")
    last_figure = train["id"].str[-1].astype(int)
    # In scikit-learn's order the row's last figure is right for far more than one in ten.
    assert (last_figure == train["label"]).mean() < 0.15


def test_seed_decides_the_bytes(tmp_path: Path, made: Path) -> None:
    script = import_script(DIGITS / "make_data.py")
    script.write_digits(tmp_path / "same", seed=0)
    script.write_digits(tmp_path / "other", seed=1)
    assert files_below(tmp_path / "same") == files_below(made)
    assert (tmp_path / "other" / "train.csv").read_bytes() != (made / "train.csv").read_bytes()


def test_a_folder_in_use_is_refused(made: Path) -> None:
    done = run_script(DIGITS / "make_data.py", made)
    assert done.returncode == 2
    assert "is not empty; give a new folder" in done.stderr
