"""Expected score of the chosen node on new rows, corrected for the choice among all nodes of the run."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from agent.competition.hold_out import (
    audit_ids,
    groups_of,
    load_submission,
    load_validation,
    validation_ids,
)
from agent.competition.metrics import Floats, Metric, Rows
from agent.competition.metrics.rows import is_sparse
from agent.competition.prepared import Prepared
from agent.competition.untrusted_csv import SubmissionError
from agent.core.contract import SUBMISSION_FILE, VALIDATION_FILE
from agent.record.events import ExpectedScore
from agent.record.state import Node, RunState
from agent.solution.choose import Estimate, best_by_validation, expected_score, validation_error
from agent.solution.ensemble import MOST_MEMBERS, MOST_RANKED, structures_first
from agent.solution.greedy_blend import decoder, greedy_weights
from agent.solution.raw_outputs import Workspace, read_validation_outputs
from agent.solution.repeated_choice import Blend, Candidate, Part, repeat_choice

LIMIT_S = 2.0
LIMIT_SHARE = 0.01  # of the run's time
_NORMAL_95 = 1.96
_MOST_READ_CELLS = 20_000_000  # of the predictions of all nodes: 160 MB
_MOST_CELLS = 150_000  # of the outputs of an ensemble's members that are blended anew


def estimate_expected(
    prepared: Prepared, metric: Metric, state: RunState, node: Node, workspace: Workspace
) -> ExpectedScore | None:
    """Return the estimate for the chosen node; None if there is none, such as for a competition's own metric.

    The choice is repeated on parts of the rows (`repeat_choice`), for at most two seconds and a hundredth of
    the run. If this is too short for half of the nodes, validation and audit are shrunk (`expected_score`).

    Args:
        prepared: the prepared competition.
        metric: its metric.
        state: the state after the ensemble.
        node: the chosen node.
        workspace: returns the workspace of a node.
    """
    if prepared.spec.own_metric is None and node.result is not None:
        ends = time.monotonic() + min(LIMIT_S, LIMIT_SHARE * state.run.budget_s)
        nodes = _comparable_nodes(state, node)
        rows = _read_rows(prepared, nodes, workspace, ends)
        if rows is not None and 2 * len(rows.nodes) >= len(nodes):
            blend = _blend(prepared, metric, state, rows, workspace) if len(rows.parts) == 1 else None
            limit_s, chosen = ends - time.monotonic(), rows.nodes.index(node)
            found = repeat_choice(metric, rows.parts, rows.candidates, chosen, limit_s, blend)
            if found is not None:
                count = len(rows.nodes)
                return _as_expected(metric, found.estimate, "repeated_choice", found.choices, count)
    shrunk = expected_score(state, node)
    return None if shrunk is None else _as_expected(metric, shrunk, "shrinkage", 0, len(state.valid))


@dataclass(frozen=True)
class _Read:
    """The nodes that were read, by id, and their rows."""

    nodes: list[Node]
    ids: list[str]  # of the rows of the first part
    parts: list[Part]

    @property
    def candidates(self) -> list[Candidate]:
        return [Candidate(one.id, self._errors(one), one.operator == "ensemble") for one in self.nodes]

    def _errors(self, node: Node) -> tuple[float, ...]:
        """Return the standard errors of a node's scores on the parts."""
        assert node.result is not None
        errors = (validation_error(node), node.result.audit_se or math.inf)
        return errors[: len(self.parts)]


def _comparable_nodes(state: RunState, chosen: Node) -> list[Node]:
    """Return the chosen node, then the nodes that predict at least the rows that it predicts, best first."""
    assert chosen.result is not None
    folds = chosen.result.folds
    best = [one for one in best_by_validation(state, MOST_RANKED) if one.result and one.result.folds >= folds]
    return [chosen, *(one for one in best if one is not chosen)]


def _read_rows(prepared: Prepared, nodes: Sequence[Node], workspace: Workspace, ends: float) -> _Read | None:
    """Return the rows with the predictions of the first node, the chosen one, and of others in half the time.

    Audit rows count if they had a say in the choice, so if they score the chosen node. None if the files of
    the chosen node cannot be read.
    """
    chosen = nodes[0]
    is_audited = chosen.result is not None and chosen.result.audit_se is not None
    found: dict[int, list[tuple[Rows, Rows]]] = {}
    until, cells = (time.monotonic() + ends) / 2, 0
    for one in nodes:
        if found and (time.monotonic() > until or cells > _MOST_READ_CELLS):
            break
        own = _read_node(prepared, workspace(one.id), is_audited)
        if own is not None:
            found[one.id] = own
            cells += sum(rows.nnz if is_sparse(rows) else rows.size for _, rows in own)
    if chosen.id not in found:
        return None
    truths = [truth for truth, _ in found[chosen.id]]
    read = sorted((one for one in nodes if one.id in found), key=lambda one: one.id)
    ids = validation_ids(prepared)[: int(truths[0].shape[0])]
    groups = [groups_of(prepared, ids), *(groups_of(prepared, audit_ids(prepared)) for _ in truths[1:])]
    parts = [
        Part(truth, [found[one.id][place][1][: int(truth.shape[0])] for one in read], groups[place])
        for place, truth in enumerate(truths)
    ]
    return _Read(read, ids, parts)


def _read_node(prepared: Prepared, workspace: Path, is_audited: bool) -> list[tuple[Rows, Rows]] | None:
    """Return answers and predictions of validation rows and, if asked for, of audit rows; None if damaged."""
    try:
        validation = load_validation(prepared, workspace / VALIDATION_FILE)
        audit = load_submission(prepared, workspace / SUBMISSION_FILE) if is_audited else None
    except (SubmissionError, OSError):
        return None
    return [(validation.truth, validation.predictions), *([] if audit is None else [audit])]


def _blend(
    prepared: Prepared,
    metric: Metric,
    state: RunState,
    rows: _Read,
    workspace: Workspace,
) -> Blend | None:
    """Return what blends the nodes anew; None without an ensemble, or if its code does more than average.

    Members and weights are chosen as the ensemble chooses them, on the given rows only.
    """
    nodes, truth = rows.nodes, rows.parts[0].truth
    kind = metric.prediction_kind(prepared.spec.task)
    decode = decoder(metric, kind, is_sparse(truth))
    if decode is None or not any(node.operator == "ensemble" for node in nodes):
        return None
    outputs = {
        place: found
        for place, node in enumerate(nodes)
        if node.operator != "ensemble"
        and (found := read_validation_outputs(workspace(node.id), rows.ids)) is not None
    }
    sizes = {array.shape for array in outputs.values()}
    if len(outputs) < 2 or len(sizes) > 1 or MOST_MEMBERS * next(iter(outputs.values())).size > _MOST_CELLS:
        return None
    place_of = {node.id: place for place, node in enumerate(nodes)}
    key = metric.direction.key

    def blend(chosen: npt.NDArray[np.intp], scores: Floats) -> Rows:
        ordered = sorted(outputs, key=lambda place: (key(float(scores[place])), place))
        members = structures_first(state, [nodes[place] for place in ordered])[:MOST_MEMBERS]
        blended = [outputs[place_of[member.id]] for member in members]
        weights = greedy_weights(metric, truth[chosen], [array[chosen] for array in blended], decode)
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
