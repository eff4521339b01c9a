"""Runs MARS as a new user does: a folder with tables, `mars init`, its questions answered, `mars run`."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import yaml
from machine import ROOT
from problem import FACTS, ID, PREDICTION, Problem

NEUTRAL = 0.5
SEED_STEP = 1000  # Between the runs of one home.
_OPTIONS = ("--offline", "--json", "--tracker", "jsonl")


@dataclass(frozen=True)
class Variant:
    """A way to run MARS.

    Attributes:
        options: Further options of `mars run`.
        runs: Number of runs in one home; the last one is scored, so that 2 measures what a first run leaves.
        forgets: What is removed from the home before each further run.
        code: Python that MARS executes before its command, for what no option changes.
        text: What the page says about it.
    """

    options: Sequence[str] = ()
    runs: int = 1
    forgets: Sequence[str] = ()
    code: str = ""
    text: str = ""


@dataclass(frozen=True)
class Command:
    """Calls the MARS of this checkout.

    Attributes:
        python: Python of MARS's environment.
        home: Folder for runs and solutions (MARS_HOME).
        code: Python that is executed before the command.
    """

    python: str
    home: Path
    code: str = ""

    @property
    def words(self) -> Sequence[str]:
        """The command without its arguments."""
        if not self.code:
            return (self.python, "-m", "agent.cli.app")
        return (self.python, "-c", f"{self.code}\nfrom agent.cli.app import main\nmain()")

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables of the calls."""
        return {"MARS_HOME": str(self.home), "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Outcome:
    """Predictions of the kept solution, and what the run says about itself.

    Attributes:
        earlier: Predictions that each run before the last one in the same home kept.
    """

    predictions: pd.DataFrame
    facts: Mapping[str, object] = field(default_factory=dict)
    earlier: Sequence[pd.DataFrame] = ()


def prepare_folder(problem: Problem, folder: Path, own: Path, command: Command) -> None:
    """Copy the tables to a folder of the user's own, draft the specification, and answer its questions."""
    shutil.copytree(folder, own, ignore=shutil.ignore_patterns(FACTS))
    if problem.asks_probabilities:
        _write_sample(problem, own)
    _call(command, ["init", str(own)], log=own.parent / "init.log")
    path = own / "competition.yaml"
    draft = yaml.safe_load(path.read_text())
    draft["metric"] = problem.metric
    if problem.positive is not None:
        draft["positive_class"] = problem.positive
    for column in draft["inputs"]:
        if column["name"] == problem.groups:
            column["role"] = "group"
    path.write_text(yaml.safe_dump(draft, sort_keys=False))


def run_product(
    problem: Problem, own: Path, command: Command, variant: Variant, minutes: float, seed: int
) -> Outcome:
    """Search once, or as often as the variant says, and return what the last run kept."""
    kept: list[pd.DataFrame] = []
    for number in range(variant.runs):
        if number > 0:
            for path in variant.forgets:
                _remove(command.home / path)
        options = ["--minutes", str(minutes), "--seed", str(seed + SEED_STEP * number), *_OPTIONS]
        words = ["run", "--competition", str(own), *options, *variant.options]
        facts = json.loads(_call(command, words, log=own.parent / f"run{number}.log").splitlines()[-1])
        if not facts["solution_path"]:
            raise RuntimeError(f"MARS kept no solution: {facts['ended']}")
        kept.append(predictions_of(Path(facts["solution_path"]) / "submission.csv", problem))
    return Outcome(kept[-1], facts, kept[:-1])


def predictions_of(path: Path, problem: Problem) -> pd.DataFrame:
    """Return the predictions that a submission of MARS holds."""
    return _as_predictions(pd.read_csv(path, dtype={problem.target: object}), problem)


def _write_sample(problem: Problem, own: Path) -> None:
    columns = [problem.target] if problem.positive is not None else list(problem.classes)
    sample = pd.read_csv(own / "test.csv", usecols=[ID])
    value = NEUTRAL if problem.positive is not None else 1 / len(columns)
    sample.assign(**dict.fromkeys(columns, value)).to_csv(own / "sample_submission.csv", index=False)


def _as_predictions(submission: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    if not problem.asks_probabilities:
        table = submission[[ID, problem.target]].rename(columns={problem.target: PREDICTION})
        return table if problem.task == "classification" else table.astype({PREDICTION: float})
    if problem.positive is None:
        return submission[[ID, *problem.classes]]
    chance = submission[problem.target].astype(float)
    negative = next(name for name in problem.classes if name != problem.positive)
    table = pd.DataFrame({ID: submission[ID], problem.positive: chance, negative: 1 - chance})
    return table[[ID, *problem.classes]]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _call(command: Command, words: Sequence[str], log: Path) -> str:
    with log.open("w") as errors:
        done = subprocess.run(
            [*command.words, *words],
            env={**os.environ, **command.environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        last = "\n".join(log.read_text().splitlines()[-5:])
        raise RuntimeError(
            f"mars {words[0]} ended with exit code {done.returncode}: {last}{done.stdout[-500:]}"
        )
    return done.stdout
