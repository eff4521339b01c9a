"""docs/reference/metrics.md has the tables that the registry gives."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from agent.competition.metrics import METRICS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def make_metrics() -> ModuleType:
    found = importlib.util.spec_from_file_location("make_metrics", DOCS / "make_metrics.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(make_metrics: ModuleType) -> None:
    page = make_metrics.PAGE.read_text()
    assert page == make_metrics.with_tables(page), "run `python docs/make_metrics.py`"


def test_every_metric_has_a_row_for_each_of_its_tasks(make_metrics: ModuleType) -> None:
    tables = make_metrics.tables()
    for name, metric in METRICS.items():
        assert tables.count(f"\n| `{name}` |") == len(metric.tasks), name
    assert "`beta`" in tables
    assert "{" not in tables
