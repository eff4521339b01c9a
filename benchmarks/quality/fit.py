"""Runs one peer on one folder in a process of its own, and writes its predictions."""

import argparse
import importlib
from pathlib import Path

from limits import start_clock
from peers import PEERS, missing_packages
from problem import ID, check_predictions, read_problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fit`."""
    parser.add_argument("--peer", required=True, choices=PEERS)
    parser.add_argument(
        "--folder", required=True, type=Path, help="folder with train.csv, test.csv, problem.json"
    )
    parser.add_argument("--output", required=True, type=Path, help="file to write the predictions to")
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")


def fit(arguments: argparse.Namespace) -> None:
    """Train a peer within its limits and write one prediction per row of test.csv."""
    limits = start_clock(arguments.seconds, arguments.threads, arguments.seed, arguments.clock)
    peer = PEERS[arguments.peer]
    missing = missing_packages(peer)
    if missing:
        raise SystemExit(f"{arguments.peer}: missing packages: {', '.join(missing)}.")
    problem = read_problem(arguments.folder)
    module = importlib.import_module(f"peers.{peer.module}")
    predictions = module.predict(arguments.folder, problem, limits, **peer.options)
    import pandas as pd

    check_predictions(predictions, problem, list(pd.read_csv(arguments.folder / "test.csv")[ID]))
    predictions.to_csv(arguments.output, index=False)
