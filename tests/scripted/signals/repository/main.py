"""Short waveforms of five kinds: trains, validates and predicts."""

import argparse

from library.config import FROZEN, SUBMISSION, WORKING, load_config
from library.dataset import load_data
from library.inference import decode, failure_analysis, submission_table
from library.loss import score
from library.train import train_and_predict
from library.utils import Progress, seed_everything, write_json, write_outputs, write_submission


def main(smoke: bool, refit: bool) -> None:
    config = load_config(smoke, refit)
    progress = Progress(WORKING / "progress.jsonl")
    seed_everything(config.seed)

    data = load_data(config)
    progress.write("prepare", fraction=1.0)
    outputs = train_and_predict(config, data, progress)

    write_submission(submission_table(data.test.ids, decode(outputs.test), data.classes), SUBMISSION)
    write_outputs(data.test.ids, outputs.test, WORKING / "test_outputs.npz")
    if data.val is None or data.val.truth is None or outputs.val is None:  # a refit
        progress.write("done", fraction=1.0)
        return

    prediction = decode(outputs.val)
    metric = score(data.val.truth, prediction)
    write_submission(submission_table(data.val.ids, prediction, data.classes), WORKING / "val_submission.csv")
    write_outputs(data.val.ids, outputs.val, WORKING / "val_outputs.npz")
    analysis = {"failures": failure_analysis(data.val.truth, outputs.val, data.classes)}
    write_json(analysis, WORKING / "analysis.json")
    # Neither the validation rows nor the time limit decided anything that a refit would have to keep to.
    write_json({"seconds": progress.elapsed()}, FROZEN)
    progress.write("done", fraction=1.0, metric=metric)
    print(f"Final Validation Metric: {metric!r}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--smoke", action="store_true", help="a quick run of every step on few rows")
    kind.add_argument("--refit", action="store_true", help="learn from the validation rows too, then predict")
    main(**vars(parser.parse_args()))
