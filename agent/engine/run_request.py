"""The options of `mars run`, each declared once. This module imports nothing that is slow to import."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from agent.core.options import Option

PLANNER_FIELDS = ("model", "max_usd", "replay_of")  # options that only some planners use

MAX_MINUTES = 366 * 24 * 60  # a year; a larger number is a slip, and its seconds may not be finite
MAX_SEED = 2**31 - 1  # seeds of repeats and folds are larger, and numpy takes none above 2**32 - 1
MAX_NODES = 1_000_000
MAX_WORKERS = 256  # `make_settings` compares with the machine's cores
MAX_GPUS_PER_NODE = 64  # `check_workers` compares with the machine's GPUs
MAX_USD = 1_000_000.0
MAX_PREDICT_MS = 3_600_000.0  # an hour


@dataclass(frozen=True)
class RunRequest:
    """Options of `mars run`: a field with an `Option` is an option of the command line."""

    competition: Annotated[str, Option("Name of a bundled competition, or path of your own folder.")]
    minutes: Annotated[
        float,
        Option(
            "Time budget of the run, in minutes of wall-clock time from the command on; the preparation of "
            "the data counts.",
            min=0.05,
            max=MAX_MINUTES,
        ),
    ] = 10.0
    node_minutes: Annotated[
        float | None,
        Option(
            "Time limit of one node, in minutes. Default: a share of the time left, larger for nodes that "
            "promise more.",
            min=0.02,
            max=MAX_MINUTES,
        ),
    ] = None
    max_nodes: Annotated[int | None, Option("Stop after this many nodes.", min=1, max=MAX_NODES)] = None
    max_usd: Annotated[
        float | None,
        Option(
            "Spend limit for the language model, in USD. At the limit, the library planner takes over.",
            min=0.0,
            max=MAX_USD,
        ),
    ] = None
    planner: Annotated[
        str,
        Option(
            "Source of ideas: library (built in), llm (a language model, see --model), replay (a recorded "
            "run, see --replay-of), or an installed planner.",
            metavar="NAME",
        ),
    ] = "library"
    model: Annotated[
        str | None,
        Option(
            "Name of the language model at OPENAI_BASE_URL, or `local` for a very small model on this "
            "machine. Default: MARS_MODEL. MARS_PLANNER_MODEL, MARS_CODER_MODEL and MARS_REVIEWER_MODEL set "
            "the model of one role."
        ),
    ] = None
    replay_of: Annotated[
        str | None,
        Option(
            "For --planner replay: id of the run whose ideas are replayed, a part of the id, or `latest`. "
            "Default: the competition's newest run that is not itself a replay.",
            metavar="RUN",
        ),
    ] = None
    planner_options: Annotated[
        tuple[str, ...],
        Option(
            "Set an option of the planner. Repeatable.",
            name="--planner-option",
            metavar="NAME=VALUE",
        ),
    ] = ()
    policy: Annotated[
        str,
        Option(
            "Search policy, which chooses the node to extend: mcts, greedy, random, or an installed policy.",
            metavar="NAME",
        ),
    ] = "mcts"
    blueprint: Annotated[Path | None, Option("Execute only the blueprint in this file.")] = None
    lessons: Annotated[
        Path | None, Option("File of exported lessons to use in addition to the recorded ones.")
    ] = None
    workers: Annotated[
        int | Literal["auto"],
        Option(
            "Number of nodes executed in parallel. They share the CPU cores, but not a GPU. auto: on a CPU "
            "and a table of at most 10,000 training rows, one per core, at most 4; else 1.",
            min=1,
            max=MAX_WORKERS,
            metavar="auto|INTEGER",
            word="auto",
        ),
    ] = "auto"
    gpus_per_node: Annotated[
        int,
        Option(
            "Number of GPUs that train one network together; N workers need N times as many GPUs.",
            min=1,
            max=MAX_GPUS_PER_NODE,
        ),
    ] = 1
    share_gpus: Annotated[bool, Option("Let several nodes use one GPU at the same time.")] = False
    data: Annotated[
        Literal["auto", "full", "sample"],
        Option("Data to use. auto: prepared data, else Kaggle's if you are signed in, else the sample."),
    ] = "auto"
    data_seed: int = 0
    seed: Annotated[int, Option("Seed of all decisions and all executions.", min=0, max=MAX_SEED)] = 0
    executor: Annotated[
        str | None,
        Option(
            "How nodes are executed: warm (a fork of a process that has imported the libraries), cold (a new "
            "process), or an installed executor. Default: warm, or cold on a machine with a GPU.",
            metavar="NAME",
        ),
    ] = None
    cold: Annotated[bool, Option("The same as --executor cold: start each node in a new process.")] = False
    trackers: Annotated[
        tuple[str, ...],
        Option(
            "Send the run's events to a tracker: jsonl (the file tracker.jsonl in the run's folder), or an "
            "installed tracker. Repeatable.",
            name="--tracker",
            metavar="NAME",
        ),
    ] = ()
    imported: Annotated[
        str | None,
        Option(
            "Start from this repository, which must meet the repository contract: a folder, or a revision of "
            "a git repository.",
            name="--from",
            metavar="DIR|PATH@REVISION|URL@REVISION",
        ),
    ] = None
    pinned: Annotated[
        tuple[str, ...],
        Option("Fix a slot to a value. Repeatable.", name="--set", metavar="SLOT=VALUE"),
    ] = ()
    forbidden: Annotated[
        tuple[str, ...],
        Option(
            "Exclude a move or a value of a slot. Repeatable.", name="--forbid", metavar="MOVE|SLOT=VALUE"
        ),
    ] = ()
    hint: Annotated[str, Option("Advice for the planner of --planner llm. It is always recorded.")] = ""
    warm_start: Annotated[
        bool,
        Option(
            "Start from the competition's kept solution, if it was found on the same data: its blueprint is "
            "the first node, its run's scores are known, and drafts that lost come last.",
        ),
    ] = True
    refit: Annotated[
        bool,
        Option(
            "At the end, train the solution on all labelled rows, the audit rows too, for the submission. "
            "Time is reserved for this; --no-refit gives it to the search."
        ),
    ] = True
    predict_ms: Annotated[
        float | None,
        Option(
            "Keep a solution that predicts one row within this time, in milliseconds, on this machine. Each "
            "node is timed with its saved model on a batch of rows; the start of the process does not count.",
            min=0.001,
            max=MAX_PREDICT_MS,
            metavar="MS",
        ),
    ] = None
    offline: Annotated[
        bool, Option("Use no network: no Kaggle, and no language model except a local one.")
    ] = False
