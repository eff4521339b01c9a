"""Turns the request of `mars run` into the settings and the planner of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.competition.prepared import Prepared
from agent.competition.sources.locate import DataChoice
from agent.core.database import open_database
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.engine.agents import find_models
from agent.execution.gpus import visible_gpus
from agent.execution.hardware import cpu_count, device
from agent.llm.endpoint import LOCAL_MODEL
from agent.planner.base import TaskContext
from agent.planner.conditions import serves, unserved_message
from agent.planner.constraints import parse_constraints
from agent.planner.library.planner import LibraryPlanner
from agent.planner.replay import find_source
from agent.record.events import PlannerName, RunSettings, RunStarted
from agent.record.journal import Journal
from agent.repository.family import known_families
from agent.repository.idea import Blueprint, load_blueprint
from agent.repository.imported import ImportedCode, import_repository
from agent.repository.lineage import Lineage, repository_of

# Default share of the run's time per node; near the end a node gets twice that.
NODE_SHARE = 1 / 6
FINAL_NODE_FACTOR = 2
MIN_NODE_MINUTES = 0.5


@dataclass(frozen=True)
class RunRequest:
    """Options of `mars run`."""

    competition: str
    minutes: float = 10.0
    node_minutes: float | None = None
    max_nodes: int | None = None
    policy: str = "mcts"
    blueprint: Path | None = None
    lessons: Path | None = None
    workers: int | None = None
    share_gpus: bool = False
    data: DataChoice = "auto"
    data_seed: int = 0
    seed: int = 0
    cold: bool = False
    pinned: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    hint: str = ""
    imported: str | Path | None = None
    refit: bool = False
    planner: PlannerName = "library"
    model: str | None = None
    replay_of: str | None = None
    max_usd: float | None = None
    offline: bool = False


def make_settings(request: RunRequest, prepared: Prepared, folder: Path, home: Home) -> RunSettings:
    """Return the run's settings.

    Raises:
        SetupError: options contradict each other, or this machine cannot satisfy them.
    """
    blueprint = None
    if request.blueprint is not None:
        families = known_families(home)
        blueprint = load_blueprint(request.blueprint, families)
        family = {blueprint.family: families[blueprint.family]}
        asked, _ = parse_constraints(request.pinned, request.forbidden, family)
        blueprint = Blueprint(family=blueprint.family, slots={**blueprint.slots, **asked.pinned})
    workers = request.workers or 1
    gpus = len(visible_gpus())
    if device() == "cuda" and workers > gpus and not request.share_gpus:
        raise SetupError(
            f"--workers {workers}: this machine has {gpus} GPU(s); use at most {gpus} worker(s), or add "
            "--share-gpus."
        )
    share = 1.0 if blueprint else NODE_SHARE
    node_minutes = request.node_minutes or max(request.minutes * share, MIN_NODE_MINUTES)
    return RunSettings(
        competition=prepared.spec.id,
        folder=str(folder),
        prepared=str(prepared.root.relative_to(home.prepared)),
        data_kind=prepared.kind,
        fingerprint=prepared.fingerprint,
        minutes=request.minutes,
        node_minutes=min(node_minutes, request.minutes),
        final_node_minutes=None if request.node_minutes else FINAL_NODE_FACTOR * node_minutes,
        max_nodes=request.max_nodes,
        policy=request.policy,
        workers=workers,
        share_gpus=request.share_gpus,
        threads=max(cpu_count() // workers, 1),
        seed=request.seed,
        cold=request.cold or device() == "cuda",
        blueprint=blueprint,
        pinned=request.pinned,
        forbidden=request.forbidden,
        hint=request.hint,
        refit_rows=1 + prepared.rows.val / prepared.rows.train if request.refit else None,
        offline=request.offline,
        **_planner_settings(request, prepared, home),
    )


def _planner_settings(request: RunRequest, prepared: Prepared, home: Home) -> dict[str, Any]:
    """Return the planner's settings; SetupError where options contradict each other or are missing."""
    of_planners: dict[str, tuple[object, PlannerName]] = {
        "--model": (request.model, "llm"),
        "--max-usd": (request.max_usd, "llm"),
        "--replay-of": (request.replay_of, "replay"),
    }
    for option, (value, planner) in of_planners.items():
        if value is not None and request.planner != planner:
            raise SetupError(f"{option}: needs --planner {planner}; add that, or omit {option}.")
    if request.planner == "library":
        return {}
    if request.blueprint is not None:
        raise SetupError(f"--blueprint: executes one blueprint only; omit --planner {request.planner}.")
    if request.planner == "replay":
        if request.imported is not None:
            raise SetupError("--from: a replay starts as the recorded run did; omit --from.")
        source = find_source(open_database(home.database), request.replay_of, prepared.spec.id)
        return {"planner": "replay", "replay_source": source}
    models, host = find_models(request.model, home, request.offline)
    return {"planner": "llm", "models": models, "llm_host": host, "max_usd": request.max_usd}


def can_write(settings: RunSettings) -> bool:
    """Whether a run's planner can write a solution without a family, or replays recorded solutions."""
    return settings.planner == "replay" or (
        settings.planner == "llm" and LOCAL_MODEL not in settings.models.values()
    )


def make_planner(
    settings: RunSettings, prepared: Prepared, home: Home, imported: bool = False
) -> LibraryPlanner:
    """Return the planner over the families that serve the data and satisfy the constraints.

    The planner may have no family if a model can write a solution, or if the run starts from an imported
    repository.

    Args:
        settings: the run's settings.
        prepared: the prepared data.
        home: the folder with the user's own families.
        imported: whether the run starts from an imported repository. The settings name that repository only
            after its commit.

    Raises:
        SetupError: no family serves the data and nothing else can, or no family satisfies the constraints.
    """
    spec = prepared.spec
    roles = frozenset(column.role for column in spec.inputs)
    at = TaskContext(spec.task, spec.metric, roles, prepared.rows.train, device())
    families = known_families(home)
    serving = {name: family for name, family in families.items() if serves(family, at)}
    if not serving:
        if not imported and settings.imported is None and not can_write(settings):
            raise SetupError(unserved_message(spec, families))
        if settings.pinned or settings.forbidden:
            raise SetupError(
                f"--set and --forbid constrain a family's slots and moves, but no family serves {spec.id}; "
                "omit them."
            )
        return LibraryPlanner({}, at)
    asked, able = parse_constraints(settings.pinned, settings.forbidden, serving)
    return LibraryPlanner(able, at, asked)


def imported_code(
    request: RunRequest, settings: RunSettings, planner: LibraryPlanner, home: Home
) -> ImportedCode | None:
    """Return the imported repository that the run starts from; a replay uses that of the recorded run."""
    if request.imported is not None:
        return import_repository(request.imported, planner.families, offline=request.offline)
    if settings.replay_source is None:
        return None
    source = Journal.open(open_database(home.database), settings.replay_source.run)
    started = source.events()[0]
    if not isinstance(started, RunStarted) or started.settings.imported is None:
        return None
    repository = repository_of(home.workspaces / source.run)
    if not repository.is_dir():
        raise SetupError(
            f"Run {source.run} started from an imported repository, but {repository} is gone; "
            "replay another run."
        )
    imported = started.settings.imported
    return ImportedCode(Lineage(repository).read(imported.commit), imported.idea, imported.source)
