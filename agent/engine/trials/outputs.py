"""Retention of raw outputs: only nodes that an ensemble may blend keep theirs."""

from collections.abc import Collection

from agent.core.contract import OUTPUT_FILES
from agent.core.trees import remove_tree
from agent.engine.trials.checkout import Checkout


class OutputRetention:
    """Knows which workspaces of a run hold raw outputs; on large data they take hundreds of MB each."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        found = {file.parts[-3] for file in checkout.nodes_root.glob(f"[0-9]*/{OUTPUT_FILES[0]}")}
        # A killed repeat leaves a folder such as `003-repeat1`, which is not a node's.
        self._nodes = {int(name) for name in found if name.isdecimal()}

    def add(self, node: int) -> None:
        """Remember that an execution of the node may have written outputs."""
        self._nodes.add(node)

    def keep_only(self, nodes: Collection[int]) -> None:
        """Remove the raw outputs of all other nodes."""
        for node in self._nodes - set(nodes):
            for name in OUTPUT_FILES:
                remove_tree(self._checkout.workspace(node) / name, ignore_errors=True)
        self._nodes &= set(nodes)
