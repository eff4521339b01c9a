"""Leakage gate: checks a leading candidate whose code templates alone did not write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.agents.reviewer import with_review
from agent.competition.label_permutation import ShuffledFit, judge_fits, make_permutation_test, read_fit
from agent.competition.metrics import metric_of
from agent.core.errors import MarsError
from agent.core.seeds import SEED_STEP
from agent.core.trees import remove_tree
from agent.engine.containment import node_fault
from agent.engine.decider import Decider
from agent.engine.node_source import node_source
from agent.engine.trials.runner import ResultCheck, TrialRunner
from agent.engine.trials.trial import Trial
from agent.execution import run_script
from agent.execution.base import Outcome, StopCheck
from agent.record.events import LeakageProbe, NodeResult
from agent.record.state import Node, RunState
from agent.repository.assembly import Assembler
from agent.repository.leakage import Leakage, leakage
from agent.search.budget import Budget

PROBE_SUFFIX = "-probe"  # suffix of the folder in which a node is probed
MAX_FINDINGS = 3  # reported leakage findings per node
TIME_SLACK = 1.1  # an execution of a probe needs this many times the node's run time
# With fewer predicted rows, a probe executes on several shuffles: on 75 rows, the noise of one hides that a
# candidate knows half of the labels.
ENOUGH_ROWS = 200
MOST_SHUFFLES = 3
SHUFFLE_STEP = 1_000_003  # between the seeds of a probe's shuffles


@dataclass(frozen=True)
class LeakageGate:
    """Checks that a node has to pass before it becomes the best of the run."""

    decider: Decider
    state: RunState
    runner: TrialRunner
    elapsed_s: Callable[[], float]
    """Returns the seconds of work of the run so far."""
    assembler: Assembler

    def find_leaks(self, node: Node, files: Mapping[str, str]) -> Leakage:
        """Return the leakage findings in a node's code that the code it was made from does not have."""
        if not self.decider.is_checked(self.state, node):
            return Leakage()
        return leakage(self._starting_code(node), files)

    def result_check(self, node: Node, limit_s: float, stop_check: StopCheck | None) -> ResultCheck:
        """Return a check for the node's worker: probe a result that would lead or has leakage findings.

        The probe runs within `limit_s` seconds and within the time left of the run.
        """

        def check(trial: Trial, result: NodeResult) -> NodeResult:
            if not self.decider.is_probe_due(self.state, node, result, trial.leakage_findings):
                return result
            left_s = Budget.of(self.state, self.elapsed_s()).search_left_s
            found = probe(self.runner, trial, result, min(limit_s, left_s), stop_check)
            return with_probe(result, trial.leakage_findings, found)

        return check

    def with_review(self, node: Node, result: NodeResult) -> NodeResult:
        """Return the result with its review, if one is made."""
        review = self.decider.review(self.state, node, result, lambda: self._starting_code(node))
        return with_review(result, review)

    def _starting_code(self, node: Node) -> dict[str, str]:
        return self.assembler.starting_code(node_source(self.state, node, self.runner.checkout.lineage.read))


def probe(
    runner: TrialRunner, trial: Trial, result: NodeResult, limit_s: float, stop_check: StopCheck | None
) -> LeakageProbe:
    """Run a label permutation test: execute a scored revision on shuffled validation labels.

    Only the predictions count, not the printed score.

    Args:
        runner: executes the revision.
        trial: the scored revision.
        result: its result on the true labels.
        limit_s: time limit in seconds.
        stop_check: stops the execution early.
    """
    assert result.metric is not None
    if limit_s < TIME_SLACK * result.seconds:
        return _no_verdict("No time was left for the probe.")
    seconds, fits = 0.0, list[ShuffledFit]()
    try:
        while _needs_a_shuffle(fits, limit_s - seconds, result):
            outcome, fit = _execute_shuffled(runner, trial, result, limit_s - seconds, stop_check, len(fits))
            seconds += outcome.seconds
            if fit is None:
                return _no_verdict(f"The probe failed: {outcome.reason}", seconds)
            fits.append(fit)
        found = judge_fits(metric_of(runner.prepared.spec, run_script), fits, result.metric)
    except MarsError as error:
        return _no_verdict(str(error), seconds)
    except Exception as error:  # what the probed candidate left says nothing against the node
        return _no_verdict(node_fault(error), seconds)
    if found.is_leak is None:
        return _no_verdict(found.reason, seconds)
    return LeakageProbe(
        verdict="follows" if found.is_leak else "passed", reason=found.reason, seconds=seconds
    )


def _needs_a_shuffle(fits: Sequence[ShuffledFit], left_s: float, result: NodeResult) -> bool:
    """Return whether the probe executes once more: few rows need several shuffles, if the time allows."""
    if not fits:
        return True
    rows = sum(int(fit.predictions.shape[0]) for fit in fits)
    return len(fits) < MOST_SHUFFLES and rows < ENOUGH_ROWS and left_s >= TIME_SLACK * result.seconds


def _execute_shuffled(
    runner: TrialRunner,
    trial: Trial,
    result: NodeResult,
    limit_s: float,
    stop_check: StopCheck | None,
    number: int,
) -> tuple[Outcome, ShuffledFit | None]:
    """Execute the revision on shuffled labels; the fit is None if the execution failed.

    Args:
        runner: executes the revision.
        trial: the scored revision.
        result: its result on the true labels.
        limit_s: time limit in seconds.
        stop_check: stops the execution early.
        number: number of the shuffle, which has a seed of its own.
    """
    prepared, seed = runner.prepared, SEED_STEP * runner.seed + trial.node + SHUFFLE_STEP * number
    metadata = trial.workspace.with_name(f"{trial.workspace.name}{PROBE_SUFFIX}-metadata")
    remove_tree(metadata, ignore_errors=True)  # left by a killed session
    try:
        with runner.checkout.temporary(trial, PROBE_SUFFIX) as copy:
            permutation = make_permutation_test(prepared, metadata, seed, result.folds)
            outcome = runner.run_with_metadata(copy, metadata, limit_s, stop_check)
            is_done = outcome.status == "ok"
            return outcome, read_fit(prepared, permutation, copy.workspace) if is_done else None
    finally:
        remove_tree(metadata, ignore_errors=True)


def with_probe(result: NodeResult, leakage_findings: Sequence[str], found: LeakageProbe) -> NodeResult:
    """Return the result with its probe. A leak, or a finding that the probe does not refute, is suspect."""
    with_found = result.model_copy(update={"leakage_findings": tuple(leakage_findings), "probe": found})
    if found.verdict == "follows":
        return with_found.model_copy(update={"status": "suspect", "reason": found.reason})
    if leakage_findings and found.verdict == "none":
        reason = f"{' '.join(leakage_findings[:MAX_FINDINGS])} No probe could refute this: {found.reason}"
        return with_found.model_copy(update={"status": "suspect", "reason": reason})
    return with_found


def _no_verdict(reason: str, seconds: float = 0.0) -> LeakageProbe:
    return LeakageProbe(verdict="none", reason=reason, seconds=seconds)
