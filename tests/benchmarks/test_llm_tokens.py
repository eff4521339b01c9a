"""Token counts of the prompts of a recorded search."""

from types import ModuleType

import pytest

from agent.core.paths import benchmarks_dir
from tests.benchmarks.benchmark_scripts import import_script


@pytest.fixture(scope="module")
def counting() -> ModuleType:
    return import_script(benchmarks_dir() / "performance" / "llm_tokens.py")


def test_a_prefix_is_shared_with_an_earlier_prompt_to_the_same_model(counting: ModuleType) -> None:
    rules = "r" * 300
    calls = [("a", rules + "first"), ("b", rules + "first"), ("a", "x" * 90), ("a", rules + "other")]
    assert counting.in_stable_prefix(calls) == 100
    assert counting.in_stable_prefix([*calls, ("b", rules + "fi")]) == 200


def test_prompts_that_changed_their_form_are_not_counted_wrongly(counting: ModuleType) -> None:
    assert counting._between("a [old] b", "[", "]", "new") == "a [new] b"
    with pytest.raises(SystemExit, match="update llm_tokens"):
        counting._between("a old b", "[", "]", "new")
