"""The parts that a request names: wrong names are refused before any data are prepared."""

from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.core.database import open_database
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.engine.request import check_recorded_parts, chosen_workers, make_settings
from agent.engine.request_checks import check_parts
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
        (
            {"minutes": float("inf")},
            r"^--minutes inf: give a number of at least 0\.05 and at most 527,040\.$",
        ),
        ({"minutes": float("nan")}, r"^--minutes nan: give a number"),
        ({"minutes": -1.0}, r"^--minutes -1\.0: give a number"),
        ({"minutes": 1e300}, r"^--minutes 1e\+300: give a number"),
        ({"seed": -1}, r"^--seed -1: give a number of at least 0 and at most 2,147,483,647\.$"),
        ({"seed": 2**32}, r"^--seed 4294967296: give a number"),
        ({"workers": 0}, r"^--workers 0: give a number of at least 1"),
        ({"workers": 200}, r"^--workers 200: this machine has \d+ cores?; use at most \d+ workers\.$"),
        ({"gpus_per_node": 0}, r"^--gpus-per-node 0: give a number of at least 1 and at most 64\.$"),
        ({"gpus_per_node": 65}, r"^--gpus-per-node 65: give a number of at least 1 and at most 64\.$"),
        ({"max_nodes": 0}, r"^--max-nodes 0: give a number of at least 1"),
        ({"max_usd": float("nan"), "planner": "llm"}, r"^--max-usd nan: give a number"),
        ({"planner_options": ("n=3",)}, r"^--planner-option n=3: the planner library has no option 'n'"),
        ({"pinned": ("dept=3",)}, r"^--set dept=3: unknown slot 'dept'; the slots are "),
        ({"pinned": ("depth=99",)}, r"^--set depth=99: slot 'depth' does not accept '99'"),
        ({"forbidden": ("nothing",)}, r"^--forbid nothing: unknown move"),
        ({"imported": "no-such-folder"}, r"no-such-folder"),
        ({"lessons": Path("no-such-file.json")}, r"^no-such-file\.json: cannot be read"),
        ({"blueprint": Path("no-such-file.yaml")}, r"^no-such-file\.yaml: cannot be read"),
    ],
)
def test_wrong_names_and_values_are_refused_before_the_data(
    home: Home, options: dict[str, object], message: str
) -> None:
    request = RunRequest(competition="toy", **options)  # type: ignore[arg-type]
    with pytest.raises(SetupError, match=message):
        start(request, home, lambda _: SilentObserver())
    assert not home.prepared.exists()
    assert not home.database.exists()


@pytest.mark.parametrize(
    ("gpus", "options", "message"),
    [
        (0, {"gpus_per_node": 2}, r"^--gpus-per-node 2: this machine has no GPU; omit the option\.$"),
        (1, {"gpus_per_node": 2}, r"^--gpus-per-node 2: this machine has 1 GPU; use at most 1\.$"),
        (4, {"gpus_per_node": 8}, r"^--gpus-per-node 8: this machine has 4 GPUs; use at most 4\.$"),
        (
            4,
            {"gpus_per_node": 8, "share_gpus": True},
            r"^--gpus-per-node 8: this machine has 4 GPUs; use at most 4\.$",
        ),
        (
            5,
            {"gpus_per_node": 2, "workers": 3},
            r"^--workers 3: this machine has 5 GPUs; use at most 2 workers with 2 GPUs each, or add",
        ),
        (
            1,
            {"workers": 2},
            r"^--workers 2: this machine has 1 GPU; use at most 1 worker, or add --share-gpus\.$",
        ),
    ],
)
def test_more_gpus_than_the_machine_has_are_refused_before_the_data(
    home: Home, monkeypatch: pytest.MonkeyPatch, gpus: int, options: dict[str, object], message: str
) -> None:
    monkeypatch.setattr("agent.engine.request.visible_gpus", lambda: tuple("01234567"[:gpus]))
    monkeypatch.setattr("agent.engine.request.device", lambda: "cuda" if gpus else "cpu")
    request = RunRequest(competition="toy", **options)  # type: ignore[arg-type]
    with pytest.raises(SetupError, match=message):
        start(request, home, lambda _: SilentObserver())
    assert not home.prepared.exists()
    assert not home.database.exists()


