"""The signals: generated and said to be so, split by the seed, without a trace of the label."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.competition.spec import load_spec
from tests.benchmarks.benchmark_scripts import SIGNALS, files_below, import_script, run_script


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("signals") / "data"
    done = run_script(SIGNALS / "make_data.py", out, "--seed", "0")
    assert done.returncode == 0, done.stderr
    return out


def test_tables_follow_the_spec_and_the_description(made: Path) -> None:
    spec = load_spec(SIGNALS / "competition.yaml")
    assert (spec.task, spec.metric, spec.columns_with("signal")) == ("classification", "macro_f1", ["signal"])
    train, test = pd.read_csv(made / spec.train), pd.read_csv(made / str(spec.test))
    assert (list(train), list(test)) == (["id", "signal", "kind"], ["id", "signal"])
    assert (len(train), len(test)) == (1_400, 400)
    assert not set(train["id"]) & set(test["id"])
    for name in ("sample_submission.csv", "answers/test.csv"):
        assert list(pd.read_csv(made / name)["id"]) == list(test["id"])
    lengths = pd.concat([train, test])["signal"].str.split().str.len()
    assert (lengths.min(), lengths.max()) == (40, 120)


def test_it_is_said_everywhere_that_nothing_was_measured() -> None:
    assert "(generated)" in load_spec(SIGNALS / "competition.yaml").title
    description = (SIGNALS / "description.md").read_text()
    assert "(generated)" in description.splitlines()[0]
    assert "Nothing here was measured" in description


def test_shares_are_those_of_the_description(made: Path) -> None:
    stated = dict(
        tuple(cell.strip() for cell in line.split("|")[1:3])
        for line in (SIGNALS / "description.md").read_text().splitlines()
        if "%" in line and line.startswith("| ")
    )
    found = pd.read_csv(made / "train.csv")["kind"].value_counts(normalize=True)
    assert set(stated) == set(found.index)
    for kind, share in stated.items():
        assert found[kind] == pytest.approx(float(share.removesuffix(" %")) / 100, abs=0.03)


def test_neither_ids_nor_lengths_nor_sizes_tell_the_kind(made: Path) -> None:
    train = pd.read_csv(made / "train.csv")
    cells = train["signal"].map(lambda cell: np.array(cell.split(), dtype=float))
    plain = pd.DataFrame(
        {
            "number": train["id"].str[-4:].astype(int),
            "length": cells.map(len),
            "size": cells.map(lambda samples: np.log(np.abs(samples).max())),
        }
    )
    groups = plain.groupby(train["kind"]).mean()
    spread = (groups - plain.mean()).abs() / plain.std()
    assert (spread.max() < [0.2, 0.2, 0.6]).all(), spread


def test_seed_decides_the_bytes(tmp_path: Path, made: Path) -> None:
    script = import_script(SIGNALS / "make_data.py")
    script.write_signals(tmp_path / "same", seed=0)
    script.write_signals(tmp_path / "other", seed=1)
    assert files_below(tmp_path / "same") == files_below(made)
    assert (tmp_path / "other" / "train.csv").read_bytes() != (made / "train.csv").read_bytes()


def test_a_folder_in_use_is_refused(made: Path) -> None:
    done = run_script(SIGNALS / "make_data.py", made)
    assert done.returncode == 2
    assert "is not empty; give a new folder" in done.stderr
