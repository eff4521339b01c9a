"""Where things stand in a picture: scales, ticks and the layout of a tree."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.record.state import Node, RunState

# From this many values on, what lies far outside the bulk is drawn at the edge instead of setting the scale.
_ENOUGH_FOR_QUANTILES = 8

PILL_WIDTH, PILL_HEIGHT = 118, 26
_COLUMN, _ROW, _MARGIN = 154, 34, 14


@dataclass(frozen=True)
class Scale:
    """Maps values of lo..hi linearly to positions of start..end; what lies outside is put at the edge."""

    lo: float
    hi: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.lo) / (self.hi - self.lo)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)

    def holds(self, value: float) -> bool:
        return self.lo <= value <= self.hi

    def ticks(self, about: int = 5) -> list[float]:
        """Round values inside the scale, 1, 2 or 5 times a power of ten apart."""
        raw = (self.hi - self.lo) / about
        magnitude = 10.0 ** math.floor(math.log10(raw))
        step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= raw)
        first = math.ceil(self.lo / step - 1e-9)
        last = math.floor(self.hi / step + 1e-9)
        return [round(index * step, 12) for index in range(first, last + 1)]


def robust_range(values: Iterable[float], pad: float = 0.06) -> tuple[float, float]:
    """A range that shows the bulk of the values: (lo, hi), never empty."""
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
class Placed:
    """A node's pill, by its left edge and its middle."""

    node: Node
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    path: str  # SVG path data
    secondary: bool  # from a further parent of an ensemble


@dataclass(frozen=True)
class TreeLayout:
    width: float
    height: float
    nodes: tuple[Placed, ...]
    edges: tuple[Edge, ...]


def lay_out_tree(state: RunState) -> TreeLayout:
    """Children stand to the right of all parents; leaves one row apart, a parent amid its children."""
    depth: dict[int, int] = {}
    row: dict[int, float] = {}
    order = _preorder(state)
    for node in state.nodes.values():  # by id, so that parents come first; an ensemble has several
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
        node.id: Placed(
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
    """A stack instead of recursion: chains of improvements can be long."""
    stack, order = list(reversed(state.roots)), []
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(state.nodes[child] for child in reversed(node.children))
    return order


def _edges(placed: dict[int, Placed]) -> Iterable[Edge]:
    for child in placed.values():
        for rank, parent_id in enumerate(child.node.parents):
            parent = placed[parent_id]
            x, bend = parent.x + PILL_WIDTH, (_COLUMN - PILL_WIDTH) / 2
            path = (
                f"M{x:g} {parent.y:g}"
                f"C{x + bend:g} {parent.y:g} {child.x - bend:g} {child.y:g} {child.x:g} {child.y:g}"
            )
            yield Edge(path, secondary=rank > 0)
