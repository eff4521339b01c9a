"""Retention of raw outputs: only nodes that an ensemble may blend keep theirs."""

from collections.abc import Sequence

from agent.core.contract import MODEL_FOLDER, OUTPUT_FILES
from agent.core.trees import remove_tree
from agent.core.untrusted_files import is_plain_file
from agent.engine.trials.checkout import Checkout

ALWAYS_KEPT = 8  # nodes that keep their raw outputs at any size
MOST_BYTES = 500_000_000  # of the raw outputs of a run beyond those


class OutputRetention:
    """Knows which workspaces of a run hold raw outputs; on large data they take hundreds of MB each."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        found = {file.parts[-3] for file in checkout.nodes_root.glob(f"[0-9]*/{OUTPUT_FILES[0]}")}
        # A killed repeat leaves a folder such as `003-repeat1`, which is not a node's.
        self._nodes = {int(name) for name in found if name.isdecimal()}
        self._sizes: dict[int, int] = {}  # bytes of raw outputs by node

    def add(self, node: int) -> None:
        """Remember that an execution of the node may have written outputs."""
        self._nodes.add(node)
        self._sizes.pop(node, None)

    def keep_only(self, nodes: Sequence[int]) -> None:
        """Remove the raw outputs of all other nodes, and those that would exceed the disk's share.

        Args:
            nodes: nodes in the order of their worth; the first eight keep their outputs at any size.
        """
        kept, total = set[int](), 0
        for place, node in enumerate(nodes):
            total += self._size(node)
            if place < ALWAYS_KEPT or total <= MOST_BYTES:
                kept.add(node)
        for node in self._nodes - kept:
            for name in (*OUTPUT_FILES, MODEL_FOLDER):
                remove_tree(self._checkout.workspace(node) / name, ignore_errors=True)
        self._nodes &= kept

    def _size(self, node: int) -> int:
        """Return the bytes of a node's raw outputs; 0 if it has none."""
        if node not in self._nodes:
            return 0
        if node not in self._sizes:
            workspace = self._checkout.workspace(node)
            files = [workspace / name for name in OUTPUT_FILES if is_plain_file(workspace, name)]
            models = (file for file in (workspace / MODEL_FOLDER).rglob("*") if not file.is_symlink())
            self._sizes[node] = sum(file.lstat().st_size for file in (*files, *models))
        return self._sizes[node]
