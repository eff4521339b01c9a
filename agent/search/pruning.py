"""Stops candidates whose training curves are clearly behind those of earlier nodes."""

from collections.abc import Sequence

from agent.execution.base import StopReason
from agent.record.events import CurvePoint
from agent.record.state import Node, RunState
from agent.search.racing import Race

MIN_FRACTION = 0.4  # earlier scores say little about the final score
MIN_PEERS = 3
# A candidate is stopped only if it is behind the worst valid peer by this share of the peers' spread.
MARGIN = 0.25
NOISE_ERRORS = 2.0  # and by this many standard errors of a score


def pruning_reason(state: RunState, node: Node, curve: Sequence[CurvePoint]) -> StopReason | None:
    """Return the reason to stop a candidate, or None.

    The candidate is compared with valid nodes of the same family, at the same fraction of the same stage. It
    must be behind all peers, its parent included, by a margin: a stricter median rule than Google Vizier's.
    """
    latest = next((point for point in reversed(curve) if point.metric is not None), None)
    if latest is None or latest.metric is None or latest.fraction >= 0.95:
        return None
    if (race := Race.of(state, latest)) is not None:
        return race.reason(node)
    if latest.fraction < MIN_FRACTION:
        return None
    peers = {
        peer.id: score
        for peer in state.valid
        if _family(peer) == _family(node)
        and (score := _score_at(peer.result.curve if peer.result else (), latest)) is not None
    }
    if len(peers) < MIN_PEERS or (node.parent is not None and node.parent not in peers):
        return None
    best, *_, worst = sorted(peers.values(), key=state.direction.key)
    results = [state.nodes[peer].result for peer in peers]
    noise = max((result.metric_se or 0.0 for result in results if result), default=0.0)
    slack = max(MARGIN * state.direction.gain(best, worst), NOISE_ERRORS * noise)
    if state.direction.gain(worst, latest.metric) > slack:
        sentence = (
            f"pruned: {latest.metric:.4f} at {latest.fraction:.0%} of {latest.stage}, "
            f"behind all {len(peers)} earlier nodes at that point (worst {worst:.4f})"
        )
        return StopReason("pruned", sentence)
    return None


def _family(node: Node) -> str | None:
    return node.idea.blueprint.family if node.idea.blueprint else None


def _score_at(curve: Sequence[CurvePoint], point: CurvePoint) -> float | None:
    """Return the peer's score at the nearest fraction of the stage, or None if none is within 0.1."""
    scored = [peer for peer in curve if peer.stage == point.stage and peer.metric is not None]
    if not scored:
        return None
    nearest = min(scored, key=lambda peer: abs(peer.fraction - point.fraction))
    return nearest.metric if abs(nearest.fraction - point.fraction) <= 0.1 else None
