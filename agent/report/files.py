"""What a run left on disk about its nodes, read with care: candidates wrote it."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.record.state import Node, RunState

_LOG_BYTES = 64_000
_ANALYSIS_BYTES = 256_000

# Two commits, the older one None for an empty tree -> unified diff: `Lineage.diff`.
Diff = Callable[[str | None, str], str]
# A commit -> its files, {path: text}: `Lineage.read`.
Read = Callable[[str], Mapping[str, str]]

# The page shows what this file says in better form.
_TOLD_ELSEWHERE = "idea.json"


@dataclass(frozen=True)
class Material:
    """What a page shows of a node beyond the recorded events."""

    files: Mapping[str, str] = field(default_factory=dict)
    log: str = ""
    analysis: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFiles:
    """The workspaces of one run."""

    folder: Path  # <home>/workspaces/<run>
    compare: Diff
    read: Read

    def of(self, node: Node) -> Path:
        """The node's workspace."""
        return self.folder / "nodes" / node.name

    def log(self, node: Node) -> str:
        """The end of its log, at most 64,000 bytes; the smoke run's where it got no further; else empty."""
        for name in ("run.log", "smoke.log"):
            text = _read_end(self.of(node), Path(".mars") / name, _LOG_BYTES)
            if text:
                return text
        return ""

    def analysis(self, node: Node) -> dict[str, object]:
        """Its failure analysis; empty when there is none or it is damaged or absurdly long."""
        text = _read_end(self.of(node), Path("working") / "analysis.json", _ANALYSIS_BYTES)
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def diff(self, state: RunState, node: Node) -> str:
        """Against its first parent; of a draft, everything counts as added. Empty without a commit."""
        if node.result is None or not node.result.commit:
            return ""
        parent = state.nodes[node.parent] if node.parent is not None else None
        base = parent.result.commit or None if parent and parent.result else None
        return self.compare(base, node.result.commit)

    def code(self, node: Node) -> dict[str, str]:
        """Its files by path, without any `idea.json`. Empty without a commit."""
        if node.result is None or not node.result.commit:
            return {}
        files = self.read(node.result.commit)
        return {path: text for path, text in files.items() if Path(path).name != _TOLD_ELSEWHERE}

    def material(self, node: Node) -> Material:
        return Material(self.code(node), self.log(node), self.analysis(node))


def _read_end(workspace: Path, name: Path, limit: int) -> str:
    """The last `limit` bytes of a file; empty if it cannot be read or leads out of the workspace."""
    file = (workspace / name).resolve()
    if not file.is_relative_to(workspace.resolve()) or not file.is_file():
        return ""
    try:
        with file.open("rb") as stream:
            left_out = max(0, stream.seek(0, os.SEEK_END) - limit)
            stream.seek(left_out)
            text = stream.read(limit).decode("utf-8", errors="replace")
    except OSError:
        return ""
    return f"[{left_out:,} earlier bytes left out]\n{text}" if left_out else text
