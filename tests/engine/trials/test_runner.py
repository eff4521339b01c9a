"""The order of executions: smoke runs come first, repeats and refits run aside, checks precede sharing."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.engine.trials.runner import SMOKE_LIMIT_S, TrialRunner
from agent.engine.trials.trial import Trial
from agent.execution.base import Job
from agent.execution.cache_layers import CacheLayers
from agent.record.events import NodeResult
from agent.repository.idea import WrittenModule
from agent.repository.lineage import Lineage
from tests.engine.trials.parts import CODE, FakeExecutor
from tests.support.states import SETTINGS

CACHED = f"{1:032x}.npy"


@pytest.fixture
def act(toy_prepared: Prepared) -> Callable[[Job], None]:
    """Write perfect predictions, a cache file and frozen choices, unless the job is a smoke run."""

    def act(job: Job) -> None:
        if "--smoke" in job.arguments or job.script != "main.py":
            return
        for table, name in (("val", "working/val_submission.csv"), ("test", "submission/submission.csv")):
            with (toy_prepared.metadata / f"{table}.csv").open(newline="") as stream:
                rows = [(row["id"], str(int(float(row["x"]) > 0))) for row in csv.DictReader(stream)]
            with (job.workspace / name).open("w", newline="") as stream:
                csv.writer(stream).writerows([("id", "label"), *rows])
        (job.workspace / "working" / "frozen.json").write_text("{}")
        (job.workspace / "working" / "val_outputs.npz").write_text("")
        assert job.cache is not None
        (job.cache / CACHED).write_text("features")

    return act


@pytest.fixture
def executor(act: Callable[[Job], None]) -> FakeExecutor:
    return FakeExecutor(act)


@pytest.fixture
def runner(tmp_path: Path, executor: FakeExecutor, toy_prepared: Prepared) -> TrialRunner:
    return TrialRunner(
        toy_prepared,
        Lineage(tmp_path / "repository.git"),
        executor,
        tmp_path / "nodes",
        SETTINGS.model_copy(update={"seed": 5}),
        CacheLayers(tmp_path / "shared", tmp_path / "own"),
        tmp_path / "weights",
    )


@pytest.fixture
def trial(runner: TrialRunner) -> Trial:
    return runner.checkout.set_up(1, CODE, [], "m")


def _arguments(executor: FakeExecutor) -> list[tuple[str, ...]]:
    return [job.arguments for job in executor.jobs]


def test_a_smoke_run_comes_first_and_once_for_equal_code(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial
) -> None:
    result = runner.run(trial, 100.0, None, smoke=True)
    assert (result.status, result.metric, result.smoke_seconds, result.seconds) == ("valid", 1.0, 2.0, 2.0)
    assert _arguments(executor) == [("--smoke",), ()]
    assert [job.limits.time_s for job in executor.jobs] == [SMOKE_LIMIT_S, 98.0]
    again = runner.checkout.set_up(2, CODE | {"README.md": "Other words.\n"}, [], "m")
    assert runner.run(again, 100.0, None, smoke=True).smoke_seconds == 0.0
    assert _arguments(executor) == [("--smoke",), (), ()]


def test_without_a_smoke_run_the_full_run_gets_its_arguments(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial
) -> None:
    runner.run(trial, 100.0, None, smoke=False, arguments=("--save",))
    assert _arguments(executor) == [("--save",)]


def test_a_failed_smoke_run_ends_the_trial(runner: TrialRunner, executor: FakeExecutor, trial: Trial) -> None:
    executor.status, executor.reason = "failed", "KeyError in main.py line 1."
    result = runner.run(trial, 100.0, None, smoke=True)
    assert (result.status, result.reason) == ("failed", "Smoke run: KeyError in main.py line 1.")
    assert (result.seconds, result.smoke_seconds) == (0.0, 2.0)
    assert result.failure is not None
    assert result.failure.stage == "smoke"
    assert _arguments(executor) == [("--smoke",)]
    executor.status = "ok"
    runner.run(trial, 100.0, None, smoke=True)
    assert _arguments(executor)[1:] == [("--smoke",), ()], "the code has not passed a smoke run yet"


def test_a_trial_with_faults_is_not_executed(runner: TrialRunner, executor: FakeExecutor) -> None:
    trial = runner.checkout.set_up(1, CODE, [], "m", ["An edit does not apply."])
    assert runner.run(trial, 100.0, None, smoke=True).status == "failed"
    assert executor.jobs == []


@pytest.mark.parametrize("status", ["valid", "suspect"])
def test_only_a_result_that_passes_its_check_shares_its_cache(
    runner: TrialRunner, trial: Trial, tmp_path: Path, status: str
) -> None:
    shared: list[bool] = []

    def check(checked: Trial, result: NodeResult) -> NodeResult:
        shared.append((tmp_path / "shared" / CACHED).exists())
        assert checked == trial
        return result.model_copy(update={"status": status})

    assert runner.run(trial, 100.0, None, smoke=False, check=check).status == status
    assert shared == [False], "the check comes before sharing"
    assert (tmp_path / "shared" / CACHED).exists() == (status == "valid")
    assert list((tmp_path / "own").iterdir()) == []


def test_a_run_counts_among_those_with_outputs(runner: TrialRunner, trial: Trial) -> None:
    runner.run(trial, 100.0, None, smoke=False)
    outputs = trial.workspace / "working" / "val_outputs.npz"
    runner.outputs.keep_only({1})
    assert outputs.exists()
    runner.outputs.keep_only(set())
    assert not outputs.exists()


def test_a_module_test_passes_or_gives_a_failed_result(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial
) -> None:
    module = WrittenModule(file="library/loss.py", code="", test="assert True\n")
    assert runner.run_module_test(trial, module, 100.0, None) is None
    assert (executor.jobs[0].script, executor.jobs[0].log_name) == ("tests/test_loss.py", "test.log")
    assert executor.jobs[0].limits.time_s == SMOKE_LIMIT_S
    executor.status, executor.reason = "failed", "AssertionError."
    result = runner.run_module_test(trial, module, 100.0, None)
    assert result is not None
    assert result.reason == "Test of library/loss.py: AssertionError."
    assert result.failure is not None
    assert result.failure.stage == "test"


def test_a_repeat_runs_aside_with_a_seed_of_its_own(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial
) -> None:
    assert runner.repeat(trial, 2, 100.0) == (1.0, 2.0)
    (job,) = executor.jobs
    assert (job.seed, job.workspace.name) == (2005, "001-repeat2")
    assert not job.workspace.exists()
    executor.status = "timeout"
    assert runner.repeat(trial, 3, 100.0) == (None, 2.0)


def test_a_repeat_on_other_folds_than_its_node_has_no_score(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial
) -> None:
    assert runner.repeat(trial, 1, 100.0, folds=2) == (None, 2.0)  # the candidate predicts val.csv only
    assert [job.folds for job in executor.jobs] == [2]


def test_a_refit_keeps_the_submission_and_on_request_the_model(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial
) -> None:
    runner.run(trial, 100.0, None, smoke=False)
    assert runner.refit(1, trial.commit, [], 100.0, None).status == "ok"
    folder = runner.checkout.refit_workspace(1)
    assert (folder / "submission" / "submission.csv").exists()
    assert not (folder / "working").exists()
    runner.refit(1, trial.commit, [], 100.0, None, save=True)
    assert (folder / "working").exists()
    assert _arguments(executor)[1:] == [("--refit",), ("--refit", "--save")]


def test_a_run_on_other_metadata_shares_nothing(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial, toy_prepared: Prepared, tmp_path: Path
) -> None:
    outcome = runner.run_with_metadata(trial, toy_prepared.metadata, 100.0, None)
    assert outcome.status == "ok"
    assert executor.jobs[0].metadata == toy_prepared.metadata
    assert list((tmp_path / "own").iterdir()) == []
    assert not (tmp_path / "shared" / CACHED).exists()


def test_a_smoke_run_and_its_full_run_share_the_limit_of_the_node(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial
) -> None:
    runner.run(trial, 24.0, None, smoke=True)
    assert [job.limits.time_s for job in executor.jobs] == [24.0, 22.0]


def test_a_node_without_time_after_its_smoke_run_says_so(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial
) -> None:
    result = runner.run(trial, 2.5, None, smoke=True)
    assert _arguments(executor) == [("--smoke",)]
    assert (result.status, result.smoke_seconds) == ("failed", 2.0)
    assert result.reason == (
        "Time limit: the smoke run took 2.0 s of the node's 2.5 s, and no time was left for the full run."
    )
    assert result.failed_in_smoke_run
    assert result.failure is not None
    assert result.failure.out_of_time


def test_only_the_full_run_is_compared_and_it_begins_without_progress_of_the_smoke_run(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial
) -> None:
    seen: list[tuple[bool, bool]] = []
    is_open = False
    write = executor.act

    def act(job: Job) -> None:
        seen.append(("--smoke" in job.arguments, is_open))
        (job.workspace / "working" / "progress.jsonl").write_text("{}\n")
        write(job)

    @contextmanager
    def full_run() -> Iterator[None]:
        nonlocal is_open
        assert not trial.progress_file.exists()
        is_open = True
        yield
        is_open = False

    executor.act = act
    assert runner.run(trial, 100.0, None, smoke=True, full_run=full_run).status == "valid"
    assert seen == [(True, False), (False, True)]


def test_the_seed_of_a_repeat_stays_below_the_limit_of_numpy(
    runner: TrialRunner, executor: FakeExecutor, trial: Trial
) -> None:
    runner.seed = 2**32 - 1
    runner.repeat(trial, 1, 100.0)
    assert executor.jobs[0].seed == 999
