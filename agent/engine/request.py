"""Turns the request of `mars run` into the settings and the planner of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from agent.competition.metrics import metric_of
from agent.competition.prepared import Prepared
from agent.core.errors import SetupError
from agent.core.format import counted
from agent.core.paths import Home
from agent.core.registry import nearest_first
from agent.core.seeds import SEED_LIMIT
from agent.engine.planners.plugin import PlannerSetup
from agent.engine.planners.registry import PLANNERS
from agent.engine.run_request import PLANNER_FIELDS, RunRequest
from agent.execution.gpus import too_few_gpus, visible_gpus
from agent.execution.hardware import cpu_count, device
from agent.execution.registry import EXECUTORS
from agent.planner.base import TaskContext
from agent.planner.conditions import serves, unserved_message
from agent.planner.constraints import parse_constraints
from agent.planner.data_facts import DataFacts
from agent.planner.family_packages import require_slot_needs
from agent.planner.library.planner import LibraryPlanner
from agent.planner.pretrained_weights import networks_at_hand
from agent.record.events import CURRENT_RULES, RunSettings
from agent.repository.family import Family, known_families
from agent.repository.idea import Blueprint, load_blueprint
from agent.repository.imported import ImportedCode, import_repository
from agent.search.policy import POLICIES

# Default share of the run's time per node; near the end a node gets twice that.
NODE_SHARE = 1 / 6
FINAL_NODE_FACTOR = 2
MIN_NODE_MINUTES = 0.5
# More workers than so many per core only slow each other down; a small machine may still have some.
WORKERS_PER_CORE = 2
MIN_WORKERS = 8
# `--workers auto`: training rows up to which a candidate cannot use several cores, and the most workers.
SMALL_ROWS = 10_000
AUTO_WORKERS = 4


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
    check_workers(request)
    workers = chosen_workers(request, prepared)
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
        gpus_per_node=request.gpus_per_node,
        threads=max(cpu_count() // workers, 1),
        seed=request.seed,
        executor=executor_name(request),
        blueprint=blueprint,
        pinned=request.pinned,
        forbidden=request.forbidden,
        hint=request.hint,
        refit_rows=_refit_rows(prepared) if request.refit else None,
        refit_is_needed=bool(prepared.pseudo_novel),
        folds_of_all_rows=_folds_of_all_rows(prepared),
        predict_ms=request.predict_ms,
        offline=request.offline,
        trackers=request.trackers,
        networks=_networks(prepared, home),
        templates_copied=True,
        rules=CURRENT_RULES,
        **_planner_settings(request, prepared, home),
    )


def _networks(prepared: Prepared, home: Home) -> tuple[str, ...] | None:
    """Return the networks whose pretrained weights are at hand; None where no family has networks."""
    context = TaskContext.of(prepared.spec, prepared.rows.train, device())
    serving = [family for family in known_families(home).values() if serves(family, context)]
    return networks_at_hand(serving, home.weights) if any(family.weights for family in serving) else None


def _refit_rows(prepared: Prepared) -> float:
    """Return the rows of a refit as a multiple of the rows of one fit."""
    rows = prepared.rows
    return (rows.train + rows.val + rows.audit) / rows.train


def _folds_of_all_rows(prepared: Prepared) -> int:
    """Return the number of folds whose models learn from all labelled rows together; 0 if some rows are left.

    Audit rows train in a refit only. With blocks in time, each model lacks the latest rows.
    """
    is_all = prepared.rows.audit == 0 and prepared.folds_executed > 1 and not prepared.folds_forward
    return prepared.folds_executed if is_all else 0


def chosen_workers(request: RunRequest, prepared: Prepared) -> int:
    """Return the number of workers; for `auto`, one per core where a candidate cannot use several cores.

    Models of small tables are hardly faster on two threads, so that two of them run side by side. Pictures,
    code of users or models, and a given blueprint get all cores.
    """
    if request.workers != "auto":
        return request.workers
    is_one_node = request.blueprint is not None or request.imported is not None or request.max_nodes == 1
    is_known = request.planner == "library" and request.executor in (None, "warm", "cold")
    is_small = prepared.rows.train <= SMALL_ROWS and prepared.spec.image_input is None
    if device() == "cuda" or is_one_node or not is_known or not is_small:
        return 1
    return min(cpu_count(), AUTO_WORKERS)


def check_workers(request: RunRequest) -> None:
    """Raise SetupError for more workers than the machine's GPUs or cores can serve."""
    workers, gpus = 1 if request.workers == "auto" else request.workers, len(visible_gpus())
    if request.gpus_per_node > max(gpus, 1):
        raise SetupError(too_few_gpus(request.gpus_per_node, gpus))
    most = gpus // request.gpus_per_node
    if device() == "cuda" and workers > most and not request.share_gpus:
        each = "" if request.gpus_per_node == 1 else f" with {request.gpus_per_node} GPUs each"
        raise SetupError(
            f"--workers {workers}: this machine has {counted(gpus, 'GPU')}; use at most "
            f"{counted(most, 'worker')}{each}, or add --share-gpus."
        )
    most = max(WORKERS_PER_CORE * cpu_count(), MIN_WORKERS)
    if workers > most:
        raise SetupError(
            f"--workers {workers}: this machine has {counted(cpu_count(), 'core')}; use at most {most} "
            "workers."
        )


