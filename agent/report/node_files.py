"""Reads the files of nodes from disk. Candidates wrote them, so sizes and paths are checked."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.core.contract import ANALYSIS_FILE, HARNESS_FOLDER, IDEA_FILE, RUN_LOG, SMOKE_LOG
from agent.core.untrusted_files import open_inside
from agent.record.state import Node, RunState

_LOG_BYTES = 64_000
_ANALYSIS_BYTES = 256_000

# (older commit or None for an empty tree, newer commit) -> unified diff: `Lineage.diff`.
DiffCommits = Callable[[str | None, str], str]
# Commit -> its files, {path: text}: `Lineage.read`.
ReadCommit = Callable[[str], Mapping[str, str]]

# The page shows the content of this file in a better form.
_SHOWN_SEPARATELY = IDEA_FILE


@dataclass(frozen=True)
class NodeFiles:
    """Code, log and failure analysis of a node: page content beyond the recorded events."""

    files: Mapping[str, str] = field(default_factory=dict)
    log: str = ""
    analysis: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFiles:
    """The workspaces and commits of one run."""

    folder: Path  # <home>/workspaces/<run>
    compare: DiffCommits
    read: ReadCommit

    def workspace(self, node: Node) -> Path:
        """Return the folder of a node."""
        return self.folder / "nodes" / node.name

    def log(self, node: Node) -> str:
        """Return the last 64,000 bytes of the log: of the full run, else of the smoke run, else empty."""
        for name in (RUN_LOG, SMOKE_LOG):
            text = _read_end(self.workspace(node), Path(HARNESS_FOLDER) / name, _LOG_BYTES)
            if text:
                return text
        return ""

    def analysis(self, node: Node) -> dict[str, object]:
        """Return the failure analysis; empty when the file is missing, damaged or too long."""
        text = _read_end(self.workspace(node), Path(ANALYSIS_FILE), _ANALYSIS_BYTES)
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def diff(self, state: RunState, node: Node) -> str:
        """Return the diff against the first parent; a draft only adds lines. Empty without a commit."""
        if node.result is None or not node.result.commit:
            return ""
        parent = state.nodes[node.parent] if node.parent is not None else None
        base = parent.result.commit or None if parent and parent.result else None
        return self.compare(base, node.result.commit)

    def code(self, node: Node) -> dict[str, str]:
        """Return the files by path, without `idea.json`. Empty without a commit."""
        if node.result is None or not node.result.commit:
            return {}
        files = self.read(node.result.commit)
        return {path: text for path, text in files.items() if Path(path).name != _SHOWN_SEPARATELY}

    def load(self, node: Node) -> NodeFiles:
        """Load code, log and failure analysis of a node."""
        return NodeFiles(self.code(node), self.log(node), self.analysis(node))


def _read_end(workspace: Path, name: Path, limit: int) -> str:
    """Return the last `limit` bytes of a file; empty for a link and for an unreadable file."""
    try:
        with open_inside(workspace, name.as_posix()) as stream:
            left_out = max(0, stream.seek(0, os.SEEK_END) - limit)
            stream.seek(left_out)
            text = stream.read(limit).decode("utf-8", errors="replace")
    except OSError:
        return ""
    return f"[{left_out:,} earlier bytes left out]\n{text}" if left_out else text
