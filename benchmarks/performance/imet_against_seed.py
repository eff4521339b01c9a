"""The search against the seed's recipe on the iMet sample: the solution it keeps, on 5,000 private rows.

    python benchmarks/performance/imet_against_seed.py [--seeds 0 1 2 3 4] [--minutes 10] [--threads 2]

For each run seed: `mars run` for the minutes in a home of its own, without lessons from elsewhere; then the
kept repository and `benchmarks/imet-2020/seed-small.yaml` are each trained anew by their own `main.py`, with
the same weights at hand, and predict 5,000 further pictures whose answers neither has seen. Neither is
stopped early: so many pictures take longer than a search would wait; the baseline gets its whole schedule.
Prints micro-F1 of both and the paired bootstrap interval of the difference. With `--keep` a search that is
already there is not repeated.

Both are trained on the same rows; the pictures are the generated sample's, not iMet's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agent.competition.metrics import get_metric, paired_effect
from agent.competition.prepared import Prepared
from agent.competition.submission import SubmissionFormat, read_predictions, read_truth
from agent.execution import Job, Limits, make_executor
from agent.paths import Home, benchmarks_dir
from agent.repository.family import known_families
from agent.repository.idea import load_blueprint
from agent.repository.render import Renderer, TaskView, write_tree
from agent.search.scheduler import only
from agent.session import open_run

ROWS = 5000
LONG_S = 4 * 3600.0
COMPETITION = benchmarks_dir() / "imet-2020"


@dataclass(frozen=True)
class Stage:
    """The prepared sample with the comparison pictures in place of the rows to predict."""

    prepared: Prepared
    input: Path
    metadata: Path
    answers: Path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of every candidate.")
    parser.add_argument("--keep", type=Path, help="Folder for the runs, instead of a temporary one.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="against-seed-") as temporary:
        folder = arguments.keep or Path(temporary)
        for seed in arguments.seeds:
            compare(folder / str(seed), seed, arguments.minutes, arguments.threads)


def compare(folder: Path, seed: int, minutes: float, threads: int) -> None:
    home = Home(folder / "home")
    done = folder / "summary.json"
    if not done.exists():
        done.write_text(_search(home, seed, minutes))
    summary = json.loads(done.read_text())
    run = open_run(str(summary["run_id"]), home)
    stage = _stage(folder / "stage", run.prepared)
    task = TaskView.of(run.prepared)
    blueprint = load_blueprint(COMPETITION / "seed-small.yaml", known_families(home))
    seed_files = Renderer(known_families(home)[blueprint.family], task).render(only(blueprint).idea)
    write_tree(seed_files, folder / "seed-small")
    solution = Path(str(summary["solution_path"])) / "repository"
    ours = _predict(solution, folder / "ours", stage, seed, threads)
    theirs = _predict(folder / "seed-small", folder / "theirs", stage, seed, threads)
    _print(seed, summary, stage, ours, theirs)


def _search(home: Home, seed: int, minutes: float) -> str:
    """`mars run` in a process of its own; its summary as JSON."""
    command = [sys.executable, "-m", "agent.cli.app", "run", "--competition", "imet-2020", "--data", "sample"]
    command += ["--minutes", str(minutes), "--seed", str(seed), "--json"]
    done = subprocess.run(
        command, env={**os.environ, "MARS_HOME": str(home.root)}, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode()


def _stage(folder: Path, prepared: Prepared) -> Stage:
    """Public folders like the prepared ones, but for the rows to predict."""
    made = folder / "made"
    script = [sys.executable, str(COMPETITION / "sample.py"), str(made), "--comparison-rows", str(ROWS)]
    subprocess.run(script, check=True)
    spec = prepared.spec
    metadata, media = folder / "metadata", folder / "input"
    metadata.mkdir()
    media.mkdir()
    for name in ("train.csv", "val.csv", "classes.csv"):
        (metadata / name).write_bytes((prepared.metadata / name).read_bytes())
    (media / "media").mkdir()
    for picture in (prepared.input / "media").iterdir():
        os.link(picture, media / "media" / picture.name)
    rows = pd.read_csv(made / "comparison.csv", dtype=str)
    for name in rows[spec.id_column]:
        os.link(made / "comparison" / f"{name}.png", media / "media" / f"comparison-{name}.png")
    rows["file_path"] = "media/comparison-" + rows[spec.id_column] + ".png"
    rows.to_csv(metadata / "test.csv", index=False)
    rows.assign(**{spec.targets[0]: ""})[list(prepared.submission_columns)].to_csv(
        metadata / "sample_submission.csv", index=False
    )
    return Stage(prepared, media, metadata, made / "answers" / "comparison.csv")


def _predict(repository: Path, workspace: Path, stage: Stage, seed: int, threads: int) -> tuple[Path, float]:
    """(submission, seconds) of a repository that is trained and run on the stage."""
    files = {
        str(file.relative_to(repository)): file.read_text()
        for file in repository.rglob("*")
        if file.is_file()
    }
    write_tree(files, workspace)
    executor = make_executor(cold=True, nodes_root=workspace, readable=[stage.input, stage.metadata])
    job = Job(
        workspace=workspace,
        input=stage.input,
        metadata=stage.metadata,
        seed=seed,
        limits=Limits(time_s=LONG_S),
        time_hint_s=LONG_S,
        threads=threads,
    )
    try:
        outcome = executor.execute(job)
    finally:
        executor.close()
    if outcome.status != "ok":
        raise SystemExit(f"{repository}: {outcome.reason}\n{outcome.log.read_text()[-2000:]}")
    return workspace / "submission" / "submission.csv", outcome.seconds


def _print(
    seed: int, summary: dict[str, object], stage: Stage, ours: tuple[Path, float], theirs: tuple[Path, float]
) -> None:
    form = SubmissionFormat.of(stage.prepared)
    ids, truth = read_truth(stage.answers, form)
    mine, seeds = (read_predictions(file, form, ids) for file, _ in (ours, theirs))
    metric = get_metric("micro_f1")
    effect = paired_effect(metric, truth, seeds, mine, resamples=1000)
    print(
        f"run seed {seed}: {summary['nodes']} nodes, {summary['valid_nodes']} valid; "
        f"ours {metric.score(truth, mine):.4f} ({ours[1]:.0f} s), "
        f"seed-small {metric.score(truth, seeds):.4f} ({theirs[1]:.0f} s); "
        f"difference 95 % {effect.lower:+.4f} .. {effect.upper:+.4f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