def test_the_gpus_of_a_node_are_recorded_and_older_runs_have_one(
    toy_prepared: Prepared, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("agent.engine.request.visible_gpus", lambda: ("0", "1", "2", "3"))
    settings = _settings(toy_prepared, gpus_per_node=2, workers=2)
    assert RunSettings.model_validate_json(settings.model_dump_json()).gpus_per_node == 2
    assert RunSettings.model_validate(settings.model_dump(exclude={"gpus_per_node"})).gpus_per_node == 1
    check_recorded_parts(settings, open_database(tmp_path / "mars.db"))
    monkeypatch.setattr("agent.engine.request.visible_gpus", lambda: ("0",))
    with pytest.raises(SetupError, match=r"^The run needs 2 GPUs per node .* has 1 GPU; resume it on"):
        check_recorded_parts(settings, open_database(tmp_path / "mars.db"))


@pytest.mark.parametrize(
    ("group", "option", "sentence"),
    [
        ("planners", "planner", "is a dict and not an instance of a subclass of PlannerPlugin"),
        ("policies", "policy", "is a dict and not a class or function that makes a policy"),
        ("executors", "executor", "is a dict and not a class or function that makes an executor"),
    ],
)
def test_an_entry_point_of_the_wrong_kind_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, option: str, sentence: str
) -> None:
    points = {f"mars.{group}": {"odd": f"odd_{group}:PART"}}
    install_package(tmp_path, f"odd-{group}", points, {f"odd_{group}.py": "PART = {}\n"})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        SetupError, match=f"'odd' of the package odd-{group} names odd_{group}:PART, .*{sentence}"
    ):
        check_parts(RunRequest(competition="toy", **{option: "odd"}))  # type: ignore[arg-type]


def test_a_policy_that_chooses_no_step_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"mars.policies": {"dull": "dull_policy:dict"}}
    install_package(tmp_path, "dull-policy", points, {"dull_policy.py": ""})
    (tmp_path / "dull_policy.py").write_text("dict = dict\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SetupError, match="policy 'dull' of the package dull-policy has no method `next`"):
        check_parts(RunRequest(competition="toy", policy="dull"))


def test_a_recorded_run_with_a_seed_that_libraries_refuse_is_one_sentence(
    toy_prepared: Prepared, tmp_path: Path
) -> None:
    settings = _settings(toy_prepared).model_copy(update={"seed": -1})
    with pytest.raises(SetupError, match="has the seed -1, which the libraries of its candidates refuse"):
        check_recorded_parts(settings, open_database(tmp_path / "mars.db"))


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


@pytest.mark.parametrize(
    ("options", "rows", "cores", "expected"),
    [
        ({}, 800, 2, (2, 1)),
        ({}, 800, 16, (4, 4)),
        ({}, 800, 1, (1, 1)),
        ({}, 10_001, 2, (1, 2)),
        ({"max_nodes": 1}, 800, 2, (1, 2)),
        ({"planner": "llm", "model": "local"}, 800, 2, (1, 2)),
        ({"workers": 1}, 800, 2, (1, 2)),
        ({"workers": 3}, 20_000, 2, (3, 1)),
    ],
)
def test_small_tables_get_a_worker_per_core_unless_a_number_is_given(
    toy_prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
    rows: int,
    cores: int,
    expected: tuple[int, int],
) -> None:
    monkeypatch.setattr("agent.engine.request.cpu_count", lambda: cores)
    monkeypatch.setattr("agent.engine.request.device", lambda: "cpu")
    table = toy_prepared.model_copy(update={"rows": toy_prepared.rows.model_copy(update={"train": rows})})
    request = RunRequest(competition="toy", **options)  # type: ignore[arg-type]
    workers = chosen_workers(request, table)
    assert (workers, max(cores // workers, 1)) == expected


def test_the_number_of_workers_is_recorded(toy_prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.engine.request.cpu_count", lambda: 2)
    monkeypatch.setattr("agent.engine.request.device", lambda: "cpu")
    settings = _settings(toy_prepared)
    assert (settings.workers, settings.threads) == (2, 1)
    assert settings.rules == 3
    assert not settings.caps_nodes
    assert _settings(toy_prepared, node_minutes=1.0).caps_nodes


def test_a_gpu_serves_one_node_at_a_time(toy_prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.engine.request.cpu_count", lambda: 2)
    monkeypatch.setattr("agent.engine.request.device", lambda: "cuda")
    assert chosen_workers(RunRequest(competition="toy"), toy_prepared) == 1