def check_recorded_parts(settings: RunSettings, engine: Engine) -> None:
    """Import the parts of a recorded run, before another session of the run is recorded.

    Raises:
        SetupError: the planner, policy or executor is unknown, the planner lacks something, the machine has
            too few GPUs, or the run has a seed that candidates do not accept.
        ImportError: a package that a built-in part needs is absent.
    """
    if not 0 <= settings.seed < SEED_LIMIT:
        raise SetupError(
            f"The run has the seed {settings.seed}, which the libraries of its candidates refuse; start a "
            "new run with `mars run --seed N`, where N is 0 or more."
        )
    gpus = len(visible_gpus())
    if settings.gpus_per_node > max(gpus, 1):
        raise SetupError(
            f"The run needs {settings.gpus_per_node} GPUs per node (--gpus-per-node), and this machine has "
            f"{counted(gpus, 'GPU') if gpus else 'none'}; resume it on a machine with enough GPUs."
        )
    POLICIES.load(settings.policy)
    EXECUTORS.load(settings.executor)
    PLANNERS.load(settings.planner).check(settings, engine)


def executor_name(request: RunRequest) -> str:
    """Return the executor's name; SetupError if --cold contradicts --executor."""
    if request.cold and request.executor not in (None, "cold"):
        raise SetupError(f"--cold: means --executor cold; omit it, or omit --executor {request.executor}.")
    # A candidate on a GPU starts in a process of its own, which no other process has touched.
    default = "cold" if request.cold or device() == "cuda" else "warm"
    return request.executor or default


def _planner_settings(request: RunRequest, prepared: Prepared, home: Home) -> dict[str, Any]:
    """Return the planner's settings; SetupError where options contradict each other or are missing."""
    plugin = PLANNERS.load(request.planner)
    options = planner_options(request)
    return {
        "planner": request.planner,
        "planner_options": options,
        **plugin.settings(PlannerSetup(request, options, prepared, home)),
    }


def planner_options(request: RunRequest) -> dict[str, str]:
    """Return the values of --planner-option by name.

    Raises:
        SetupError: the planner lacks an option of this name, or does not use an option that is given.
    """
    plugin = PLANNERS.load(request.planner)
    for field in PLANNER_FIELDS:
        if getattr(request, field) is not None and field not in plugin.fields:
            option = f"--{field.replace('_', '-')}"
            users = (name for name in PLANNERS.builtin if field in PLANNERS.load(name).fields)
            raise SetupError(f"{option}: needs --planner {' or '.join(users)}; add that, or omit {option}.")
    if request.blueprint is not None and not plugin.accepts_blueprint:
        raise SetupError(f"--blueprint: executes one blueprint only; omit --planner {request.planner}.")
    options = {}
    for given in request.planner_options:
        name, equals, value = given.partition("=")
        if not equals:
            raise SetupError(f"--planner-option {given}: is not of the form NAME=VALUE.")
        if name not in plugin.options:
            choices = nearest_first(name, list(plugin.options))
            known = "; ".join(f"{choice}: {plugin.options[choice]}" for choice in choices)
            raise SetupError(
                f"--planner-option {given}: the planner {request.planner} has no option '{name}'"
                + (f"; its options are {known}." if known else " and no others.")
            )
        options[name] = value
    return options


def make_planner(
    settings: RunSettings,
    prepared: Prepared,
    families: Mapping[str, Family],
    home: Home,
    imported: bool = False,
) -> LibraryPlanner:
    """Return the planner over the families that serve the data and satisfy the constraints.

    The planner may have no family if a model can write a solution, or if the run starts from an imported
    repository.

    Args:
        settings: the run's settings.
        prepared: the prepared data.
        families: the families to choose from, by name.
        home: the folder with the user's own weights.
        imported: whether the run starts from an imported repository. The settings name that repository only
            after its commit.

    Raises:
        SetupError: the planner is unknown, no family serves the data and nothing else can, no family
            satisfies the constraints, or the metric has no code for the families' repositories.
    """
    spec, plugin = prepared.spec, PLANNERS.load(settings.planner)
    n_test = prepared.rows.audit + prepared.rows.test
    facts, train = DataFacts.of(prepared.eda), prepared.rows.train
    at = TaskContext.of(spec, train, device(), facts, n_test, home.weights, settings.networks)
    serving = {name: family for name, family in families.items() if serves(family, at)}
    if not serving:
        if not imported and settings.imported is None and not plugin.can_write(settings):
            raise SetupError(unserved_message(spec, families))
        if settings.pinned or settings.forbidden:
            raise SetupError(
                f"--set and --forbid constrain a family's slots and moves, but no family serves {spec.id}; "
                "omit them."
            )
        return LibraryPlanner({}, at)
    if spec.own_metric is None:  # raises before the search instead of at the first node
        for view, classes in prepared.views:
            metric_of(view).source_for(view.task, len(classes) if classes else None)
    asked, able = parse_constraints(settings.pinned, settings.forbidden, serving)
    for family in able.values():
        require_slot_needs(family, asked.pinned_in(family), at, "--set")
    return LibraryPlanner(able, at, asked)


def imported_code(
    request: RunRequest, settings: RunSettings, planner: LibraryPlanner, home: Home
) -> ImportedCode | None:
    """Return the repository that the user or the planner gives as the first node; None without one."""
    if request.imported is not None:
        return import_repository(request.imported, planner.families, offline=request.offline)
    return PLANNERS.load(settings.planner).starting_point(settings, home)
