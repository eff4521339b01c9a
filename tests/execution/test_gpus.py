"""GPU leases: no two candidates get the same GPU, and each gets all of its GPUs. The tests need no GPU."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.core.errors import SetupError
from agent.execution.base import StopReason
from agent.execution.gpus import GpuLeases, visible_gpus


def test_no_two_candidates_hold_the_same_gpu(tmp_path: Path) -> None:
    leases = GpuLeases(["0", "1"], folder=tmp_path)
    leased: list[str] = []
    counts: list[int] = []
    guard = threading.Lock()
    both = threading.Barrier(2, timeout=30.0)

    def candidate(_: int) -> str:
        with leases.lease() as gpu:
            assert gpu is not None
            with guard:
                assert gpu not in leased
                leased.append(gpu)
                counts.append(len(leased))
            both.wait()
            with guard:
                leased.remove(gpu)
            return gpu

    with ThreadPoolExecutor(5) as pool:
        used = list(pool.map(candidate, range(8)))
    assert set(used) == {"0", "1"}
    assert max(counts) == 2


def test_a_lease_of_another_process_holds_until_it_dies(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from agent.execution.gpus import GpuLeases\n"
        "with GpuLeases(['0'], folder=Path(sys.argv[1])).lease(): print('leased', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "leased\n"
    with GpuLeases(["0", "1"], folder=tmp_path).lease() as gpu:
        assert gpu == "1"
    killed = threading.Event()

    def kill() -> None:
        killed.set()
        other.kill()

    threading.Timer(0.5, kill).start()
    with GpuLeases(["0"], folder=tmp_path).lease() as gpu:
        assert gpu == "0"
        assert killed.is_set(), "it waited for the other's death"
    other.wait()
    other.stdout.close()


def test_candidates_of_several_gpus_never_share_one_and_never_wait_for_each_other(tmp_path: Path) -> None:
    free = set("01234")
    leases = {count: GpuLeases(sorted(free), per_candidate=count, folder=tmp_path) for count in (1, 2, 3)}
    guard = threading.Lock()

    def candidate(number: int) -> int:
        count = 1 + number % 3
        with leases[count].lease() as named:
            assert named is not None
            gpus = set(named.split(","))
            with guard:
                assert gpus <= free
                free.difference_update(gpus)
            time.sleep(0.01)
            with guard:
                free.update(gpus)
        return len(gpus) - count

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(candidate, range(24), timeout=60)) == {0}
    assert free == set("01234")


def test_a_candidate_that_finds_too_few_gpus_holds_none(tmp_path: Path) -> None:
    one = GpuLeases(["0", "1", "2"], folder=tmp_path)
    three = GpuLeases(["0", "1", "2"], per_candidate=3, folder=tmp_path)
    looks: list[float] = []

    def stop_soon(_: float) -> StopReason | None:
        looks.append(time.monotonic())
        return StopReason("interrupted", "interrupted") if len(looks) > 2 else None

    with one.lease() as first, three.lease(stop_soon) as all_gpus:
        assert all_gpus is None
        with one.lease() as second, one.lease() as third:
            assert {first, second, third} == {"0", "1", "2"}
    with three.lease() as all_gpus:
        assert all_gpus == "0,1,2"


def test_more_gpus_per_candidate_than_there_are_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"^--gpus-per-node 3: this machine has 2 GPUs; use at most 2\.$"):
        GpuLeases(["0", "1"], per_candidate=3, folder=tmp_path)


def test_without_gpus_or_with_shared_gpus_no_candidate_waits(tmp_path: Path) -> None:
    for leases in (GpuLeases([], folder=tmp_path), GpuLeases(["0"], shared=True, folder=tmp_path)):
        with leases.lease() as first, leases.lease() as second:
            assert (first, second) == (None, None)


def test_a_candidate_stopped_during_the_wait_gets_no_gpu(tmp_path: Path) -> None:
    leases = GpuLeases(["0"], folder=tmp_path)
    with leases.lease() as first, leases.lease(lambda _: StopReason("interrupted", "interrupted")) as second:
        assert (first, second) == ("0", None)


def test_hidden_gpus_are_not_leased(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert visible_gpus() == ()
