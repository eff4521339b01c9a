"""All entrants by name: MARS, its variants, and the peers."""

import argparse
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from peers import PEERS, missing_packages
from problem import Problem, read_problem
from product import Command, Variant, run_product

MARS = "mars"
SECOND = "mars-second"
RECORD = "workspaces/mars.db"
_HOLD_OUT = """
from agent.competition.preparation import folds, splits
folds.MOST_ROWS = splits.MOST_ROWS = 0
"""
VARIANTS: Mapping[str, Variant] = {
    MARS: Variant(text="`mars init`, its questions answered, `mars run` in a new home"),
    "mars-greedy": Variant(("--policy", "greedy"), text="policy greedy in place of mcts"),
    "mars-random": Variant(("--policy", "random"), text="policy random in place of mcts"),
    "mars-hold-out": Variant(code=_HOLD_OUT, text="one hold-out part in place of folds"),
    SECOND: Variant(runs=2, text="the second run in one home: warm start and lessons of the first"),
    "mars-second-without-lessons": Variant(
        runs=2,
        forgets=(RECORD,),
        text="the second run in one home; the record with its lessons is removed before",
    ),
    "mars-second-without-solution": Variant(
        runs=2, forgets=("solutions",), text="the second run in one home; the kept solution is removed before"
    ),
}


def reads(entrant: str) -> str:
    """Return what an entrant reads: `tables`, `texts` (tables with texts), `pictures` or `all`."""
    return "all" if entrant in VARIANTS else PEERS[entrant].reads


def earlier_output(output: Path, number: int) -> Path:
    """Return the file with the predictions of a run before the last one, from 0."""
    return output.with_name(f"{output.stem}-run{number}{output.suffix}")


def text_of(entrant: str) -> str:
    """Return one line that says what an entrant is."""
    return VARIANTS[entrant].text if entrant in VARIANTS else PEERS[entrant].text


def why_absent(entrant: str, mars_python: str) -> str | None:
    """Return why an entrant cannot take part here, or None."""
    if entrant in VARIANTS:
        return None
    if PEERS[entrant].environment == "mars":
        imports = "; ".join(f"import {name}" for name in PEERS[entrant].needs)
        done = subprocess.run([mars_python, "-c", imports], capture_output=True, check=False)
        return (
            None if done.returncode == 0 else f"{mars_python} lacks one of {', '.join(PEERS[entrant].needs)}"
        )
    missing = missing_packages(PEERS[entrant])
    return f"this environment lacks {', '.join(missing)}" if missing else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `search`."""
    parser.add_argument("--variant", required=True, choices=VARIANTS)
    parser.add_argument("--folder", required=True, type=Path, help="folder with problem.json")
    parser.add_argument(
        "--own", required=True, type=Path, help="the user's own folder, made by prepare_folder"
    )
    parser.add_argument("--output", required=True, type=Path, help="file to write the predictions to")
    parser.add_argument("--mars-python", required=True, help="Python of MARS's environment")
    parser.add_argument("--home", required=True, type=Path, help="MARS_HOME")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=0)


def search(arguments: argparse.Namespace) -> None:
    """Run MARS on one folder; write its predictions, and what the run says beside them."""
    command = Command(arguments.mars_python, arguments.home, VARIANTS[arguments.variant].code)
    problem: Problem = read_problem(arguments.folder)
    variant = VARIANTS[arguments.variant]
    outcome = run_product(problem, arguments.own, command, variant, arguments.minutes, arguments.seed)
    outcome.predictions.to_csv(arguments.output, index=False)
    for number, predictions in enumerate(outcome.earlier):
        predictions.to_csv(earlier_output(arguments.output, number), index=False)
    arguments.output.with_suffix(".json").write_text(json.dumps(outcome.facts))
