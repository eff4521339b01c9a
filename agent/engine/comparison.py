"""Derives lessons from a finished node by comparison with its parent, or with the previous best."""

import math

from agent.competition.hold_out import groups_of_part, load_common_rows
from agent.competition.metrics import Metric, paired_effect
from agent.competition.prepared import Prepared
from agent.core.contract import VALIDATION_FILE
from agent.core.errors import SetupError
from agent.engine.trials.runner import TrialRunner
from agent.memory.distill import distill, distill_fix
from agent.memory.lesson import OWN_CODE, Evidence, FixEvidence, Lesson, Scope
from agent.record.events import NodeResult
from agent.record.ranking import scores_on_common_folds
from agent.record.state import Node, RunState
from agent.repository.idea import changes_between

# Assumed standard deviation between seeds before any repeat, as a share of the score's standard error.
SEED_SHARE = 0.5
# The same for a score of several folds: each row is predicted by one model of many, whose noise differs.
SEED_SHARE_OF_FOLDS = 0.1


def seed_variance(state: RunState, node: Node, result: NodeResult) -> float:
    """Return the variance of the metric between seeds, from the run's repeats of the node's structure.

    A guess from the score's standard error counts like one more repeat. Two runs with equal scores by
    chance do not prove that seeds do not matter. Deterministic training has no variance.
    """
    if state.is_deterministic(node):
        return 0.0
    squares = [
        (repeat - other.metric) ** 2 / 2
        for other in state.nodes.values()
        if other.metric is not None and state.structure(other) == state.structure(node)
        for repeat in other.repeats
    ]
    guess = guessed_seed_variance(result.metric_se or 0.0, result.folds)
    return (guess + sum(squares)) / (1 + len(squares))


def guessed_seed_variance(standard_error: float, folds: int = 1) -> float:
    """Return the assumed variance between seeds before any repeat, for a score of a number of folds."""
    share = SEED_SHARE if folds <= 1 else SEED_SHARE_OF_FOLDS
    return (share * standard_error) ** 2


def lesson_from(
    state: RunState,
    run: str,
    runner: TrialRunner,
    metric: Metric,
    node: Node,
    result: NodeResult,
) -> Lesson | None:
    """Return the solution lesson of a node; None without a node to compare with.

    Args:
        state: the state of the run, without the node's result.
        run: id of the run.
        runner: gives access to the nodes' predictions.
        metric: the competition's metric.
        node: the node.
        result: its result.
    """
    other = state.best_single if node.parent is None else state.nodes[node.parent]
    if result.status != "valid" or node.operator == "ensemble" or other is None or other.result is None:
        return None
    if not other.is_valid:
        return None
    mine, theirs = node.blueprint, other.blueprint
    if (mine.family if mine else "") != (theirs.family if theirs else ""):
        return None
    if other.id != node.parent and not (state.is_rendered(node) and state.is_rendered(other)):
        return None  # Unrelated edits separate the two nodes, so the slots do not explain the difference.
    changes, edits = changes_between(theirs.slots, mine.slots) if mine and theirs else (), node.edits
    if not changes and not edits:
        return None
    prepared = runner.prepared
    scope = _scope(prepared, node)
    if state.run.rules >= 3 and mine is not None and theirs is not None:
        structure = state.structure(node)
        shared = structure[1] if structure == state.structure(other) else ""
        scope = scope.model_copy(update={"structure": shared})
    evidence = _compare(state, run, runner, metric, node, result, other)
    if evidence is None or (state.run.rules >= 3 and _loser_was_cut(evidence, result, other)):
        return None
    mine_score, their_score = scores_on_common_folds(result, other.result)
    scores = f"{metric.name} {mine_score:.5f} against {their_score:.5f}"
    return distill(scope, node.idea.title, changes, evidence, scores, edits)


def _loser_was_cut(evidence: Evidence, result: NodeResult, other: Node) -> bool:
    """Whether the time limit cut the node that lost the comparison; its loss says nothing about its idea."""
    loser = result if evidence.effect < 0 else other.result
    return loser is not None and loser.cut is not None


def fixes_taught(
    state: RunState, run: str, prepared: Prepared, node: Node, result: NodeResult
) -> list[Lesson]:
    """Return a debug lesson per fix of a node, successful or not; its result is not in the state yet."""
    scope = _scope(prepared, node)
    after = [*(attempt.failed for attempt in node.attempts), result][1:]
    taught = []
    for number, (attempt, then) in enumerate(zip(node.attempts, after, strict=True), start=1):
        failure = attempt.failed.failure
        if failure is None:
            continue
        tried = FixEvidence(
            run=run,
            competition=prepared.spec.id,
            data_kind=prepared.kind,
            node=node.id,
            number=number,
            mended=then.failure is None or then.failure.place != failure.place,
        )
        taught.append(distill_fix(scope, attempt.fix, failure.redacted_message, failure.frames[-1:], tried))
    return taught


def _scope(prepared: Prepared, node: Node) -> Scope:
    family = node.blueprint.family if node.blueprint else OWN_CODE
    return Scope(task=prepared.spec.task, family=family, magnitude=Scope.magnitude_of(prepared.rows.train))


def _compare(
    state: RunState,
    run: str,
    runner: TrialRunner,
    metric: Metric,
    node: Node,
    result: NodeResult,
    other: Node,
) -> Evidence | None:
    """Return the effect of going from `other` to `node`, paired over the rows that both predict.

    None without a standard error: a competition's own metric may be too slow to resample, or may fail.
    """
    prepared = runner.prepared
    files = (runner.checkout.workspace(number) / VALIDATION_FILE for number in (other.id, node.id))
    truth, before, after = load_common_rows(prepared, "val", *files)
    groups = groups_of_part(prepared, "val", int(truth.shape[0]))
    try:
        paired = paired_effect(metric, truth, before, after, groups)
    except SetupError:
        return None
    if not math.isfinite(paired.standard_error):
        return None
    both = [(node, result), (other, other.result or result)]
    seeds = sum(seed_variance(state, *one) for one in both) / paired.scale**2
    # Two candidates that agree on every row may still differ on one more row.
    resolution = 1.0 / (int(truth.shape[0]) * paired.scale)
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
