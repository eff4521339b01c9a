"""Measures one entrant on one folder: a process of its own on its own cores, and the load beside it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import psutil
from entrants import VARIANTS, earlier_output
from limits import thread_environment
from machine import mars_versions, peer_versions
from nodes import Private, ensembles_by_size, original_ids, private_nodes
from peers import PEERS
from problem import ID, Problem, check_predictions, read_problem, read_rows
from product import Command, prepare_folder
from results import Result
from scores import error_of, score_of

HERE = Path(__file__).parent
SAMPLE_S = 0.5  # of the CPU time of an entrant's processes
GRACE_FACTOR, GRACE_S = 3, 300  # A process that takes longer than this is stopped and counts as failed.
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Conditions:
    """What is equal for all entrants of a comparison."""

    minutes: float
    threads: int
    clock: str
    mars_python: str


@dataclass(frozen=True)
class Usage:
    """What a process took, and what others took of its cores meanwhile, in seconds."""

    seconds: float
    cpu_s: float
    foreign_s: float
    exit_code: int


def measure(
    entrant: str, folder: Path, answers: Path, cores: Sequence[int], conditions: Conditions, seed: int
) -> Result:
    """Run one entrant and score its predictions on the private rows; a failure is a result too."""
    problem = read_problem(folder)
    with TemporaryDirectory(prefix="quality-") as place:
        output, log = Path(place) / "predictions.csv", Path(place) / "log.txt"
        score = error = failure = None
        usage = Usage(0.0, 0.0, 0.0, 0)
        facts: dict[str, object] = {}
        try:
            words = _words(entrant, folder, Path(place), output, conditions, seed)
            limit = GRACE_FACTOR * 60 * conditions.minutes * _runs(entrant) + GRACE_S
            usage = run_pinned(words, cores, log, limit, conditions.threads)
            if usage.exit_code != 0:
                raise RuntimeError(f"exit code {usage.exit_code}: {_tail(log)}")
            score = _score(output, answers, folder)
            error = error_of(score, problem)
            if output.with_suffix(".json").exists():
                facts = json.loads(output.with_suffix(".json").read_text())
                facts |= _tree(str(facts["run_id"]), Path(place), folder, answers)
                facts["earlier_errors"] = [
                    error_of(_score(earlier_output(output, number), answers, folder), problem)
                    for number in range(_runs(entrant) - 1)
                ]
        except (OSError, RuntimeError, ValueError) as caught:
            failure = str(caught)[-1000:]
    return Result(
        table=problem.name,
        seed=seed,
        entrant=entrant,
        minutes=conditions.minutes,
        threads=conditions.threads,
        clock="wall" if entrant in VARIANTS else conditions.clock,
        metric=problem.metric,
        score=score,
        error=error,
        failure=failure,
        seconds=round(usage.seconds, 1),
        cpu_s=round(usage.cpu_s, 1),
        foreign_s=round(usage.foreign_s, 1),
        facts=facts,
        versions=mars_versions() if entrant in VARIANTS else peer_versions(),
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def run_pinned(words: Sequence[str], cores: Sequence[int], log: Path, limit_s: float, threads: int) -> Usage:
    """Run a command on some cores and return what it took."""
    environment = {**os.environ, **thread_environment(threads)}
    before, started = _busy_s(cores), time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", ",".join(map(str, cores)), *words],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        status, cpu_s = _wait(process.pid, started + limit_s)
    process.returncode = os.waitstatus_to_exitcode(status)
    foreign_s = max(0.0, _busy_s(cores) - before - cpu_s)
    return Usage(time.monotonic() - started, cpu_s, foreign_s, process.returncode)


def _wait(pid: int, deadline: float) -> tuple[int, float]:
    """Wait for a process; stop its session at the deadline. Return its status and its CPU seconds.

    The kernel counts the processes below it that were waited for. Candidates of MARS are killed by the end of
    their sandbox instead, so their CPU time is sampled too.
    """
    sampled: dict[tuple[int, float], float] = {}
    next_sample = 0.0
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            return status, max(used.ru_utime + used.ru_stime, sum(sampled.values()))
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
        if time.monotonic() > next_sample:
            sampled |= _cpu_of_tree(pid)
            next_sample = time.monotonic() + SAMPLE_S
        time.sleep(0.2)


def _cpu_of_tree(pid: int) -> dict[tuple[int, float], float]:
    """Return the CPU seconds of a process and of all below it, by process id and start."""
    found = {}
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):  # it has ended
                times = process.cpu_times()
                found[process.pid, process.create_time()] = times.user + times.system
    return found


def _words(
    entrant: str, folder: Path, place: Path, output: Path, conditions: Conditions, seed: int
) -> list[str]:
    start = [sys.executable, str(HERE)]
    common = ["--folder", str(folder), "--output", str(output), "--seed", str(seed)]
    if entrant not in VARIANTS:
        limits = ["--seconds", str(60 * conditions.minutes), "--threads", str(conditions.threads)]
        if PEERS[entrant].environment == "mars":
            start[0] = conditions.mars_python
        return [*start, "fit", "--peer", entrant, *common, *limits, "--clock", conditions.clock]
    problem, home = read_problem(folder), place / "home"
    own = place / problem.name
    home.mkdir()
    prepare_folder(problem, folder, own, Command(conditions.mars_python, home))
    search = ["search", "--variant", entrant, "--own", str(own), "--home", str(home)]
    return [
        *start,
        *search,
        *common,
        "--mars-python",
        conditions.mars_python,
        "--minutes",
        str(conditions.minutes),
    ]


def _tree(run_id: str, place: Path, folder: Path, answers: Path) -> dict[str, object]:
    """Return the errors on the private rows of a run's nodes and of its ensembles."""
    problem, run = read_problem(folder), place / "home" / "workspaces" / run_id
    truth = _read_answers(answers, problem)
    private = Private(truth[ID], truth[problem.target], original_ids(place / "home"))
    nodes = private_nodes(run, problem, private)
    train, _ = read_rows(folder, problem)
    ensembles = ensembles_by_size(run, nodes, train, problem, private)
    return {"tree": nodes, "ensembles": ensembles}


def _read_answers(answers: Path, problem: Problem) -> pd.DataFrame:
    return pd.read_csv(answers, dtype={problem.target: str} if problem.task == "classification" else None)


def _score(output: Path, answers: Path, folder: Path) -> float:
    problem = read_problem(folder)
    truth = _read_answers(answers, problem)
    labels = {"prediction": str} if problem.task == "classification" else None
    predictions = pd.read_csv(output, dtype=labels)
    check_predictions(predictions, problem, list(truth[ID]))
    return score_of(predictions, truth[problem.target], problem)


def _runs(entrant: str) -> int:
    return VARIANTS[entrant].runs if entrant in VARIANTS else 1


def _busy_s(cores: Sequence[int]) -> float:
    """Return the seconds that cores have been busy since the machine started."""
    wanted = {f"cpu{core}" for core in cores}
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    # Columns: user nice system idle iowait irq softirq steal.
    rows = [list(map(int, line[1:9])) for line in lines if line and line[0] in wanted]
    return sum(sum(row) - row[3] - row[4] for row in rows) / _TICKS_PER_S


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-8:])
