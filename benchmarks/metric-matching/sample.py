"""Generate the sample of metric matching: made-up records in the schema of the real competition.

    python sample.py OUT --seed S [--comparison-rows 5000]

OUT receives train_data.json, test_data.json, sample_submission.csv, metric_names.json,
metric_name_embeddings.npy, the private answers/test.csv, and answers/test_kinds.csv: what each test record
was drawn from. Comparison rows add comparison_data.json and answers/comparison.csv. README.md explains the
grammar.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from record_parts.metrics import NAMES, name_vectors
from record_parts.records import Record, draw_record

TRAIN_ROWS = 3000
TEST_ROWS = 1500

# One random stream per set and per record, so that the number of records changes no record.
_STREAMS = {"train": 0, "test": 1, "comparison": 2}


def write_sample(
    out: Path, seed: int = 0, train: int = TRAIN_ROWS, test: int = TEST_ROWS, comparison: int = 0
) -> None:
    """Write the sample to `out`; equal arguments give equal bytes."""
    (out / "answers").mkdir(parents=True, exist_ok=True)
    _write_json(out / "metric_names.json", NAMES)
    np.save(out / "metric_name_embeddings.npy", name_vectors(seed))
    labelled = make_records("train", seed, train)
    _write_json(out / "train_data.json", [{**one.fields, "score": one.score} for one in labelled])
    records = make_records("test", seed, test)
    _write_json(out / "test_data.json", [one.fields for one in records])
    answers = _scores(records)
    answers.to_csv(out / "answers" / "test.csv", index=False)
    kinds = [(one.kind, one.language, one.fit) for one in records]
    table = pd.DataFrame(kinds, columns=["kind", "language", "fit"])
    table.insert(0, "ID", answers["ID"])
    table.to_csv(out / "answers" / "test_kinds.csv", index=False)
    answers.assign(score=9).to_csv(out / "sample_submission.csv", index=False)
    if comparison:
        records = make_records("comparison", seed, comparison)
        _write_json(out / "comparison_data.json", [one.fields for one in records])
        _scores(records).to_csv(out / "answers" / "comparison.csv", index=False)


def make_records(part: str, seed: int, rows: int) -> list[Record]:
    """Return the records of one set."""
    return [draw_record(np.random.default_rng([seed, _STREAMS[part], number])) for number in range(rows)]


def _scores(records: Sequence[Record]) -> pd.DataFrame:
    """Return ID, counting from 1, and score."""
    return pd.DataFrame({"ID": range(1, len(records) + 1), "score": [one.score for one in records]})


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line and write the sample."""
    parser = argparse.ArgumentParser(description="Generate the sample of metric matching.")
    parser.add_argument("out", type=Path, help="folder to write to, new or empty")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--comparison-rows", type=int, default=0, help="number of additional records with private answers"
    )
    arguments = parser.parse_args()
    if arguments.out.exists() and any(arguments.out.iterdir()):
        parser.error(f"{arguments.out}: is not empty; give a new folder.")
    write_sample(arguments.out, arguments.seed, comparison=arguments.comparison_rows)


if __name__ == "__main__":
    main()
