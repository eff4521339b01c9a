"""Options of `mars run` with their help texts; other commands share some of them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Competition = Annotated[str, typer.Option(help="Name of a bundled competition, or path of your own folder.")]
Minutes = Annotated[
    float, typer.Option(min=0.05, help="Time budget of the run, in minutes of wall-clock time.")
]
NodeMinutes = Annotated[
    float | None,
    typer.Option(
        min=0.02,
        help="Time limit of one node, in minutes. Default: a sixth of --minutes, twice that near the end.",
    ),
]
MaxNodes = Annotated[int | None, typer.Option(min=1, help="Stop after this many nodes.")]
Planner = Annotated[
    Literal["library", "llm", "replay"],
    typer.Option(
        help="Source of ideas: the built-in library, a language model (see --model), or a recorded run "
        "(see --replay-of)."
    ),
]
ReplayOf = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="For --planner replay: id of the run whose ideas are replayed, a part of the id, or `latest`. "
        "Default: the competition's newest run that is not itself a replay.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        help="Name of the language model at OPENAI_BASE_URL, or `local` for a very small model on this "
        "machine. Default: MARS_MODEL. MARS_PLANNER_MODEL, MARS_CODER_MODEL and MARS_REVIEWER_MODEL set the "
        "model of one role.",
    ),
]
MaxUsd = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        help="Spend limit for the language model, in USD. At the limit, the library planner takes over.",
    ),
]
Policy = Annotated[
    Literal["mcts", "greedy", "random"],
    typer.Option(help="Search policy: how the next node to extend is chosen."),
]
Blueprint = Annotated[Path | None, typer.Option(help="Execute only the blueprint in this file.")]
Lessons = Annotated[
    Path | None, typer.Option(help="File of exported lessons to use in addition to the recorded ones.")
]
Workers = Annotated[
    int,
    typer.Option(
        min=1, help="Number of nodes executed in parallel. They share the CPU cores, but not a GPU."
    ),
]
ShareGpus = Annotated[
    bool, typer.Option("--share-gpus", help="Let several nodes use one GPU at the same time.")
]
Data = Annotated[
    Literal["auto", "full", "sample"],
    typer.Option(
        help="Data to use. auto: prepared data, else Kaggle's if you are signed in, else the sample."
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of all decisions and all executions.")]
Cold = Annotated[
    bool, typer.Option("--cold", help="Start each node in a new process instead of a fork of a warm process.")
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="DIR|PATH@REVISION|URL@REVISION",
        help="Start from this repository, which must meet the repository contract: a folder, or a revision "
        "of a git repository.",
    ),
]
Pin = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SLOT=VALUE", help="Fix a slot to a value. Repeatable."),
]
Forbid = Annotated[
    list[str] | None,
    typer.Option(metavar="MOVE|SLOT=VALUE", help="Exclude a move or a value of a slot. Repeatable."),
]
Refit = Annotated[
    bool,
    typer.Option(
        "--refit",
        help="At the end, train the solution on the validation rows too. Time is reserved for this.",
    ),
]
Hint = Annotated[str, typer.Option(help="Advice for the planner of --planner llm. It is always recorded.")]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        help="Use no network: no Kaggle, and no language model except a local one.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object to stdout and everything else to stderr.")
]
