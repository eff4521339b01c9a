"""Compare the search's solution with the seed's recipe on the iMet sample, on 5,000 private rows.

    python benchmarks/performance/imet_against_seed.py [--seeds 0 1 2 3 4] [--minutes 10] [--threads 2]
        [--keep DIR] [--parts search ours seed-small ensemble]

For each run seed, `mars run` searches for the given minutes in its own home, without lessons from other runs.
Then the `main.py` of the kept repository and that of `benchmarks/imet-2020/seed-small.yaml` train again with
the same pretrained weights and predict 5,000 unseen pictures. Neither is stopped early: predicting so many
pictures takes longer than a search allows, and the baseline gets its whole schedule. Prints micro-F1 of both
and the paired bootstrap interval of the difference. The part `ensemble` compares the search's final ensemble,
kept or not, with its member of the best validation score. It also names the member with the best private
score, which no search could have chosen.

Both train on the same rows; the pictures are those of the generated sample, not iMet's. One cache holds
decoded pictures and features of frozen networks for all seeds. `--keep` reuses finished results. `--parts`
runs the searches, which need the whole machine, separately from the rest.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from agent.competition.metrics import get_metric, paired_effect
from agent.competition.preparation.prepare import prepare
from agent.competition.prepared import Prepared
from agent.competition.registry import find_competition
from agent.competition.sources.locate import locate_data
from agent.competition.submission import SubmissionFormat, read_predictions, read_truth
from agent.core.files import staged_folder
from agent.core.paths import Home, benchmarks_dir
from agent.execution import Job, Limits, make_executor, run_script
from agent.record.opened_run import open_run
from agent.repository.family import known_families
from agent.repository.idea import load_blueprint
from agent.repository.rendering import Renderer, TaskView, write_tree
from agent.search.scheduler import blueprint_draft

ROWS = 5000
LONG_S = 4 * 3600.0
COMPETITION = benchmarks_dir() / "imet-2020"
PARTS = ("search", "ours", "seed-small", "ensemble")


@dataclass(frozen=True)
class Stage:
    """The prepared sample with the comparison pictures as rows to predict."""

    prepared: Prepared
    input: Path
    metadata: Path
    answers: Path
    cache: Path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the final trainings.")
    parser.add_argument("--keep", type=Path, help="Folder to keep the results in (default: a temporary one).")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="Parts to run.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="against-seed-") as temporary:
        folder = (arguments.keep or Path(temporary)).resolve()
        stage = _stage(folder)
        for seed in arguments.seeds:
            own = folder / f"seed-{seed}"
            own.mkdir(parents=True, exist_ok=True)
            if "search" in arguments.parts:
                _run_once(own / "search.json", partial(_search, own, seed, arguments.minutes))
            if "ours" in arguments.parts:
                solution = Path(str(json.loads((own / "search.json").read_text())["solution_path"]))
                files = _files(solution / "repository")
                _run_once(
                    own / "ours.json", partial(_predict, files, own / "ours", stage, seed, arguments.threads)
                )
            if "seed-small" in arguments.parts:
                recipe, workspace = _seed_small(stage), own / "seed-small"
                _run_once(
                    own / "seed-small.json",
                    partial(_predict, recipe, workspace, stage, seed, arguments.threads),
                )
            if "ensemble" in arguments.parts:
                _run_once(own / "ensemble.json", partial(_ensemble, own, stage, seed, arguments.threads))
            if {"ours", "seed-small"} & set(arguments.parts):
                _print_solutions(own, seed, stage)
            if "ensemble" in arguments.parts:
                _print_ensemble(own, seed, stage)


def _run_once(file: Path, work: Callable[[], str]) -> None:
    """Do the work and write its result to the file, unless the file exists."""
    if not file.exists():
        unfinished = file.with_suffix(".part")
        unfinished.write_text(work())
        unfinished.replace(file)


def _search(folder: Path, seed: int, minutes: float) -> str:
    """Run `mars run` in its own process and return its JSON summary."""
    command = [sys.executable, "-m", "agent.cli.app", "run", "--competition", "imet-2020", "--data", "sample"]
    command += ["--minutes", str(minutes), "--seed", str(seed), "--json"]
    environment = {**os.environ, "MARS_HOME": str(folder / "home")}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout.decode()


def _stage(folder: Path) -> Stage:
    """Return folders like the prepared ones, with other rows to predict."""
    home = Home(folder / "home")
    competition = find_competition("imet-2020", home)
    prepared = prepare(competition.spec, locate_data(competition, home, "sample", run_script), home)
    stage = folder / "stage"
    found = Stage(prepared, stage / "input", stage / "metadata", stage / "answers.csv", folder / "cache")
    if not stage.exists():
        with staged_folder(stage) as made:
            _make_stage(made, prepared)
    return found


def _make_stage(stage: Path, prepared: Prepared) -> None:
    made, media, metadata = stage / "made", stage / "input" / "media", stage / "metadata"
    script = [sys.executable, str(COMPETITION / "sample.py"), str(made), "--comparison-rows", str(ROWS)]
    subprocess.run(script, check=True)
    spec = prepared.spec
    metadata.mkdir()
    media.mkdir(parents=True)
    for name in ("train.csv", "val.csv", "classes.csv"):
        (metadata / name).write_bytes((prepared.metadata / name).read_bytes())
    for picture in (prepared.input / "media").iterdir():
        os.link(picture, media / picture.name)
    rows = pd.read_csv(made / "comparison.csv", dtype=str)
    for name in rows[spec.id_column]:
        os.link(made / "comparison" / f"{name}.png", media / f"comparison-{name}.png")
    rows["file_path"] = "media/comparison-" + rows[spec.id_column] + ".png"
    rows.to_csv(metadata / "test.csv", index=False)
    rows.assign(**{spec.targets[0]: ""})[list(prepared.submission_columns)].to_csv(
        metadata / "sample_submission.csv", index=False
    )
    os.link(made / "answers" / "comparison.csv", stage / "answers.csv")


def _seed_small(stage: Stage) -> dict[str, str]:
    """Render the repository of the fixed recipe."""
    families = known_families(Home(stage.cache.parent / "home"))
    blueprint = load_blueprint(COMPETITION / "seed-small.yaml", families)
    renderer = Renderer(families[blueprint.family], TaskView.of(stage.prepared))
    return renderer.render(blueprint_draft(blueprint).idea)


def _files(repository: Path) -> dict[str, str]:
    found = (file for file in repository.rglob("*") if file.is_file())
    return {str(file.relative_to(repository)): file.read_text() for file in found}


def _predict(files: dict[str, str], workspace: Path, stage: Stage, seed: int, threads: int) -> str:
    """Train and run a repository on the stage; return path of the submission and seconds, as JSON."""
    shutil.rmtree(workspace, ignore_errors=True)
    write_tree(files, workspace)
    executor = make_executor(
        "cold", nodes_root=workspace, readable=[stage.input, stage.metadata], writable=[stage.cache]
    )
    job = Job(
        workspace=workspace,
        input=stage.input,
        metadata=stage.metadata,
        seed=seed,
        limits=Limits(time_s=LONG_S),
        time_hint_s=LONG_S,
        threads=threads,
        cache=stage.cache,
    )
    try:
        outcome = executor.execute(job)
    finally:
        executor.close()
    if outcome.status != "ok":
        raise SystemExit(f"{workspace}: {outcome.reason}\n{outcome.log.read_text()[-2000:]}")
    submission = workspace / "submission" / "submission.csv"
    return json.dumps({"submission": str(submission), "seconds": outcome.seconds})


def _ensemble(folder: Path, stage: Stage, seed: int, threads: int) -> str:
    """Train and blend the members of the search's ensemble; return folder and member names, as JSON."""
    run = open_run("latest", Home(folder / "home"))
    ensembles = [node for node in run.state.nodes.values() if node.operator == "ensemble" and node.result]
    if not ensembles:
        return json.dumps({"members": []})
    (node,) = ensembles
    assert node.result is not None
    workspace = folder / "ours"
    if run.state.finished is None or run.state.finished.chosen != node.id or not workspace.exists():
        workspace = folder / "ensemble"
        _predict(run.lineage.read(node.result.commit), workspace, stage, seed, threads)
    members = [run.state.nodes[member] for member in node.parents]
    best = max(members, key=lambda member: member.metric or 0.0)
    return json.dumps(
        {"folder": str(workspace), "members": [member.name for member in members], "best": best.name}
    )


