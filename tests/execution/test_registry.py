"""Executors by name: built in, installed, unknown."""

from pathlib import Path

import pytest

from agent.core.errors import SetupError
from agent.execution import make_executor
from agent.execution.cold import ColdExecutor
from agent.execution.warm import WarmExecutor
from tests.support.packages import install_package

CODE = """
class Absent:
    def __init__(self, setup): self.setup = setup
    def execute(self, job, stop_check=None): raise NotImplementedError
    guarantees = None
    def close(self): pass
"""


def test_an_installed_executor_gets_the_folders_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"mars.executors": {"absent": "absent_executor:Absent"}}
    install_package(tmp_path / "site", "absent-executor", points, {"absent_executor.py": CODE})
    monkeypatch.syspath_prepend(tmp_path / "site")
    nodes, cache = tmp_path / "nodes", tmp_path / "cache"
    executor = make_executor(
        "absent", nodes_root=nodes, preload=["json"], readable=[tmp_path], writable=[cache], sandbox="none"
    )
    setup = executor.setup  # type: ignore[attr-defined]
    assert (setup.nodes_root, setup.preload, setup.readable, setup.writable) == (
        nodes,
        ["json"],
        [tmp_path],
        [cache],
    )
    assert setup.isolation.bwrap is None
    assert nodes.is_dir()
    assert cache.is_dir()


@pytest.mark.parametrize(("name", "kind"), [("warm", WarmExecutor), ("cold", ColdExecutor)])
def test_a_built_in_executor_is_chosen_by_name(tmp_path: Path, name: str, kind: type) -> None:
    executor = make_executor(name, nodes_root=tmp_path, sandbox="none")
    assert isinstance(executor, kind)
    executor.close()


def test_an_unknown_executor_lists_the_choices(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"^Unknown executor 'colt'; choose one of: cold, "):
        make_executor("colt", nodes_root=tmp_path / "nodes")
    assert not (tmp_path / "nodes").exists()
