"""What a finished node teaches: its comparison with its parent, or with the best before it."""

import math

from agent.competition.evaluation import load_hold_out
from agent.competition.metrics import Metric, paired_effect
from agent.competition.prepared import Prepared
from agent.errors import SetupError
from agent.memory.distill import distill, distill_fix
from agent.memory.lesson import OWN_CODE, Evidence, FixTried, Lesson, Scope
from agent.record.events import NodeResult
from agent.record.state import Node, RunState
from agent.repository.idea import changes_between
from agent.trial import Bench

# Before any repeat has measured it, the seeds' spread is taken as this part of the score's standard error.
SEED_SHARE = 0.5


def seed_variance(state: RunState, standard_error: float) -> float:
    """Variance of the metric between seeds, from the repeats of this run.

    It begins as a guess from the standard error of a score, which counts like one repeat beside those that
    were made: two runs that happen to score alike do not prove that no seed matters.
    """
    squares = [
        (again - other.metric) ** 2 / 2
        for other in state.nodes.values()
        if other.metric is not None
        for again in other.repeats
    ]
    return (guessed_seed_variance(standard_error) + sum(squares)) / (1 + len(squares))


def guessed_seed_variance(standard_error: float) -> float:
    """What the variance between seeds may be, as long as no repeat has measured it."""
    return (SEED_SHARE * standard_error) ** 2


def lesson_from(
    state: RunState, run: str, bench: Bench, metric: Metric, node: Node, result: NodeResult
) -> Lesson | None:
    """The lesson of a node whose result is not in the state yet; None without anything to compare with."""
    other = state.best if node.parent is None else state.nodes[node.parent]
    if result.status != "valid" or node.operator == "ensemble" or other is None or not other.is_valid:
        return None
    mine, theirs = node.blueprint, other.blueprint
    if (mine.family if mine else "") != (theirs.family if theirs else ""):
        return None
    if other.id != node.parent and not (state.is_rendered(node) and state.is_rendered(other)):
        return None  # Edits tell the two apart as well as slots do, and nobody made them as one change.
    changes, edits = changes_between(theirs.slots, mine.slots) if mine and theirs else (), node.edits
    if not changes and not edits:
        return None
    prepared = bench.prepared
    scope = _scope(prepared, node)
    evidence = _compare(state, run, bench, metric, node, result, other)
    if evidence is None:
        return None
    scores = f"{metric.name} {result.metric:.5f} against {other.metric:.5f}"
    return distill(scope, node.idea.title, changes, evidence, scores, edits)


def fixes_taught(
    state: RunState, run: str, prepared: Prepared, node: Node, result: NodeResult
) -> list[Lesson]:
    """A debug lesson for each fix of a node whose result is not in the state yet, mended or not."""
    scope = _scope(prepared, node)
    after = [*(attempt.failed for attempt in node.attempts), result][1:]
    taught = []
    for number, (attempt, then) in enumerate(zip(node.attempts, after, strict=True), start=1):
        failure = attempt.failed.failure
        if failure is None:
            continue
        tried = FixTried(
            run=run,
            competition=prepared.spec.id,
            data_kind=prepared.kind,
            node=node.id,
            number=number,
            mended=then.failure is None or then.failure.place != failure.place,
        )
        taught.append(distill_fix(scope, attempt.fix, failure.told, failure.frames[-1:], tried))
    return taught


def _scope(prepared: Prepared, node: Node) -> Scope:
    family = node.blueprint.family if node.blueprint else OWN_CODE
    return Scope(task=prepared.spec.task, family=family, magnitude=Scope.magnitude_of(prepared.rows.train))


def _compare(
    state: RunState,
    run: str,
    bench: Bench,
    metric: Metric,
    node: Node,
    result: NodeResult,
    other: Node,
) -> Evidence | None:
    """Effect of going from `other` to `node`, paired over the validation rows; None where it has no error.

    A competition's own metric may be too slow to be resampled, or fail where it did not before.
    """
    prepared = bench.prepared
    file = "working/val_submission.csv"
    truth, after = load_hold_out(prepared, "val", bench.workspace(node.id) / file)
    _, before = load_hold_out(prepared, "val", bench.workspace(other.id) / file)
    try:
        paired = paired_effect(metric, truth, before, after)
    except SetupError:
        return None
    if not math.isfinite(paired.standard_error):
        return None
    seeds = 2 * seed_variance(state, result.metric_se or 0.0) / paired.scale**2
    # Two candidates that agree on every row are not known to be equal: one row more could tell them apart.
    resolution = 1.0 / (prepared.rows.val * paired.scale)
    return Evidence(
        run=run,
        competition=prepared.spec.id,
        data_kind=prepared.kind,
        parent=other.id,
        child=node.id,
        effect=paired.effect,
        standard_error=max(math.sqrt(paired.standard_error**2 + seeds), resolution),
        time_factor=max(result.own_seconds, 1e-3) / max(other.own_seconds, 1e-3),
    )
