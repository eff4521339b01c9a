"""JSON for the report's panel: details and code of every node, bounded in size."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from agent.record.events import CurvePoint
from agent.record.state import Node, RunState
from agent.report import formatting
from agent.report.node_files import NodeFiles
from agent.report.packing import pack_within

# Largest number of characters (curves: points), in total and per file or node: a page must fit into a mail.
_CODE_TOTAL, _CODE_MOST = 700_000, 60_000
_LOG_TOTAL, _LOG_MOST = 300_000, 12_000
_ANALYSIS_TOTAL, _ANALYSIS_MOST = 200_000, 8_000
_POINTS_TOTAL, _POINTS_MOST = 9_000, 150

Json = dict[str, Any]


def code_payload(node_files: Mapping[int, NodeFiles]) -> tuple[Json, dict[int, Json]]:
    """Return the distinct file contents, and per node the number of the content of each path."""
    keys = [(node, path) for node, item in node_files.items() for path in item.files]
    pack, numbers = pack_within(
        (node_files[node].files[path] for node, path in keys), _CODE_TOTAL, _CODE_MOST
    )
    files: dict[int, Json] = {node: {} for node in node_files}
    for (node, path), number in zip(keys, numbers, strict=True):
        files[node][formatting.one_line(path)] = number
    return {"lines": pack.lines, "texts": pack.texts}, files


def node_payload(state: RunState, node_files: Mapping[int, NodeFiles], files: Mapping[int, Json]) -> Json:
    """Return the details of every node by its three-digit name; long texts are cut, with a note."""
    log_limit = formatting.fair_limit([len(item.log) for item in node_files.values()], _LOG_TOTAL, _LOG_MOST)
    number_of_nodes = max(len(state.nodes), 1)
    analysis_limit = min(_ANALYSIS_MOST, _ANALYSIS_TOTAL // number_of_nodes)
    points = min(_POINTS_MOST, _POINTS_TOTAL // number_of_nodes)
    payload = {}
    for node in state.nodes.values():
        own_files = node_files[node.id]
        payload[node.name] = {
            **_identity(state, node),
            "idea": _idea(node),
            "lessons": _lessons(state, node),
            "scores": _scores(node),
            "numbers": _numbers(node),
            "files": files[node.id],
            "log": formatting.tail(formatting.clean(own_files.log), log_limit),
            "analysis": _bounded(_finite(own_files.analysis), analysis_limit),
            "curve": _curve(node.result.curve if node.result else (), points),
        }
    return payload


def script_json(content: Json) -> str:
    """Return JSON that is safe in a script element: no `<`, `>`, `&`, bare line separators or NaN."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _identity(state: RunState, node: Node) -> Json:
    result = node.result
    return {
        "title": formatting.one_line(node.idea.title),
        "operator": node.operator,
        "status": node.status,
        "sign": formatting.STATUS_SIGN[node.status],
        "best": state.best is not None and state.best.id == node.id,
        "kept": state.finished is not None and state.finished.chosen == node.id,
        "reason": formatting.clean(result.reason) if result else "",
        "parents": [f"{parent:03d}" for parent in node.parents],
        "children": [f"{child:03d}" for child in node.children],
        "folder": f"nodes/{node.name}",
        "commit": result.commit if result else "",
    }


def _idea(node: Node) -> Json:
    idea = node.idea
    return {
        "model": formatting.clean(idea.model),
        "data": formatting.clean(idea.data),
        "training": formatting.clean(idea.training),
        "evaluation": formatting.clean(idea.evaluation),
        "changes": [
            {"slot": change.slot, "old": str(change.old), "new": str(change.new)} for change in idea.changes
        ],
        "edits": [
            {"file": formatting.one_line(edit.file), "old": old, "new": new}
            for edit, (old, new) in zip(idea.edits, map(formatting.edited_lines, idea.edits), strict=True)
        ],
        "family": idea.blueprint.family if idea.blueprint else "",
        "slots": {name: str(value) for name, value in idea.blueprint.slots.items()} if idea.blueprint else {},
    }


def _lessons(state: RunState, node: Node) -> Json:
    known = {**state.offered, **state.learned}

    def entry(lesson_id: str) -> Json:
        lesson = known.get(lesson_id)
        text = formatting.titled_effect(lesson) if lesson else "not in this run's record"
        return {"id": lesson_id, "text": text}

    return {
        "cited": [entry(lesson_id) for lesson_id in node.idea.cited_lessons],
        "learned": [entry(lesson_id) for lesson_id in node.lessons],
    }


def _scores(node: Node) -> dict[str, str]:
    """Return the facts of a node by name, in the order of the panel."""
    result = node.result
    if result is None:
        return {"Proposed": f"after {formatting.clock(node.proposed_at_s)}"}
    facts = {name.capitalize(): value for name, value in formatting.scores(node, result).items()}
    facts["Time"] = formatting.duration(result.seconds)
    if speed := formatting.speed(result):
        facts["Prediction"] = speed
    if cut := formatting.cut(result):
        facts["Time limit"] = cut
    if node.expected_s is not None:
        facts["Expected time"] = formatting.duration(node.expected_s)
    if result.cache_seconds >= 1:
        facts["Cache building"] = formatting.duration(result.cache_seconds)
    if result.smoke_seconds:
        facts["Smoke run"] = formatting.duration(result.smoke_seconds)
    facts["Proposed"] = f"after {formatting.clock(node.proposed_at_s)}"
    return facts | {
        formatting.one_line(name): formatting.one_line(value) for name, value in result.facts.items()
    }


def _numbers(node: Node) -> Json:
    """Return the numbers for comparisons of two nodes: (score, standard error) pairs and seconds."""
    result = node.result
    if result is None:
        return {}
    return {
        "validation": _finite([result.metric, result.metric_se]),
        "audit": _finite([result.audit_metric, result.audit_se]),
        "seconds": result.seconds,
    }


def _curve(curve: Sequence[CurvePoint], most: int) -> list[list[Any]]:
    """Return rows (stage, fraction, elapsed_s, train_loss, metric) of every k-th point and the last."""
    step = max(1, math.ceil(len(curve) / max(most, 2)))
    kept = [point for index, point in enumerate(curve) if index % step == 0 or index == len(curve) - 1]
    rows: list[list[Any]] = [
        [point.stage, point.fraction, point.elapsed_s, point.train_loss, point.metric] for point in kept
    ]
    return [[_finite(value) for value in row] for row in rows]


def _finite(value: Any, depth: int = 8) -> Any:
    """Return the value with NaN and infinities as None, cut at a readable depth."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, str):
        return formatting.clean(value)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, dict):
        return {formatting.clean(str(key)): _finite(item, depth - 1) for key, item in value.items()}
    return [_finite(item, depth - 1) for item in value]


def _bounded(analysis: Json, limit: int) -> Json | str:
    """Return the analysis; one longer than `limit` characters becomes the beginning of its text."""
    text = json.dumps(analysis, indent=1, ensure_ascii=False)
    return analysis if len(text) <= limit else formatting.head(text, limit)
