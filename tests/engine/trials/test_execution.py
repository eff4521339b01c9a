"""Jobs of single executions: limits, seeds, caches, weights, GPUs and frozen choices."""

from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.core.errors import InfrastructureError
from agent.engine.trials.checkout import Checkout
from agent.engine.trials.execution import (
    SAVING_S,
    TIME_HINT_SHARE,
    ExecutionRequest,
    TrialExecution,
    link_weights,
)
from agent.engine.trials.trial import Trial
from agent.execution.base import Job, StopReason
from agent.execution.cache_layers import CacheLayers
from agent.execution.environment import candidate_environment
from agent.execution.gpus import GpuLeases
from agent.execution.hardware import memory_bytes
from tests.engine.trials.parts import CODE, FakeExecutor
from tests.support.states import SETTINGS

RUN = SETTINGS.model_copy(update={"seed": 7, "threads": 3, "workers": 2})


@pytest.fixture
def executor() -> FakeExecutor:
    return FakeExecutor()


@pytest.fixture
def cache(tmp_path: Path) -> CacheLayers:
    return CacheLayers(tmp_path / "shared", tmp_path / "own")


@pytest.fixture
def execution(
    tmp_path: Path, executor: FakeExecutor, toy_prepared: Prepared, cache: CacheLayers
) -> TrialExecution:
    return TrialExecution(executor, toy_prepared, RUN, cache, tmp_path / "weights")


@pytest.fixture
def trial(checkout: Checkout) -> Trial:
    return checkout.set_up(1, CODE, [], "m")


def test_a_plain_run_has_the_limits_and_data_of_the_run(
    execution: TrialExecution, executor: FakeExecutor, trial: Trial, toy_prepared: Prepared
) -> None:
    outcome = execution.execute(trial, 20.0, None)
    assert outcome.status == "ok"
    (job,) = executor.jobs
    assert (job.script, job.arguments, job.log_name) == ("main.py", (), "run.log")
    assert (job.seed, job.threads, job.gpu) == (7, 3, None)
    assert (job.input, job.metadata) == (toy_prepared.input, toy_prepared.metadata)
    assert (job.limits.time_s, job.time_hint_s) == (20.0, TIME_HINT_SHARE * 20.0)
    assert job.limits.memory_bytes == int(0.8 * memory_bytes() / 2)
    assert job.cache is not None


def test_saving_has_time_of_its_own(execution: TrialExecution, executor: FakeExecutor, trial: Trial) -> None:
    execution.execute(trial, 20.0, None, ExecutionRequest(("--save",)))
    assert executor.jobs[0].limits.time_s == 20.0 + SAVING_S
    assert executor.jobs[0].time_hint_s == TIME_HINT_SHARE * 20.0


@pytest.mark.parametrize("request_", [ExecutionRequest(("--smoke",)), ExecutionRequest(script="tests/t.py")])
def test_smoke_runs_and_module_tests_have_no_cache(
    execution: TrialExecution, executor: FakeExecutor, trial: Trial, request_: ExecutionRequest
) -> None:
    execution.execute(trial, 20.0, None, request_)
    assert executor.jobs[0].cache is None


def test_files_of_an_earlier_execution_are_gone(
    execution: TrialExecution, executor: FakeExecutor, trial: Trial
) -> None:
    for name in ("working/val_submission.csv", "submission/submission.csv"):
        (trial.workspace / name).parent.mkdir()
        (trial.workspace / name).write_text("old")
    found: list[str] = []
    executor.act = lambda job: found.extend(file.name for file in job.workspace.rglob("*.csv"))
    execution.execute(trial, 20.0, None)
    assert executor.jobs
    assert found == []


def test_frozen_choices_lie_in_the_workspace(
    execution: TrialExecution, executor: FakeExecutor, trial: Trial, tmp_path: Path
) -> None:
    frozen, found = tmp_path / "former", []
    (frozen / "working").mkdir(parents=True)
    (frozen / "working" / "frozen.json").write_text("choices")
    executor.act = lambda job: found.append((job.workspace / "working" / "frozen.json").read_text())
    execution.execute(trial, 20.0, None, ExecutionRequest(("--refit",), frozen=frozen))
    assert found == ["choices"]
    with pytest.raises(InfrastructureError, match=r"gone\.json: cannot be read"):
        execution.execute(trial, 20.0, None, ExecutionRequest(frozen=tmp_path / "gone.json"))


def _builds(name: str, job: Job) -> None:
    assert job.cache is not None
    (job.cache / name).write_text("features")


def test_caches_are_shared_only_when_asked_and_never_from_other_metadata(
    execution: TrialExecution, executor: FakeExecutor, trial: Trial, cache: CacheLayers, tmp_path: Path
) -> None:
    own, aside = f"{1:032x}.npy", f"{2:032x}.npy"
    executor.act = lambda job: _builds(own, job)
    execution.execute(trial, 20.0, None)
    executor.act = lambda job: _builds(aside, job)
    execution.execute(trial, 20.0, None, ExecutionRequest(metadata=tmp_path / "metadata"))
    assert executor.jobs[-1].metadata == tmp_path / "metadata"
    execution.drop_temporary_cache(trial.node)
    execution.share_cache(trial.node)
    execution.drop_cache(trial.node)
    assert [file.name for file in cache.shared.iterdir()] == [own]
    assert list(cache.own.iterdir()) == []


def test_a_candidate_gets_a_leased_gpu(
    executor: FakeExecutor, toy_prepared: Prepared, cache: CacheLayers, trial: Trial, tmp_path: Path
) -> None:
    gpus = GpuLeases(["4"], folder=tmp_path / "locks")
    execution = TrialExecution(executor, toy_prepared, RUN, cache, tmp_path / "weights", gpus)
    execution.execute(trial, 20.0, None)
    assert executor.jobs[0].gpu == "4"
    assert "MARS_GPUS" not in candidate_environment(executor.jobs[0], tmp_path)


def test_a_candidate_of_several_gpus_is_told_their_names_and_number(
    executor: FakeExecutor, toy_prepared: Prepared, cache: CacheLayers, trial: Trial, tmp_path: Path
) -> None:
    gpus = GpuLeases(["4", "6", "7"], per_candidate=2, folder=tmp_path / "locks")
    execution = TrialExecution(executor, toy_prepared, RUN, cache, tmp_path / "weights", gpus)
    execution.execute(trial, 20.0, None)
    variables = candidate_environment(executor.jobs[0], tmp_path)
    assert (variables["CUDA_VISIBLE_DEVICES"], variables["MARS_GPUS"]) == ("4,6", "2")


def test_a_stop_reaches_the_outcome(execution: TrialExecution, trial: Trial) -> None:
    stop = StopReason("pruned", "Behind all others.")
    assert execution.execute(trial, 20.0, lambda _: stop).stop == stop


def test_weights_are_linked_into_real_folders_only(tmp_path: Path) -> None:
    weights, workspace, outside = (tmp_path / name for name in ("weights", "workspace", "outside"))
    for folder in (weights, outside, workspace / "members" / "001"):
        folder.mkdir(parents=True)
    (workspace / "members" / "002").symlink_to(outside)
    (workspace / "members" / "fold0.pkl").write_text("")
    link_weights(weights, workspace)
    link_weights(weights, workspace)
    assert (workspace / "weights").resolve() == weights
    assert (workspace / "members" / "001" / "weights").resolve() == weights
    assert list(outside.iterdir()) == []


def test_without_weights_nothing_is_linked(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    link_weights(tmp_path / "weights", tmp_path / "workspace")
    assert list((tmp_path / "workspace").iterdir()) == []
