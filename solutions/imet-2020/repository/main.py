"""imet-2020: a blend of 4 solutions, weighted by what they add to each other."""

import argparse

from library.blend import best_score, cross_fit, decode, score
from library.config import MEMBERS, SUBMISSION, WORKING, load_config
from library.members import gather_members, read_outputs
from library.utils import (
    Clock,
    Progress,
    read_classes,
    read_ids,
    read_truth,
    to_submission,
    write_json,
    write_outputs,
    write_submission,
)


def main(smoke: bool) -> None:
    config = load_config(smoke)
    clock = Clock(config.time_limit_s)
    progress = Progress(WORKING / "progress.jsonl", clock)

    folders = gather_members(config, clock, progress)
    val_ids, test_ids = read_ids("val"), read_ids("test")
    val = [read_outputs(folder, "val", val_ids) for folder in folders]
    test = [read_outputs(folder, "test", test_ids) for folder in folders]
    classes = read_classes()
    truth = read_truth("val", classes)

    blend = cross_fit(truth, val, test, config, clock)
    val_prediction = decode(blend.val, blend.val_decision)
    test_prediction = decode(blend.test, blend.test_decision)
    metric = score(truth, val_prediction)

    val_submission = to_submission(val_ids, val_prediction, classes)
    test_submission = to_submission(test_ids, test_prediction, classes)
    write_submission(val_submission, val_ids, WORKING / "val_submission.csv")
    write_submission(test_submission, test_ids, SUBMISSION)
    write_outputs(val_ids, blend.val, WORKING / "val_outputs.npz")
    write_outputs(test_ids, blend.test, WORKING / "test_outputs.npz")
    analysis = {
        "metric": metric,
        "member_metrics": {
            member: best_score(truth, outputs) for member, outputs in zip(MEMBERS, val, strict=True)
        },
        "weights": dict(zip(MEMBERS, blend.weights.tolist(), strict=True)),
        "weights_by_fold": blend.fold_weights.tolist(),
        "threshold": blend.test_decision,
    }
    write_json(analysis, WORKING / "analysis.json")
    progress.write("done", fraction=1.0, metric=metric)
    print(f"Final Validation Metric: {metric!r}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="members without outputs run on few rows")
    main(**vars(parser.parse_args()))
