"""Run the executor contract on every kind of executor."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.execution import Executor, make_executor
from agent.execution.cold import ColdExecutor
from agent.execution.isolation import detect_isolation, detect_kernel
from agent.execution.warm import WarmExecutor
from tests.execution.contract import ExecutorContract, token
from tests.execution.hostile import HostileContract
from tests.execution.sandbox_contract import SandboxContract
from tests.execution.support import Site

__all__ = ["token"]


def unavailable(what: str) -> None:
    """Fail in CI and skip elsewhere, if the isolation is not available."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} cannot be used on this machine")
    pytest.skip(f"{what} cannot be used on this machine")


@pytest.fixture(scope="class")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


def made(site: Site, name: str, sandbox: str) -> Iterator[Executor]:
    executor = make_executor(
        name,
        nodes_root=site.nodes,
        preload=["numpy"],
        readable=[site.input],
        named=[site.metadata],
        sandbox=sandbox,  # type: ignore[arg-type]
    )
    yield executor
    executor.close()


class Sandboxed(HostileContract, ExecutorContract, SandboxContract):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _bubblewrap(cls) -> None:
        if detect_isolation("auto").bwrap is None:
            unavailable("bubblewrap")


class TestColdSandboxed(Sandboxed):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, site: Site) -> Iterator[Executor]:
        yield from made(site, "cold", sandbox="auto")


class TestWarmSandboxed(Sandboxed):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, site: Site) -> Iterator[Executor]:
        yield from made(site, "warm", sandbox="auto")


class ByKernel(HostileContract, ExecutorContract, SandboxContract):
    """Isolation by namespaces and Landlock only, as on a machine without bubblewrap."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _kernel(cls) -> None:
        offered = detect_kernel()
        if not (offered.namespaces and offered.landlock):
            unavailable("namespaces with Landlock")


class TestColdByKernel(ByKernel):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls) -> Executor:
        return ColdExecutor(detect_kernel())


class TestWarmByKernel(ByKernel):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, site: Site) -> Iterator[Executor]:
        executor = WarmExecutor(detect_kernel(), site.nodes, ["numpy"], [site.input], named=[site.metadata])
        yield executor
        executor.close()


class TestColdPlain(HostileContract, ExecutorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, site: Site) -> Iterator[Executor]:
        yield from made(site, "cold", sandbox="none")


class TestWarmPlain(HostileContract, ExecutorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, site: Site) -> Iterator[Executor]:
        yield from made(site, "warm", sandbox="none")


def test_a_plain_executor_says_what_is_missing(tmp_path: Path) -> None:
    executor = make_executor("cold", nodes_root=tmp_path, sandbox="none")
    missing = executor.guarantees.missing()
    assert len(missing) == 4
    assert any("network" in sentence for sentence in missing)
