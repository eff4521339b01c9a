"""What a run was asked for, as the settings and the planner that it works with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.competition.prepared import Prepared
from agent.competition.sources import DataChoice
from agent.database import open_database
from agent.errors import SetupError
from agent.execution.gpus import visible_gpus
from agent.execution.hardware import cpu_count, device
from agent.llm.endpoint import LOCAL
from agent.paths import Home
from agent.planner.base import Circumstances
from agent.planner.conditions import serves, unserved
from agent.planner.library import LibraryPlanner
from agent.planner.replay import find_source
from agent.planner.wishes import read_wishes
from agent.record.events import PlannerName, RunSettings, RunStarted
from agent.record.store import Journal
from agent.repository.family import known_families
from agent.repository.given import read_repository
from agent.repository.idea import Blueprint, Idea, load_blueprint
from agent.repository.lineage import Lineage, repository_of
from agent.thinking import find_models

# A node may use this part of the run's time, near the end twice that, unless --node-minutes says otherwise.
NODE_SHARE = 1 / 6
FINAL_NODE_FACTOR = 2
MIN_NODE_MINUTES = 0.5


@dataclass(frozen=True)
class RunRequest:
    """What `mars run` was asked for."""

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
    given: Path | None = None
    refit: bool = False
    planner: PlannerName = "library"
    model: str | None = None
    replay_of: str | None = None
    max_usd: float | None = None
    offline: bool = False


def settings_of(request: RunRequest, prepared: Prepared, folder: Path, home: Home) -> RunSettings:
    """What the run keeps to; SetupError where the request asks for what this machine lacks."""
    blueprint = None
    if request.blueprint is not None:
        families = known_families(home)
        blueprint = load_blueprint(request.blueprint, families)
        family = {blueprint.family: families[blueprint.family]}
        asked, _ = read_wishes(request.pinned, request.forbidden, family)
        blueprint = Blueprint(family=blueprint.family, slots={**blueprint.slots, **asked.pinned})
    workers = request.workers or 1
    gpus = len(visible_gpus())
    if device() == "cuda" and workers > gpus and not request.share_gpus:
        raise SetupError(
            f"--workers {workers}: GPUs here: {gpus}; ask for no more workers, or add --share-gpus."
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
        **_thinking(request, prepared, home),
    )


def _thinking(request: RunRequest, prepared: Prepared, home: Home) -> dict[str, Any]:
    """The settings of the planner; SetupError where they do not fit together or are not whole."""
    of_planners: dict[str, tuple[object, PlannerName]] = {
        "--model": (request.model, "llm"),
        "--max-usd": (request.max_usd, "llm"),
        "--replay-of": (request.replay_of, "replay"),
    }
    for option, (value, planner) in of_planners.items():
        if value is not None and request.planner != planner:
            raise SetupError(f"{option}: is for --planner {planner}; add that, or leave {option} out.")
    if request.planner == "library":
        return {}
    if request.blueprint is not None:
        raise SetupError(f"--blueprint: executes that one blueprint; leave --planner {request.planner} out.")
    if request.planner == "replay":
        if request.given is not None:
            raise SetupError("--from: a replay begins as the recorded run did; leave --from out.")
        source = find_source(open_database(home.database), request.replay_of, prepared.spec.id)
        return {"planner": "replay", "replayed": source}
    models, host = find_models(request.model, home, request.offline)
    return {"planner": "llm", "models": models, "llm_host": host, "max_usd": request.max_usd}


def can_write(settings: RunSettings) -> bool:
    """Whether a run's planner can write a solution that no family renders, or has one on record."""
    return settings.planner == "replay" or (
        settings.planner == "llm" and LOCAL not in settings.models.values()
    )


def planner_of(settings: RunSettings, prepared: Prepared, home: Home, given: bool = False) -> LibraryPlanner:
    """The planner over the families that serve the data and can do what the user pinned.

    There may be none where a model can write a solution, or the run starts from a repository of the user's.
    `given` says so ahead of the settings, which name it once it is committed.

    Raises:
        SetupError: no family serves the data and there is no such repository; or wishes that no family can
            meet.
    """
    spec = prepared.spec
    roles = frozenset(column.role for column in spec.inputs)
    at = Circumstances(spec.task, spec.metric, roles, prepared.rows.train, device())
    families = known_families(home)
    serving = {name: family for name, family in families.items() if serves(family, at)}
    if not serving:
        if not given and settings.given is None and not can_write(settings):
            raise SetupError(unserved(spec, families))
        if settings.pinned or settings.forbidden:
            raise SetupError(
                f"--set and --forbid are about a family's slots and moves, and no family serves {spec.id}; "
                "leave them out."
            )
        return LibraryPlanner({}, at)
    asked, able = read_wishes(settings.pinned, settings.forbidden, serving)
    return LibraryPlanner(able, at, asked)


def given_code(
    request: RunRequest, settings: RunSettings, planner: LibraryPlanner, home: Home
) -> tuple[dict[str, str], Idea] | None:
    """The user's own code that the run starts from, if any; a replay starts from that of the recorded run."""
    if request.given is not None:
        return read_repository(request.given, planner.families)
    if settings.replayed is None:
        return None
    source = Journal.open(open_database(home.database), settings.replayed.run)
    started = source.events()[0]
    if not isinstance(started, RunStarted) or started.settings.given is None:
        return None
    repository = repository_of(home.workspaces / source.run)
    if not repository.is_dir():
        raise SetupError(
            f"Run {source.run} began with a repository of your own, and {repository} is gone; "
            "replay another run."
        )
    given = started.settings.given
    return Lineage(repository).read(given.commit), given.idea
