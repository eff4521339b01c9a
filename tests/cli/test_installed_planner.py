"""An installed planner that asks a language model: recorded, limited and replayed like the planner llm."""

import os
from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.record.opened_run import open_run
from tests.cli.commands import mars
from tests.cli.obedient import Obedient
from tests.support.packages import install_package

CODE = '''
"""The planner llm without a reviewer."""

from contextlib import contextmanager
from dataclasses import replace

from agent.engine.planners.llm import LlmPlugin, make_agents


class UnreviewedPlugin(LlmPlugin):
    @contextmanager
    def open(self, session):
        with session.open_model() as model:
            yield replace(make_agents(session, model), reviewer=None)


PLUGIN = UnreviewedPlugin()
'''


def test_an_installed_planner_asks_the_model_of_the_run(
    home: Home, server: Obedient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"mars.planners": {"unreviewed": "unreviewed_planner:PLUGIN"}}
    install_package(tmp_path / "site", "unreviewed", points, {"unreviewed_planner.py": CODE})
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    )
    asked = ("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "3", "--planner", "unreviewed")
    mars(*asked, "--model", "obedient", "--max-usd", "100")
    state = open_run("latest", home).state
    assert (state.run.planner, state.run.models["planner"], state.run.max_usd) == (
        "unreviewed",
        "obedient",
        100,
    )
    purposes = {call.purpose for calls in state.calls.values() for call in calls}
    assert "draft" in purposes
    assert "review" not in purposes
    mars("replay", "latest")  # the exit code says that all decisions are equal