def _print_solutions(folder: Path, seed: int, stage: Stage) -> None:
    files = [folder / f"{part}.json" for part in ("search", "ours", "seed-small")]
    if not all(file.exists() for file in files):
        return
    search, ours, theirs = (json.loads(file.read_text()) for file in files)
    print(
        f"run seed {seed}: {search['nodes']} nodes, {search['valid_nodes']} valid; "
        f"search {ours['seconds']:.0f} s, seed-small {theirs['seconds']:.0f} s; "
        + _format_comparison("search", ours["submission"], "seed-small", theirs["submission"], stage),
        flush=True,
    )


def _print_ensemble(folder: Path, seed: int, stage: Stage) -> None:
    found = json.loads((folder / "ensemble.json").read_text())
    if not found["members"]:
        print(f"run seed {seed}: the search built no ensemble", flush=True)
        return
    submission = Path("submission") / "submission.csv"
    submissions = {name: Path(found["folder"]) / "members" / name / submission for name in found["members"]}
    scores = {name: _score(file, stage) for name, file in submissions.items()}
    best_private = max(scores, key=lambda name: scores[name])
    print(
        f"run seed {seed}: "
        + _format_comparison(
            f"ensemble of {len(submissions)}",
            Path(found["folder"]) / submission,
            f"its best member {found['best']}",
            submissions[found["best"]],
            stage,
        )
        + f"; best member on these rows: {best_private} with {scores[best_private]:.4f}",
        flush=True,
    )


def _format_comparison(name: str, mine: str | Path, other: str, theirs: str | Path, stage: Stage) -> str:
    """Format both scores and the paired interval of their difference."""
    form = SubmissionFormat.of(stage.prepared)
    ids, truth = read_truth(stage.answers, form)
    after, before = (read_predictions(Path(file), form, ids) for file in (mine, theirs))
    metric = get_metric("micro_f1")
    effect = paired_effect(metric, truth, before, after, resamples=1000)
    return (
        f"{name} {metric.score(truth, after):.4f}, {other} {metric.score(truth, before):.4f}; "
        f"difference 95 % {effect.lower:+.4f} .. {effect.upper:+.4f}"
    )


def _score(file: Path, stage: Stage) -> float:
    form = SubmissionFormat.of(stage.prepared)
    ids, truth = read_truth(stage.answers, form)
    return get_metric("micro_f1").score(truth, read_predictions(file, form, ids))


if __name__ == "__main__":
    main()
