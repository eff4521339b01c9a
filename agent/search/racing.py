"""Races over folds: a candidate that no longer matters is stopped after its first folds (rules 3)."""

import math
import statistics
from dataclasses import dataclass

from agent.execution.base import StopReason
from agent.record.events import CurvePoint, NodeResult
from agent.record.state import Node, RunState

MIN_PEERS = 2  # finished nodes to compare with, the leader included
NOISE_ERRORS = 3.0  # a candidate so many standard errors behind the leader is not expected to catch up
# Standard error of a difference between two nodes on the same rows, relative to that of one score.
PAIRED_SHARE = 0.5
PRIOR_PEERS = 2  # the assumed noise counts like so many peers
LEAST_SAVING_S = 1.0  # stopping a candidate that is about to end saves nothing
# Share of the run's time that stopping a draft must save. A draft shows what its structure can do, and adds
# to a blend what no other structure adds.
LEAST_DRAFT_SAVING = 0.02


@dataclass(frozen=True)
class Race:
    """A candidate after its first folds, beside the nodes that have finished all folds.

    A progress line after fold k has the score of the rows of folds 0 to k together. Two nodes are compared on
    the same folds. How much such a difference moves until the last fold is measured by the finished nodes.
    """

    state: RunState
    point: CurvePoint
    folds: int  # folds that the candidate has finished
    total: int  # folds that it executes
    leader: NodeResult
    peers: tuple[NodeResult, ...]  # finished nodes, the leader included

    @classmethod
    def of(cls, state: RunState, point: CurvePoint) -> "Race | None":
        """Return the race of a candidate with this progress; None if there is nothing to compare with."""
        if state.run.rules < 3 or point.fold is None or point.metric is None or not 0 < point.fraction < 1:
            return None
        folds = point.fold + 1
        total = round(folds / point.fraction)
        peers = tuple(
            node.result
            for node in state.valid
            if node.operator != "ensemble"
            and node.result is not None
            and node.result.folds == total > 1
            and node.result.metric_of_folds(folds) is not None
        )
        if len(peers) < MIN_PEERS:
            return None
        leader = min(peers, key=lambda peer: state.direction.key(peer.metric))
        return cls(state, point, folds, total, leader, peers)

    def reason(self, node: Node) -> StopReason | None:
        """Return the reason to stop the candidate, or None while it can still matter.

        It must be far behind the leader, and behind the other nodes too, which an ensemble would prefer: an
        improvement behind half of them, a draft, which is of another kind, behind all.
        """
        assert self.point.metric is not None
        is_draft = node.operator == "draft"
        least_s = LEAST_DRAFT_SAVING * self.state.run.budget_s if is_draft else 0.0
        if self.point.elapsed_s * (self.total - self.folds) / self.folds < max(least_s, LEAST_SAVING_S):
            return None
        gains = sorted(self._gain(self.point.metric, peer) for peer in self.peers)
        noise = self.noise()
        to_beat = gains[-1] if is_draft else statistics.median(gains)
        if self._gain(self.point.metric, self.leader) > -NOISE_ERRORS * noise or to_beat > -noise:
            return None
        theirs = self.leader.metric_of_folds(self.folds)
        sentence = (
            f"pruned: {self.point.metric:.4f} after {self.folds} of {self.total} folds, where the best node "
            f"had {theirs:.4f}; such a difference changes by {noise:.2g} until the last fold"
        )
        return StopReason("pruned", sentence)

    def noise(self) -> float:
        """Return the standard deviation of the change of a difference to the leader until the last fold."""
        share = math.sqrt(self.total / self.folds - 1)
        assumed = PAIRED_SHARE * share * (self.leader.metric_se or 0.0)
        moves = [
            self._final_gain(peer) - self._gain_of(peer) for peer in self.peers if peer is not self.leader
        ]
        squares = PRIOR_PEERS * assumed**2 + sum(move**2 for move in moves)
        return math.sqrt(squares / (PRIOR_PEERS + len(moves)))

    def _gain(self, metric: float, peer: NodeResult) -> float:
        theirs = peer.metric_of_folds(self.folds)
        assert theirs is not None
        return self.state.direction.gain(metric, theirs)

    def _gain_of(self, peer: NodeResult) -> float:
        """Return how much better a peer was than the leader after as many folds as the candidate has."""
        mine = peer.metric_of_folds(self.folds)
        assert mine is not None
        return self._gain(mine, self.leader)

    def _final_gain(self, peer: NodeResult) -> float:
        assert peer.metric is not None
        assert self.leader.metric is not None
        return self.state.direction.gain(peer.metric, self.leader.metric)
