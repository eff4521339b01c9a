"""Settings of runs that former versions recorded."""

import pytest

from agent.record.events import RunSettings

SETTINGS = {
    "competition": "toy",
    "folder": "toy",
    "prepared": "toy",
    "data_kind": "full",
    "fingerprint": "0",
    "minutes": 1.0,
    "node_minutes": 0.5,
}


@pytest.mark.parametrize(("cold", "executor"), [(True, "cold"), (False, "warm")])
def test_a_record_with_cold_names_its_executor(cold: bool, executor: str) -> None:
    recorded = {**SETTINGS, "cold": cold}
    settings = RunSettings.model_validate(recorded)
    assert settings.executor == executor
    assert RunSettings.model_validate_json(settings.model_dump_json()) == settings
    assert "cold" in recorded, "the caller's mapping is left as it was"


def test_a_record_without_cold_ran_warm() -> None:
    assert RunSettings.model_validate(SETTINGS).executor == "warm"
