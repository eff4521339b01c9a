"""The tracker `jsonl`: one line of JSON per event that people chart, in the run's folder."""

import json

from agent.record.events import Event, NodeFinished, RefitFinished, RepeatFinished, RunFinished
from agent.record.state import RunState
from agent.record.trackers.base import TrackedRun

FILE = "tracker.jsonl"

# pandas.read_json(file, lines=True) gives a table: every line has the columns of `_progress`.


class JsonlTracker:
    """Appends to `tracker.jsonl`; a resumed run continues the file."""

    def __init__(self, run: TrackedRun) -> None:
        self._run = run.id
        self._file = run.folder / FILE

    def started(self, state: RunState) -> None:
        settings = {"competition": state.run.competition, "data": state.run.data_kind, "seed": state.run.seed}
        self._append("run_resumed" if state.nodes else "run_started", state, settings)

    def on_event(self, event: Event, state: RunState) -> None:
        values = _values(event, state)
        if values is not None:
            self._append(event.kind, state, values)

    def close(self) -> None:
        return None

    def _append(self, kind: str, state: RunState, values: dict[str, object]) -> None:
        line = {"run": self._run, "event": kind, **_progress(state), **values}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _progress(state: RunState) -> dict[str, object]:
    """Return the values that every line has."""
    return {
        "elapsed_s": round(state.elapsed_s, 3),
        "nodes": len(state.nodes),
        "valid_nodes": len(state.valid),
        "best_node": state.best.id if state.best else None,
        "best_score": state.best.metric if state.best else None,
        "usd": state.spend.usd if state.spend.is_priced else None,
    }


def _values(event: Event, state: RunState) -> dict[str, object] | None:
    """Return an event's own values; None for an event that nobody charts."""
    match event:
        case NodeFinished(node=number, result=result):
            node = state.nodes[number]
            return {
                "node": number,
                "operator": node.operator,
                "parents": node.parents,
                "title": node.idea.title,
                "status": result.status,
                "score": result.metric,
                "score_se": result.metric_se,
                "audit": result.audit_metric,
                "audit_se": result.audit_se,
                "seconds": result.seconds,
            }
        case RepeatFinished(node=number, metric=score, seconds=seconds):
            return {"node": number, "score": score, "seconds": seconds}
        case RefitFinished(node=number, result=result):
            return {
                "node": number,
                "status": result.status,
                "audit": result.audit_metric,
                "audit_se": result.audit_se,
                "seconds": result.seconds,
            }
        case RunFinished(reason=reason, chosen=chosen):
            return {"reason": reason, "chosen": chosen}
    return None
