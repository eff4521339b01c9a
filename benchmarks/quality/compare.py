"""Compares entrants on public tables under equal conditions, and writes the page."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Lock

from entrants import MARS, VARIANTS, reads, why_absent
from limits import available_cores
from measure import Conditions, measure
from page import make_page
from peers import PEERS
from pictures import listed_pictures, write_pictures
from results import Result, append_result, comparable, read_results
from tables import listed_tables, write_table

WORK = Path("workspaces/quality")
DEFAULT = (
    MARS,
    "autogluon-best",
    "autogluon-medium",
    "optuna-lightgbm",
    "random-lightgbm",
    "five-learners",
    "hist-gradient-boosting",
    "tfidf-linear",
    "imagenet-logistic",
)


_WRITING = Lock()


@dataclass(frozen=True)
class Job:
    """One measurement to make."""

    table: str
    seed: int
    entrant: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `compare`."""
    parser.add_argument(
        "--tables", default="all", help="dev, held-out, all (no pictures), pictures, or names"
    )
    parser.add_argument(
        "--entrants", default="default", help=f"default, or names: {', '.join([*VARIANTS, *PEERS])}"
    )
    parser.add_argument(
        "--seeds", type=int, default=1, help="number of seeds, each with private rows of its own"
    )
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--threads", type=int, default=1, help="cores of each entrant")
    parser.add_argument("--jobs", type=int, help="entrants at the same time; default: as the cores allow")
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="what the peers' limit counts"
    )
    parser.add_argument("--mars-python", default=".venv/bin/python", help="Python of MARS's environment")
    parser.add_argument(
        "--work", type=Path, default=WORK, help="folder of the tables, the answers and the results"
    )
    parser.add_argument("--page", type=Path, help="file to write the page to; default: WORK/results.md")
    parser.add_argument("--title", default="Quality against other ways")


def compare(arguments: argparse.Namespace) -> None:
    """Measure what is not measured yet, print the page and write it."""
    names = _table_names(arguments.tables)
    chosen = DEFAULT if arguments.entrants == "default" else arguments.entrants.split(",")
    entrants = _present(chosen, arguments.mars_python)
    conditions = Conditions(
        arguments.minutes,
        arguments.threads,
        arguments.clock,
        str(Path(arguments.mars_python).absolute()),
    )
    store = arguments.work / "results.jsonl"
    jobs = _open_jobs(names, entrants, arguments.seeds, conditions, read_results(store))
    print(f"{len(jobs)} measurements to make; results go to {store}.", file=sys.stderr)
    _measure_all(jobs, conditions, arguments.work, store, arguments.jobs)
    results = [
        result
        for result in comparable(
            read_results(store), conditions.minutes, conditions.threads, conditions.clock
        )
        if result.table in names and result.entrant in entrants and result.seed < arguments.seeds
    ]
    order = {name: place for place, name in enumerate(entrants)}
    results.sort(key=lambda result: (order[result.entrant], result.table, result.seed))
    command = shlex.join(["python", "benchmarks/quality", *sys.argv[1:]])
    page = make_page(arguments.title, results, {name: _uses()[name] for name in names}, command)
    (arguments.page or arguments.work / "results.md").write_text(page)
    print(page)


def _uses() -> dict[str, str]:
    return {data.name: data.use for data in [*listed_tables(), *listed_pictures()]}


def _table_names(chosen: str) -> list[str]:
    tables = {table.name: table.use for table in listed_tables()}
    pictures = [pictures.name for pictures in listed_pictures()]
    if chosen == "pictures":
        return pictures
    if chosen in {"all", "dev", "held-out"}:
        return [name for name, use in tables.items() if chosen in {"all", use}]
    names = chosen.split(",")
    unknown = [name for name in names if name not in tables and name not in pictures]
    if unknown:
        raise SystemExit(
            f"--tables: no table is named {', '.join(unknown)}. Known: {', '.join([*tables, *pictures])}."
        )
    return names


def _present(entrants: Sequence[str], mars_python: str) -> list[str]:
    unknown = [name for name in entrants if name not in VARIANTS and name not in PEERS]
    if unknown:
        raise SystemExit(
            f"--entrants: unknown: {', '.join(unknown)}. Known: {', '.join([*VARIANTS, *PEERS])}."
        )
    present = []
    for name in entrants:
        absent = why_absent(name, mars_python)
        if absent:
            print(f"{name} is left out: {absent}.", file=sys.stderr)
        else:
            present.append(name)
    return present


def _open_jobs(
    names: Sequence[str],
    entrants: Sequence[str],
    seeds: int,
    conditions: Conditions,
    results: Sequence[Result],
) -> list[Job]:
    """Return the measurements that no result has, all entrants of one table and seed beside each other."""
    read = {data.name: {"all", "pictures"} for data in listed_pictures()}
    for table in listed_tables():
        read[table.name] = {"all", "tables", "texts"} if table.texts else {"all", "tables"}
    done = {
        (result.table, result.seed, result.entrant)
        for result in comparable(results, conditions.minutes, conditions.threads, conditions.clock)
        if result.failure is None
    }
    jobs = [
        Job(name, seed, entrant)
        for seed in range(seeds)
        for name in names
        for entrant in entrants
        if reads(entrant) in read[name]
    ]
    return [job for job in jobs if (job.table, job.seed, job.entrant) not in done]


def _measure_all(
    jobs: Sequence[Job], conditions: Conditions, work: Path, store: Path, most: int | None
) -> None:
    """Measure side by side, each entrant on cores of its own."""
    cores = available_cores()
    places = min(most or len(cores), max(1, len(cores) // conditions.threads))
    free: Queue[Sequence[int]] = Queue()
    for place in range(places):
        free.put(cores[place * conditions.threads : (place + 1) * conditions.threads])

    def do(job: Job) -> None:
        mine = free.get()
        try:
            folder, answers = _write(job, work)
            result = measure(job.entrant, folder, answers, mine, conditions, job.seed)
            append_result(store, result)
        finally:
            free.put(mine)
        shown = (
            f"{result.metric} {result.score:.5f}" if result.score is not None else f"failed: {result.failure}"
        )
        print(f"{job.table} seed {job.seed}, {job.entrant}: {shown}, {result.seconds:.0f} s", file=sys.stderr)

    with ThreadPoolExecutor(places) as pool:
        list(pool.map(do, jobs))


def _write(job: Job, work: Path) -> tuple[Path, Path]:
    """Write the folder of a job unless it is there; return it, and the file with the answers."""
    folder = work / "folders" / f"{job.table}-{job.seed}"
    answers = work / "answers" / f"{job.table}-{job.seed}.csv"
    tables = {table.name: table for table in listed_tables()}
    with _WRITING:
        if not answers.exists() and job.table in tables:
            write_table(tables[job.table], job.seed, folder, answers)
        elif not answers.exists():
            write_pictures(job.table, job.seed, folder, answers, work / "packages")
    return folder.resolve(), answers.resolve()
