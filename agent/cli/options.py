"""The options of `mars run`, each with its help; other commands share some."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Competition = Annotated[str, typer.Option(help="A bundled competition's name, or a folder of your own.")]
Minutes = Annotated[float, typer.Option(min=0.05, help="Wall-clock budget of the run.")]
NodeMinutes = Annotated[
    float | None,
    typer.Option(
        min=0.02,
        help="Limit of one experiment; by default a sixth of --minutes, twice that near the end.",
    ),
]
MaxNodes = Annotated[int | None, typer.Option(min=1, help="Stop after this many experiments.")]
Planner = Annotated[
    Literal["library", "llm", "replay"],
    typer.Option(
        help="Who proposes ideas: the embedded library, a language model (see --model), or a recorded run "
        "(see --replay-of)."
    ),
]
ReplayOf = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="For --planner replay: the run whose ideas are given back, by its id, a part of it, or "
        "`latest`; by default the competition's newest that is no replay itself.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        help="The language model's name at OPENAI_BASE_URL, or `local`: a very small one on this machine; by "
        "default MARS_MODEL. MARS_PLANNER_MODEL, MARS_CODER_MODEL and MARS_REVIEWER_MODEL name one for a "
        "role.",
    ),
]
MaxUsd = Annotated[
    float | None,
    typer.Option(min=0.0, help="What the language model may cost at most; the library planner goes on then."),
]
Policy = Annotated[
    Literal["mcts", "greedy", "random"], typer.Option(help="How the tree of experiments grows.")
]
Blueprint = Annotated[Path | None, typer.Option(help="Execute this one blueprint and nothing else.")]
Lessons = Annotated[Path | None, typer.Option(help="Start from these exported lessons too.")]
Workers = Annotated[int, typer.Option(min=1, help="Experiments at once; they share the cores, never a GPU.")]
ShareGpus = Annotated[bool, typer.Option("--share-gpus", help="Let several experiments use one GPU at once.")]
Data = Annotated[
    Literal["auto", "full", "sample"],
    typer.Option(help="auto: data that is here, else Kaggle's if you are signed in, else the sample."),
]
Seed = Annotated[int, typer.Option(help="Seed of every decision and every experiment.")]
Cold = Annotated[
    bool, typer.Option("--cold", help="A fresh process per experiment instead of a warm parent.")
]
From = Annotated[
    Path | None,
    typer.Option("--from", help="Start from this repository, which keeps the repository contract."),
]
Pin = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SLOT=VALUE", help="Keep a slot at a value; may be repeated."),
]
Forbid = Annotated[
    list[str] | None,
    typer.Option(metavar="MOVE|SLOT=VALUE", help="Never make a move or use a value; may be repeated."),
]
Refit = Annotated[
    bool,
    typer.Option(
        "--refit", help="At the end, let the solution learn from the validation rows too (time is reserved)."
    ),
]
Hint = Annotated[str, typer.Option(help="For --planner llm, which reads it; kept in the record in any case.")]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        help="Ask nothing beyond this machine: no Kaggle, no language model but one that runs here.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, all else on stderr.")]
