"""Fork servers: their death, their imports, and results equal to those of new processes."""

import contextlib
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from agent.core.errors import InfrastructureError, SetupError
from agent.execution import Executor, StopReason, make_executor, warm
from agent.execution.isolation import detect_isolation
from agent.execution.warm import WarmExecutor
from tests.execution.support import Site
from tests.support.waiting import wait_until

TRAINING = """
    import json, os, random
    import numpy, torch
    from torch.utils.data import DataLoader, Dataset
    seed = int(os.environ["MARS_SEED"])
    random.seed(seed), numpy.random.seed(seed), torch.manual_seed(seed)

    class Rows(Dataset):
        def __len__(self):
            return 256
        def __getitem__(self, index):
            noise = numpy.random.rand(8).astype("float32")
            return torch.from_numpy(noise), index % 4

    model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    losses = []
    for rows, labels in DataLoader(Rows(), batch_size=32, shuffle=True, num_workers=1):
        loss = torch.nn.functional.cross_entropy(model(rows), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item().hex())
    print(json.dumps(losses), list({"a", "b", "c"}), torch.get_num_threads())
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def _warm(site: Site, **more: object) -> Executor:
    """Return an executor for the site; warm unless `more` says otherwise."""
    asked = {"name": "warm", "nodes_root": site.nodes, "readable": [site.root / "public"], **more}
    return make_executor(**asked)  # type: ignore[arg-type]


def servers() -> list[psutil.Process]:
    """Return the processes of this process's fork servers and of their spares."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "inside.forkserver" in process.cmdline() and process.name() != "bwrap":
                found.append(process)
    return found


def kill_servers() -> None:
    for server in servers():
        with contextlib.suppress(psutil.NoSuchProcess):
            server.kill()


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_training_is_equal_to_the_bit_with_loader_workers_below_a_long_path(
    tmp_path: Path, threads: int
) -> None:
    # Loader workers pass tensors over sockets in TMPDIR; a socket path must fit in 108 bytes.
    site = Site(tmp_path / ("long-" * 12))
    logs = []
    for name in ("cold", "warm"):
        executor = _warm(site, name=name, preload=["torch"])
        outcome = executor.execute(site.job(name, TRAINING, threads=threads))
        executor.close()
        assert outcome.status == "ok", outcome.log.read_text()
        logs.append(outcome.log.read_text())
    assert logs[0] == logs[1]
    assert logs[0].endswith(f"{threads}\n")


def test_later_modules_are_imported_while_the_first_candidate_runs(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "LATER_AFTER_S", 0.2)
    executor = _warm(site, preload_later=["no_such_module_anywhere", "sqlite3"])
    code = "import sys, time; print('sqlite3' in sys.modules); time.sleep({}); import sqlite3"
    shown = []
    for name, seconds in (("first", 1.0), ("second", 0.0), ("third", 0.0)):
        outcome = executor.execute(site.job(name, code.format(seconds)))
        assert outcome.status == "ok", outcome.log.read_text()
        shown.append(outcome.log.read_text().strip())
    executor.close()
    assert shown == ["False", "True", "True"]


def test_a_candidate_runs_only_its_own_exit_handlers(site: Site) -> None:
    executor = _warm(site, preload=["torch"])
    code = """
        import weakref
        print("inherited", sum(finalizer.atexit for finalizer in weakref.finalize._registry))
        own = type("Own", (), {})()
        weakref.finalize(own, print, "own done")
        """
    outcome = executor.execute(site.job("ending", textwrap.dedent(code)))
    executor.close()
    assert outcome.log.read_text().splitlines() == ["inherited 0", "own done"]


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_a_killed_server_is_replaced(site: Site, sandbox: str) -> None:
    executor = _warm(site, sandbox=sandbox)
    assert executor.execute(site.job("before", "print(1)")).status == "ok"
    kill_servers()
    assert executor.execute(site.job("after", "print(2)")).status == "ok"
    executor.close()
    wait_until(lambda: servers() == [])


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_a_spare_killed_while_waiting_is_replaced(site: Site, sandbox: str) -> None:
    executor = _warm(site, sandbox=sandbox)
    assert executor.execute(site.job("before", "print(1)")).status == "ok"
    server = min(servers(), key=lambda process: process.create_time())
    killed = []

    def all_killed() -> bool:
        for process in _waiting(server):
            with contextlib.suppress(psutil.NoSuchProcess):  # a process of the first job may end by itself
                process.kill()
                killed.append(process)
        return bool(killed) and not _waiting(server)

    wait_until(all_killed)
    assert executor.execute(site.job("after", "print(2)")).status == "ok"
    assert server.is_running()
    executor.close()
    wait_until(lambda: servers() == [])


def _waiting(server: psutil.Process) -> list[psutil.Process]:
    return [process for process in servers() if process != server]


def test_a_job_starts_over_when_its_sandbox_dies_and_a_second_death_is_reported(site: Site) -> None:
    executor = _warm(site)
    job = site.job("running", "import time\ntime.sleep(1.0)\nprint('done')\n")
    log = job.workspace / ".mars" / "run.log"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(executor.execute, job)
        wait_until(lambda: servers() and log.exists())
        kill_servers()
        assert running.result().status == "ok"

        def kill_again(_: float) -> StopReason | None:
            kill_servers()
            return None

        with pytest.raises(InfrastructureError, match="killed twice"):
            executor.execute(job, kill_again)
    executor.close()


def test_a_missing_module_is_a_setup_error(site: Site) -> None:
    executor = _warm(site, preload=["no_such_module_anywhere"])
    with pytest.raises(SetupError, match="No module named 'no_such_module_anywhere'"):
        executor.execute(site.job("never", "print(1)"))
    executor.close()


def test_paths_outside_the_servers_sandbox_are_rejected(site: Site, tmp_path: Path) -> None:
    executor = WarmExecutor(detect_isolation("auto"), site.nodes, preload=[], readable=[site.root / "public"])
    job = site.job("blind", "print(1)")
    for wrong in (
        replace(job, input=tmp_path / "elsewhere"),
        replace(job, cache=tmp_path / "elsewhere"),
        replace(job, workspace=tmp_path / "elsewhere"),
    ):
        with pytest.raises(SetupError, match="elsewhere"):
            executor.execute(wrong)
    executor.close()


def test_several_threads_may_start_the_server_concurrently(site: Site) -> None:
    executor = _warm(site)
    jobs = [site.job(f"eager-{index}", "print(1)") for index in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert [outcome.status for outcome in pool.map(executor.execute, jobs)] == ["ok"] * 4
    wait_until(lambda: len(servers()) == 2)  # one server and its spare
    executor.close()


@pytest.mark.parametrize("name", ["cold", "warm"])
def test_invisible_workspaces_are_rejected(name: str) -> None:
    if not Path("/dev/shm").is_dir() or not detect_isolation("auto").namespaces:
        pytest.skip("candidates share this machine's memory folder")
    nodes = Path("/dev/shm/mars/nodes")
    with pytest.raises(SetupError, match=r"/dev/shm/mars/nodes: .* point MARS_HOME to a folder elsewhere"):
        make_executor(name, nodes_root=nodes)
    assert not nodes.exists()
