"""Geometry of the pictures: scales, ticks and the layout of the search tree."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.record.state import Node, RunState

# From this many values on, outliers are drawn at the edge and do not set the scale.
_ENOUGH_FOR_QUANTILES = 8

PILL_WIDTH, PILL_HEIGHT = 118, 26
_COLUMN, _ROW, _MARGIN = 154, 34, 14


@dataclass(frozen=True)
class Scale:
    """Linear map from values lo..hi to positions start..end; values outside are clipped to the edge."""

    lo: float
    hi: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.lo) / (self.hi - self.lo)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)

    def contains(self, value: float) -> bool:
        return self.lo <= value <= self.hi

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values inside the scale; the step is 1, 2 or 5 times a power of ten."""
        raw = (self.hi - self.lo) / about
        magnitude = 10.0 ** math.floor(math.log10(raw))
        step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= raw)
        first = math.ceil(self.lo / step - 1e-9)
        last = math.floor(self.hi / step + 1e-9)
        return [round(index * step, 12) for index in range(first, last + 1)]


def robust_range(values: Iterable[float], pad: float = 0.06) -> tuple[float, float]:
    """Return a range (lo, hi), lo < hi, that shows the bulk of the values."""
    finite = np.array([value for value in values if math.isfinite(value)])
    if finite.size == 0:
        return 0.0, 1.0
    lo, hi = float(finite.min()), float(finite.max())
    if finite.size >= _ENOUGH_FOR_QUANTILES:
        low, high = (float(q) for q in np.quantile(finite, (0.1, 0.9)))
        lo, hi = max(lo, low - 1.5 * (high - low)), min(hi, high + 1.5 * (high - low))
    span = (hi - lo) or max(abs(hi), 1e-6) * 0.1
    return lo - pad * span, hi + pad * span


@dataclass(frozen=True)
class NodePosition:
    """Position of a node's pill: `x` is its left edge, `y` its middle."""

    node: Node
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    path: str  # SVG path data
    secondary: bool  # from a parent other than the first, in an ensemble


@dataclass(frozen=True)
class TreeLayout:
    width: float
    height: float
    nodes: tuple[NodePosition, ...]
    edges: tuple[Edge, ...]


def lay_out_tree(state: RunState) -> TreeLayout:
    """Lay out the tree: children right of all their parents, leaves one row apart, parents centred."""
    depth: dict[int, int] = {}
    row: dict[int, float] = {}
    order = _preorder(state)
    for node in state.nodes.values():  # ordered by id, so parents come first
        depth[node.id] = max((depth[parent] + 1 for parent in node.parents), default=0)
    next_row = 0
    for node in order:
        if not node.children:
            row[node.id] = next_row
            next_row += 1
    for node in reversed(order):
        if node.children:
            row[node.id] = (row[node.children[0]] + row[node.children[-1]]) / 2
    placed = {
        node.id: NodePosition(
            node, _MARGIN + depth[node.id] * _COLUMN, _MARGIN + PILL_HEIGHT / 2 + row[node.id] * _ROW
        )
        for node in order
    }
    deepest = max(depth.values(), default=0)
    return TreeLayout(
        width=2 * _MARGIN + deepest * _COLUMN + PILL_WIDTH,
        height=2 * _MARGIN + PILL_HEIGHT + max(next_row - 1, 0) * _ROW,
        nodes=tuple(placed[node_id] for node_id in sorted(placed)),
        edges=tuple(_edges(placed)),
    )


def _preorder(state: RunState) -> Sequence[Node]:
    """Return the nodes depth first. A stack replaces recursion because chains can be long."""
    stack, order = list(reversed(state.roots)), []
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(state.nodes[child] for child in reversed(node.children))
    return order


def _edges(placed: dict[int, NodePosition]) -> Iterable[Edge]:
    for child in placed.values():
        for rank, parent_id in enumerate(child.node.parents):
            parent = placed[parent_id]
            x, bend = parent.x + PILL_WIDTH, (_COLUMN - PILL_WIDTH) / 2
            path = (
                f"M{x:g} {parent.y:g}"
                f"C{x + bend:g} {parent.y:g} {child.x - bend:g} {child.y:g} {child.x:g} {child.y:g}"
            )
            yield Edge(path, secondary=rank > 0)
