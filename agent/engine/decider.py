"""Takes every decision of a run. The loop carries them out; `mars replay` takes them again and compares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.agents.debugger import Debugger
from agent.agents.lesson_writer import LessonWriter
from agent.agents.reviewer import Reviewer
from agent.agents.writer import Writer, WritingError
from agent.core.format import duration
from agent.engine.agents import Agents
from agent.record.events import EndReason, NodeResult, Review, RunSettings
from agent.record.ranking import scores_on_common_folds
from agent.record.state import Node, RunState
from agent.repository.idea import Fix, WrittenModule
from agent.search.budget import Budget
from agent.search.ending import end_reason
from agent.search.refits import is_refit_idle, least_refit_s, refit_s
from agent.search.scheduler import Decisions, Propose, Repeat, scheduler_of
from agent.solution import ensemble
from agent.solution.choose import choose

MIN_MEMBERS = 2  # of an ensemble
SMOKE_WORTH_S = 5.0  # a candidate that is expected to end sooner needs no smoke run
SHORT_RUN_S = 120.0  # the first node of a run that is no longer needs none either
# The search goes on after an ensemble if the refit leaves at least so much of the run's time.
GIVEN_BACK_SHARE = 0.05
SHORTER_BLEND_SLACK = 2.0  # an ensemble without idle members needs so much more than its share of the time
SHORTER_BLEND_SHARE = 0.02  # of the run's time, which it may use in any case
NOTHING_TO_REFIT = (
    "Node {} needs no refit: without audit rows, the models of its folds have learned from all labelled rows "
    "together."
)

Files = Mapping[str, str]


@dataclass(frozen=True)
class Wait:
    """Start nothing before something that runs has ended."""


@dataclass(frozen=True)
class End:
    """End the search."""

    reason: EndReason


@dataclass(frozen=True)
class Refit:
    """Refit the chosen node on all labelled rows, unless something blocks the refit."""

    node: Node
    expected_s: float
    blocker: str = ""  # why the refit cannot happen, in a sentence


Action = Propose | Repeat | Wait | End


@dataclass(frozen=True)
class Decider:
    """Decides by the state of a run, the elapsed time and the answers of language models, and nothing else.

    Where a decision needs a fact from files (the outputs of members, the frozen choices of a node), the
    caller passes a function that looks it up.
    """

    decisions: Decisions
    debugger: Debugger | None = None
    writer: Writer | None = None
    reviewer: Reviewer | None = None
    reflector: LessonWriter | None = None

    @classmethod
    def of(cls, run: RunSettings, agents: Agents) -> "Decider":
        """Return the decider of a run whose planner and language models are `agents`."""
        decisions = scheduler_of(run, agents.planner, agents.policy)
        return cls(decisions, agents.debugger, agents.writer, agents.reviewer, agents.reflector)

    # -- actions ---------------------------------------------------------------------------------------

    def next_action(self, state: RunState) -> Action:
        """Return what starts next; `End` once nothing starts and nothing runs."""
        action = self.decisions.next(state)
        if action is not None:
            return action
        if state.running or any(node.repeating for node in state.nodes.values()):
            return Wait()
        return End(end_reason(state))

    def ensemble(self, state: RunState, members: Callable[[], Sequence[Node]]) -> Propose | None:
        """Return the ensemble that follows the search; None if there is one and no valid node came after it.

        Args:
            state: the state after the search.
            members: returns the best nodes that wrote their raw outputs.
        """
        blend = state.blend
        if state.run.blueprint is not None or (blend is not None and not _may_blend_again(state, blend)):
            return None
        found = members()
        parents = tuple(member.id for member in found)
        if len(found) < MIN_MEMBERS or (blend is not None and parents == blend.parents):
            return None
        return Propose("ensemble", parents, ensemble.ensemble_idea(list(found)), None)

    def shorter_ensemble(self, state: RunState) -> Propose | None:
        """Return the chosen ensemble again, without the members that got no weight; None if it needs none.

        The solution then holds and trains no code without a use. The weights that are fitted again are the
        same, since greedy selection never took the other members.
        """
        blend, budget = self.choice(state), Budget.of(state)
        if blend is None or blend.operator != "ensemble":
            return None
        kept = blend.weighted_members
        if len(kept) < MIN_MEMBERS or kept == blend.parents:
            return None
        needed_s = SHORTER_BLEND_SLACK * blend.seconds * len(kept) / len(blend.parents)
        left_s = budget.limit_s - budget.elapsed_s
        # It is worth a little of the time that is held back for the refit, which often needs less.
        lent_s = min(SHORTER_BLEND_SHARE * budget.limit_s, left_s)
        if needed_s > max(left_s - budget.refit_reserve_s - budget.timing_reserve_s, lent_s):
            return None
        return Propose(
            "ensemble", kept, ensemble.ensemble_idea([state.nodes[number] for number in kept]), None
        )

    def searches_on(self, state: RunState) -> bool:
        """Return whether the search goes on after an ensemble: time is left that its refit does not need."""
        blend, budget = state.blend, Budget.of(state)
        if state.run.rules < 3 or blend is None or not blend.is_valid or budget.nodes_left == 0:
            return False
        return budget.search_left_s >= GIVEN_BACK_SHARE * budget.limit_s

    def choice(self, state: RunState) -> Node | None:
        """Return the node that becomes the run's solution; None without a valid node."""
        return choose(state)

    def refit(self, state: RunState, elapsed_s: float, blocker: Callable[[Node], str]) -> Refit | None:
        """Return the refit of the chosen node; None if none is wanted. A failed refit is tried again.

        Args:
            state: the state after the search and the ensemble.
            elapsed_s: seconds of work of the run.
            blocker: returns why the node's files allow no refit, or "".
        """
        node = self.choice(state)
        if state.run.refit_rows is None or node is None:
            return None
        if node.refit is not None and node.refit.status != "failed":
            return None
        expected_s = refit_s(state, node)
        # Time does not block a refit that a killed session began, since its decision stands.
        needed_s, left_s = least_refit_s(state, node), state.run.budget_s - elapsed_s
        late = "" if node.refitting else _no_time_for(node, needed_s, left_s)
        idle = NOTHING_TO_REFIT.format(node.name) if is_refit_idle(state, node) else ""
        return Refit(node, expected_s, idle or blocker(node) or late)

    # -- inside a node ---------------------------------------------------------------------------------

    def next_module(self, state: RunState, node: Node, files: Files, elapsed_s: float) -> WrittenModule:
        """Return the next module of a node's plan.

        Args:
            state: the state of the run.
            node: the node, with a module that is not written yet.
            files: the files so far.
            elapsed_s: seconds of work of the run.

        Raises:
            WritingError: no module comes; the node fails for this reason.
        """
        if self.writer is None or self.is_late(state, elapsed_s):
            file = node.unwritten_modules[0].file
            raise WritingError(f"No language model or no time is left to write {file}.")
        return self.writer.write(state, node, files)

    def fix(self, state: RunState, node: Node, failed: NodeResult, elapsed_s: float) -> Fix | None:
        """Return a fix of a node whose last revision failed; None leaves the node failed."""
        if self.debugger is None or failed.status != "failed" or self.is_late(state, elapsed_s):
            return None
        fix = self.debugger.fix(state, node, failed)
        return None if self.is_late(state) else fix  # the answer may have used up the run's time

    def needs_smoke_run(self, node: Node, state: RunState) -> bool:
        """Return whether a run on few rows comes before the node's execution.

        The first node of a short run has no time for it, if templates wrote all of its code and no language
        model may mend it.
        """
        is_hurried = state.run.rules >= 3 and node.id == 1 and state.run.budget_s <= SHORT_RUN_S
        if node.operator == "ensemble" or (is_hurried and state.is_rendered(node) and self.debugger is None):
            return False
        return node.expected_s is None or node.expected_s > SMOKE_WORTH_S

    def is_late(self, state: RunState, elapsed_s: float | None = None) -> bool:
        """Return whether the time left is too short to execute anything that a model would write."""
        return Budget.of(state, elapsed_s).is_out_of_time

    # -- checks of a result ----------------------------------------------------------------------------

    def is_checked(self, state: RunState, node: Node) -> bool:
        """Return whether the node's code may leak: templates alone did not write it, and it may be kept."""
        if state.run.experiment or node.operator == "ensemble":  # ensembles only blend
            return False
        return not state.is_rendered(node)

    def would_lead(self, state: RunState, node: Node, result: NodeResult) -> bool:
        """Return whether a valid result would make a node whose code may leak the best of the run."""
        if result.status != "valid" or result.metric is None or not self.is_checked(state, node):
            return False
        if state.best_single is None or state.best_single.result is None:
            return True
        mine, best = scores_on_common_folds(result, state.best_single.result)
        return mine is None or best is None or state.better(mine, best)

    def is_probe_due(
        self, state: RunState, node: Node, result: NodeResult, leakage_findings: Sequence[str]
    ) -> bool:
        """Return whether a valid result needs a label permutation test: it would lead, or its code may leak.

        Args:
            state: the state of the run, without the result.
            node: the node.
            result: its result.
            leakage_findings: possible leaks that reading the code found.
        """
        return result.status == "valid" and (bool(leakage_findings) or self.would_lead(state, node, result))

    def review(
        self, state: RunState, node: Node, result: NodeResult, before: Callable[[], Files]
    ) -> Review | None:
        """Return the review of a result that would lead; None if there is none.

        Args:
            state: the state of the run, without the result.
            node: the node.
            result: its result.
            before: returns the code that the node's code was made from.
        """
        if self.reviewer is None or not self.would_lead(state, node, result):
            return None
        return self.reviewer.review(state, node, result, before())

    # -- lessons ---------------------------------------------------------------------------------------

    def words_from(self, state: RunState) -> LessonWriter | None:
        """Return the model that words the lesson of a node which has just finished; None for no model.

        Without time, no model is asked: two failed requests would open the circuit breaker.
        """
        return self.reflector if Budget.of(state).search_left_s > 0 else None


def _may_blend_again(state: RunState, blend: Node) -> bool:
    """Return whether a valid node came after the ensemble."""
    return state.run.rules >= 3 and any(node.id > blend.id for node in state.valid)


def _no_time_for(node: Node, expected_s: float, left_s: float) -> str:
    """Return the sentence that no time is left for a refit; "" if there is time."""
    if expected_s <= left_s:
        return ""
    return (
        f"No time is left for the refit of node {node.name}: it needs about {duration(expected_s)}, and "
        f"{duration(max(left_s, 0.0))} are left; run `mars resume` with more --minutes."
    )
