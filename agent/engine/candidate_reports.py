"""Reads a candidate's own reports: progress, log and analysis. None of them affects its score."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

from agent.core.contract import ANALYSIS_FILE, WEIGHTS_FACT
from agent.core.plain_text import plain_text
from agent.core.untrusted_files import open_inside, read_inside
from agent.execution.progress import ProgressReader, ProgressRecord
from agent.record.events import CurvePoint, Cut
from agent.record.state import Node
from agent.solution.ensemble import MOST_MEMBERS

LEAST_CUT = 0.05  # a candidate that left out a smaller part counts as complete
MAX_CACHE_SHARE = 0.95  # largest accepted share of a run's time that built caches
MAX_CHOICE_SHARE = 0.8  # largest accepted share of a run's own time that a refit saves
_CURVE_POINTS = 60
_REASON_CHARACTERS = 160  # of an ensemble's reason for its combination
_ANALYSIS_BYTES = 1_000_000
_LOG_BYTES = 4_000_000
_NODE_NAME = re.compile(r"[0-9]{3,9}")


def thin_curve(records: Sequence[ProgressRecord], limit: int = _CURVE_POINTS) -> tuple[CurvePoint, ...]:
    """Return the progress records with a fraction as at most `limit` curve points, the last included."""
    points = [
        CurvePoint(
            stage=plain_text(record.stage, 100),
            fraction=record.fraction,
            member=None if record.member is None else plain_text(str(record.member), 60),
            fold=record.fold,
            epoch=record.epoch,
            elapsed_s=record.elapsed_s,
            train_loss=record.train_loss,
            metric=record.metric,
        )
        for record in records
        if record.fraction is not None
    ]
    if len(points) <= limit:
        return tuple(points)
    step = len(points) / limit
    return tuple(points[int((index + 1) * step) - 1] for index in range(limit))


def read_log(file: Path) -> str:
    """Return the beginning of a log, at most `_LOG_BYTES` long; "" if it is no plain file."""
    try:
        with open_inside(file.parent.parent, f"{file.parent.name}/{file.name}") as stream:
            return stream.read(_LOG_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def progress_reader(node: Node, file: Path) -> ProgressReader | None:
    """Return a reader of the node's progress; None during module tests, which run on made-up data."""
    return None if node.unwritten_modules else ProgressReader(file)


def read_analysis(workspace: Path) -> dict[str, object]:
    """Return the candidate's analysis; {} if missing or malformed, since the file is untrusted."""
    try:
        content = json.loads(read_inside(workspace, ANALYSIS_FILE, _ANALYSIS_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def cache_seconds(analysis: dict[str, object], seconds: float) -> float:
    """Return the reported seconds spent building caches, capped at `MAX_CACHE_SHARE` of the run."""
    return _reported_seconds(analysis, "cache_seconds", MAX_CACHE_SHARE * seconds)


def choice_seconds(analysis: dict[str, object], own_s: float) -> float:
    """Return the reported seconds of choices that a refit takes over, capped at a share of the other time."""
    return _reported_seconds(analysis, "choice_seconds", MAX_CHOICE_SHARE * own_s)


def _reported_seconds(analysis: dict[str, object], name: str, most_s: float) -> float:
    reported = analysis.get(name)
    if not isinstance(reported, int | float) or not reported > 0:  # NaN is not above 0
        return 0.0
    return float(min(reported, most_s))  # an integer may be too large for a float


def cut_of(analysis: dict[str, object]) -> Cut | None:
    """Return what the candidate reports to have left out because of its time limit; None: nothing."""
    reported = analysis.get("cut")
    what, share = (
        (reported.get(key) for key in ("what", "share")) if isinstance(reported, dict) else (None, None)
    )
    if not isinstance(what, str) or not isinstance(share, int | float) or not 0 < share <= 1 - LEAST_CUT:
        return None  # NaN is not above 0
    anew = isinstance(reported, dict) and reported.get("anew") is True
    return Cut(what=plain_text(what, 60), share=float(share), anew=anew)


def facts(analysis: dict[str, object]) -> dict[str, str]:
    """Return what the candidate reports of pretrained weights or of an ensemble's members, for tables."""
    return _pretrained_weights(analysis) | _combination(analysis)


def _combination(analysis: dict[str, object]) -> dict[str, str]:
    """Return how an ensemble combines its members, and what each member with a weight adds to the score."""
    kind, reason = analysis.get("combination"), analysis.get("combination_reason")
    if not isinstance(kind, str) or not isinstance(reason, str):
        return {}
    found = {"combination": plain_text(f"{kind}: {reason}", _REASON_CHARACTERS)}
    alone, gains = _numbers(analysis, "member_metrics"), _numbers(analysis, "member_gains")
    for member, weight in list(_numbers(analysis, "weights").items())[:MOST_MEMBERS]:
        if weight > 0:
            parts = [f"weight {weight:.2f}"]
            parts += [f"alone {alone[member]:.5f}"] if member in alone else []
            parts += [f"adds {gains[member]:.5f}"] if member in gains else []
            found[f"member {plain_text(member, 60)}"] = ", ".join(parts)
    return found


def member_weights(analysis: dict[str, object]) -> dict[int, float]:
    """Return the weights that an ensemble reports, by member; members without weight are left out."""
    numbers = list(_numbers(analysis, "weights").items())[:MOST_MEMBERS]
    return {int(name): weight for name, weight in numbers if _NODE_NAME.fullmatch(name) and weight > 0}


def _numbers(analysis: dict[str, object], name: str) -> dict[str, float]:
    """Return the finite numbers by name in a part of the analysis."""
    part = analysis.get(name)
    if not isinstance(part, dict):
        return {}
    numbers = {key: value for key, value in part.items() if isinstance(value, float)}
    return {key: value for key, value in numbers.items() if math.isfinite(value)}


def _pretrained_weights(analysis: dict[str, object]) -> dict[str, str]:
    """Return the pretrained weights that the candidate reports, shortened for tables."""
    weights = analysis.get("weights")
    if not isinstance(weights, dict):
        return {}
    return {
        f"{WEIGHTS_FACT}{plain_text(name, 60)}": plain_text(source, 80)
        for name, source in list(weights.items())[:8]
        if isinstance(source, str)
    }
