"""Run a search as a user does: time to the first valid node, share of valid nodes, scores.

    python benchmarks/performance/search.py imet-2020 [--minutes 10] [--seed 0]
    python benchmarks/performance/search.py digits --splits 0 1 2 3 4

With `--splits`, each seed is passed to the competition's data script and to the run. The submission of the
kept solution is graded on the private answers.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from agent.competition.grading import grade_submission
from agent.competition.registry import find_competition
from agent.competition.sources.locate import locate_data
from agent.core.paths import Home
from agent.engine.run_request import RunRequest
from agent.engine.session import Summary, start
from agent.execution import run_script
from agent.record.events import NodeFinished
from agent.report.plain_lines import PlainLines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("competition")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--splits", type=int, nargs="*", help="Seeds of data splits; each is graded on private answers."
    )
    arguments = parser.parse_args()
    console = Console(file=sys.stderr)
    grades = []
    for split in arguments.splits or [0]:
        with tempfile.TemporaryDirectory(prefix="search-") as folder:
            os.environ["MARS_HOME"] = folder
            request = RunRequest(
                competition=arguments.competition,
                minutes=arguments.minutes,
                workers=arguments.workers,
                seed=split if arguments.splits else arguments.seed,
                data_seed=split,
            )
            summary = start(request, Home(Path(folder)), lambda _: PlainLines(console))
            _print(summary)
            if arguments.splits:
                grades.append(_grade(arguments.competition, Home(Path(folder)), split, summary))
                print(f"split {split}: {grades[-1]:.4f} on the private answers", flush=True)
    if grades:
        print(f"mean over {len(grades)} splits: {statistics.mean(grades):.4f}")


def _print(summary: Summary) -> None:
    state = summary.run.state
    valid = [event for event in summary.run.journal.events() if isinstance(event, NodeFinished)]
    first = next((event.elapsed_s for event in valid if event.result.status == "valid"), float("nan"))
    executed = [node for node in state.nodes.values() if node.status != "pruned"]
    print(f"first valid node after {first:.0f} s; {len(state.valid)} of {len(executed)} executed nodes valid")
    if summary.chosen and summary.chosen.result:
        result = summary.chosen.result
        audit = f"{result.audit_metric:.4f}" if result.audit_metric is not None else "none"
        print(
            f"kept node {summary.chosen.name} ({summary.chosen.operator}): "
            f"validation {result.metric:.4f}, audit {audit}; {state.elapsed_s:.0f} s in total"
        )


def _grade(name: str, home: Home, split: int, summary: Summary) -> float:
    competition = find_competition(name, home)
    raw = locate_data(competition, home, "auto", run_script, split)
    if summary.kept is None:
        raise SystemExit(f"split {split}: the search kept no solution; give it more --minutes.")
    return grade_submission(competition.spec, raw.folder, summary.kept.folder / "submission.csv").score


if __name__ == "__main__":
    main()
