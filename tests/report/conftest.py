"""The scripted run as fixtures."""

import pytest

from agent.competition.metrics import get_metric
from agent.record.events import Event
from agent.record.state import RunState
from agent.report.html import ReportContext
from tests.report.scripted_run import node_files_of, write_story


@pytest.fixture
def story() -> list[Event]:
    return write_story()


@pytest.fixture
def state(story: list[Event]) -> RunState:
    return RunState.replay(story, higher_is_better=True)


@pytest.fixture
def context() -> ReportContext:
    return ReportContext("imet-2020-0001", "iMet Collection 2020", get_metric("micro_f1"), node_files_of)
