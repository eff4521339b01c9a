"""Handwritten digits (UCI, 1998).

use larger pictures.
"""

import argparse

from library.config import Config
from library.dataset import load_data
from library.inference import analyse_failures, decode, submission_table
from library.train import train_and_predict
from library.utils import (
    Clock,
    Progress,
    score,
    seed_everything,
    write_json,
    write_outputs,
    write_submission,
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains, validates and predicts the test rows.")
    parser.add_argument("--smoke", action="store_true", help="a few rows, one epoch: does everything run?")
    config = Config.from_environment(smoke=parser.parse_args().smoke)
    clock = Clock(config.time_limit_s)
    progress = Progress(config.working / "progress.jsonl", clock)
    seed_everything(config.seed)

    progress.write("prepare", fraction=0.0)
    data = load_data(config)
    progress.write("prepare", fraction=1.0)

    outputs = train_and_predict(config, data, clock, progress)
    val_predictions, test_predictions = decode(outputs.val), decode(outputs.test)
    metric = score(data.val.truth, val_predictions)

    write_outputs(data.val.ids, outputs.val, config.working / "val_outputs.npz")
    write_outputs(data.test.ids, outputs.test, config.working / "test_outputs.npz")
    val_table = submission_table(data.val.ids, val_predictions, data.classes)
    write_submission(val_table, data.val.ids, config.working / "val_submission.csv")
    test_table = submission_table(data.test.ids, test_predictions, data.classes)
    write_submission(test_table, data.submission_ids, config.submission / "submission.csv")
    analysis = {
        "metric": metric,
        "weights": outputs.weights,
        "unreadable_pictures": data.unreadable,
        "failures": analyse_failures(config, data, val_predictions),
    }
    write_json(analysis, config.working / "analysis.json")
    progress.write("done", fraction=1.0, metric=metric)
    print(f"Final Validation Metric: {metric!r}")


if __name__ == "__main__":
    main()
