"""The parts that a request names: wrong names are refused before any data are prepared."""

from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.engine.request import check_parts, make_settings
from agent.engine.run_request import RunRequest
from agent.engine.session import start
from agent.record.events import RunSettings
from tests.support.packages import install_package
from tests.support.scripted_run import SilentObserver


def _settings(prepared: Prepared, **options: object) -> RunSettings:
    home = Home(prepared.root.parents[3])
    assert home.prepared in prepared.root.parents
    request = RunRequest(competition="toy", **options)  # type: ignore[arg-type]
    return make_settings(request, prepared, Path("toy"), home)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"planner": "libary"}, r"^Unknown planner 'libary'; choose one of: library, "),
        ({"policy": "gredy"}, r"^Unknown policy 'gredy'; choose one of: greedy, "),
        ({"executor": "wram"}, r"^Unknown executor 'wram'; choose one of: warm, cold"),
        ({"trackers": ("jsonl", "csv")}, r"^Unknown tracker 'csv'; choose one of: jsonl"),
        (
            {"cold": True, "executor": "warm"},
            r"^--cold: means --executor cold; omit it, or omit --executor warm",
        ),
    ],
)
def test_unknown_names_are_refused_before_the_data(
    home: Home, options: dict[str, object], message: str
) -> None:
    request = RunRequest(competition="toy", **options)  # type: ignore[arg-type]
    with pytest.raises(SetupError, match=message):
        start(request, home, lambda _: SilentObserver())
    assert not home.prepared.exists()


def test_a_part_whose_package_is_damaged_names_the_package_and_keeps_its_import_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"mars.planners": {"damaged": "damaged_planner:PLUGIN"}}
    install_package(tmp_path, "damaged-planner", points, {"damaged_planner.py": "import no_such_thing\n"})
    monkeypatch.syspath_prepend(tmp_path)
    sentence = "The planner 'damaged' of the package damaged-planner cannot be imported .*no_such_thing"
    with pytest.raises(SetupError, match=sentence) as raised:
        check_parts(RunRequest(competition="toy", planner="damaged"))
    assert isinstance(raised.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "m"}, r"^--model: needs --planner llm; add that, or omit --model\."),
        (
            {"max_usd": 1.0, "planner": "replay"},
            r"^--max-usd: needs --planner llm; add that, or omit --max-usd",
        ),
        ({"replay_of": "toy-1"}, r"^--replay-of: needs --planner replay; add that, or omit --replay-of\."),
        ({"planner": "replay", "imported": Path("x")}, r"^--from: a replay starts as the recorded run did"),
        ({"planner_options": ("few",)}, r"^--planner-option few: is not of the form NAME=VALUE\."),
        ({"planner_options": ("n=3",)}, r"^--planner-option n=3: the planner library has no option 'n'"),
    ],
)
def test_options_of_another_planner_are_refused(
    toy_prepared: Prepared, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SetupError, match=message):
        _settings(toy_prepared, **options)


@pytest.mark.parametrize(
    ("device", "options", "executor"),
    [
        ("cpu", {}, "warm"),
        ("cuda", {}, "cold"),
        ("cpu", {"cold": True}, "cold"),
        ("cpu", {"cold": True, "executor": "cold"}, "cold"),
        ("cuda", {"executor": "warm"}, "warm"),
    ],
)
def test_the_executor_is_the_named_one_else_the_one_that_fits_the_machine(
    toy_prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    options: dict[str, object],
    executor: str,
) -> None:
    monkeypatch.setattr("agent.engine.request.device", lambda: device)
    settings = _settings(toy_prepared, share_gpus=True, **options)
    assert settings.executor == executor
