"""Files that appear whole, and progress as lines of JSON."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from library.utils import Progress, seed_everything, write_json, write_outputs, write_submission

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    progress = Progress(folder / "working" / "progress.jsonl")
    progress.write("train", fraction=0.5)
    progress.write("done", fraction=1.0, metric=0.25)
    lines = (folder / "working" / "progress.jsonl").read_text().splitlines()
    first, last = (json.loads(line) for line in lines)
    assert set(first) == {"stage", "fraction", "elapsed_s"}
    assert last["metric"] == 0.25

    write_json({"a": 1}, folder / "new" / "a.json")
    assert json.loads((folder / "new" / "a.json").read_text()) == {"a": 1}
    write_outputs(["r1", "r2"], np.eye(2), folder / "outputs.npz")
    kept = np.load(folder / "outputs.npz", allow_pickle=False)
    assert kept["ids"].tolist() == ["r1", "r2"]
    assert kept["outputs"].dtype == np.float32
    write_submission(pd.DataFrame({"id": ["r1"], "kind": ["sine"]}), folder / "submission.csv")
    assert (folder / "submission.csv").read_text() == "id,kind\nr1,sine\n"
    assert not list(folder.glob(".*")), "nothing is left beside the files"

seed_everything(3)
drawn = np.random.rand()
seed_everything(3)
assert np.random.rand() == drawn
