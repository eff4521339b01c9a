"""Expected score of the chosen node on new rows, corrected for the choice among all nodes of the run."""

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from agent.competition.hold_out import load_validation, validation_groups, validation_ids
from agent.competition.metrics import Floats, Metric, Rows
from agent.competition.metrics.rows import is_sparse
from agent.competition.prepared import Prepared
from agent.core.contract import VALIDATION_FILE
from agent.record.events import ExpectedScore
from agent.record.state import Node, RunState
from agent.solution.choose import Estimate, best_by_validation, expected_score, validation_error
from agent.solution.ensemble import MOST_MEMBERS, MOST_RANKED, structures_first
from agent.solution.greedy_blend import decoder, greedy_weights
from agent.solution.raw_outputs import Workspace, read_validation_outputs
from agent.solution.repeated_choice import Blend, Candidate, repeat_choice

LIMIT_S = 2.0
LIMIT_SHARE = 0.01  # of the run's time
_NORMAL_95 = 1.96
_MOST_CELLS = 150_000  # of the outputs of an ensemble's members that are blended anew


def estimate_expected(
    prepared: Prepared, metric: Metric, state: RunState, node: Node, workspace: Workspace
) -> ExpectedScore | None:
    """Return the estimate for the chosen node; None if there is none, such as for a competition's own metric.

    With audit rows, it is the shrunk mean of both scores (`expected_score`). Without them the choice is
    repeated on parts of the rows (`repeat_choice`), for at most two seconds and a hundredth of the run.

    Args:
        prepared: the prepared competition.
        metric: its metric.
        state: the state after the ensemble.
        node: the chosen node.
        workspace: returns the workspace of a node.
    """
    shrunk = expected_score(state, node)
    if shrunk is not None:
        return _as_expected(metric, shrunk, "shrinkage", 0, len(state.valid))
    if prepared.spec.own_metric is not None or node.result is None:
        return None
    ends = time.monotonic() + min(LIMIT_S, LIMIT_SHARE * state.run.budget_s)
    nodes = _comparable_nodes(state, node)
    truth, candidates = _read_candidates(prepared, nodes, workspace, ends)
    ids = validation_ids(prepared)[: int(truth.shape[0])]
    by_id = {one.id: one for one in nodes}
    compared = [by_id[one.node] for one in candidates]
    found = repeat_choice(
        metric,
        truth,
        candidates,
        chosen=compared.index(node),
        groups=validation_groups(prepared, ids),
        limit_s=ends - time.monotonic(),
        blend=_blend(prepared, metric, state, compared, truth, ids, workspace),
    )
    if found is None:
        return None
    return _as_expected(metric, found.estimate, "repeated_choice", found.choices, len(candidates))


def _comparable_nodes(state: RunState, chosen: Node) -> list[Node]:
    """Return the chosen node, then the nodes that predict at least the rows that it predicts, best first."""
    assert chosen.result is not None
    folds = chosen.result.folds
    best = [one for one in best_by_validation(state, MOST_RANKED) if one.result and one.result.folds >= folds]
    return [chosen, *(one for one in best if one is not chosen)]


def _read_candidates(
    prepared: Prepared, nodes: Sequence[Node], workspace: Workspace, ends: float
) -> tuple[Rows, list[Candidate]]:
    """Return the answers, and the predictions of as many nodes as half of the time allows, by id."""
    chosen, *others = nodes
    own = load_validation(prepared, workspace(chosen.id) / VALIDATION_FILE)
    rows = int(own.truth.shape[0])
    found = {chosen.id: own.predictions}
    until = (time.monotonic() + ends) / 2
    for one in others:
        if time.monotonic() > until:
            break
        found[one.id] = load_validation(prepared, workspace(one.id) / VALIDATION_FILE).predictions[:rows]
    candidates = [
        Candidate(one.id, found[one.id], one.operator == "ensemble", validation_error(one))
        for one in nodes
        if one.id in found
    ]
    return own.truth, sorted(candidates, key=lambda one: one.node)


def _blend(
    prepared: Prepared,
    metric: Metric,
    state: RunState,
    nodes: Sequence[Node],
    truth: Rows,
    ids: Sequence[str],
    workspace: Workspace,
) -> Blend | None:
    """Return what blends the nodes anew; None without an ensemble, or if its code does more than average.

    Members and weights are chosen as the ensemble chooses them, on the given rows only.
    """
    kind = metric.prediction_kind(prepared.spec.task)
    decode = decoder(metric, kind, is_sparse(truth))
    if decode is None or not any(node.operator == "ensemble" for node in nodes):
        return None
    outputs = {
        place: found
        for place, node in enumerate(nodes)
        if node.operator != "ensemble"
        and (found := read_validation_outputs(workspace(node.id), ids)) is not None
    }
    sizes = {array.shape for array in outputs.values()}
    if len(outputs) < 2 or len(sizes) > 1 or MOST_MEMBERS * next(iter(outputs.values())).size > _MOST_CELLS:
        return None
    place_of = {node.id: place for place, node in enumerate(nodes)}
    key = metric.direction.key

    def blend(rows: npt.NDArray[np.intp], scores: Floats) -> Rows:
        ordered = sorted(outputs, key=lambda place: (key(float(scores[place])), place))
        members = structures_first(state, [nodes[place] for place in ordered])[:MOST_MEMBERS]
        blended = [outputs[place_of[member.id]] for member in members]
        weights = greedy_weights(metric, truth[rows], [array[rows] for array in blended], decode)
        mean: Floats = np.tensordot(weights, np.stack(blended), 1)
        return decode(mean)

    return blend


def _as_expected(
    metric: Metric,
    estimate: Estimate,
    method: Literal["repeated_choice", "shrinkage"],
    choices: int,
    nodes: int,
) -> ExpectedScore:
    """Return the estimate with its 95 % interval, which ends at the best score of the metric."""
    reach = _NORMAL_95 * estimate.standard_error
    lower, upper = estimate.value - reach, estimate.value + reach
    if metric.higher_is_better:
        upper = max(min(upper, metric.best), estimate.value)
    else:
        lower = min(max(lower, metric.best), estimate.value)
    return ExpectedScore(
        value=estimate.value,
        standard_error=estimate.standard_error,
        lower=lower,
        upper=upper,
        method=method,
        choices=choices,
        nodes=nodes,
    )
