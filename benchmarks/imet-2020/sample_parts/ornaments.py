"""Border ornaments: cells that repeat along the edge of an object.

A cell is a list of polygons in (along, inward) coordinates, both from 0 to 1.
"""

import numpy as np

from sample_parts.geometry import Points, arc, disc, polygon, ribbon

ORNAMENTS: dict[str, tuple[Points, ...]] = {
    "stripes": (polygon((0, 1), (0.45, 0), (0.85, 0), (0.4, 1)),),
    "beads": (disc(0.5, 0.5, 0.36),),
    "dentils": (polygon((0.05, 0), (0.6, 0), (0.6, 0.75), (0.05, 0.75)),),
    "waves": (np.concatenate([arc(0.5, 0.95, 0.5, 0.9, 180, 360), arc(0.68, 0.95, 0.27, 0.5, 360, 180)]),),
    "key": (
        ribbon(
            0.16, (0, 0.92), (0.12, 0.92), (0.12, 0.1), (0.85, 0.1), (0.85, 0.65), (0.45, 0.65), (0.45, 0.4)
        ),
    ),
    "lozenges": (polygon((0, 0.5), (0.5, 0), (1, 0.5), (0.5, 1)),),
    "scales": (arc(0.5, 0.05, 0.46, 0.85, 0, 180),),
    "petals": (disc(0.3, 0.5, 0.42, 0.16, 50), disc(0.7, 0.5, 0.42, 0.16, -50)),
    "steps": (
        polygon((0, 1), (0, 0.66), (0.25, 0.66), (0.25, 0.33), (0.5, 0.33), (0.5, 0), (0.75, 0), (0.75, 1)),
    ),
    "crosslets": (
        polygon((0.38, 0.05), (0.62, 0.05), (0.62, 0.95), (0.38, 0.95)),
        polygon((0.05, 0.38), (0.95, 0.38), (0.95, 0.62), (0.05, 0.62)),
    ),
}


def along_edge(ornament: str, outline: Points, inset: float, band: float) -> list[np.ndarray]:
    """Return an ornament along a closed outline: polygons (cells, N, 2) in pixels per shape of a cell.

    Args:
        ornament: Name in `ORNAMENTS`.
        outline: Outline (N, 2) in pixels, clockwise; cells reach inwards from it.
        inset: Distance of the cells from the outline in pixels.
        band: Height of a cell in pixels. The width is about equal, adapted to close the ring.
    """
    sides = np.roll(outline, -1, axis=0) - outline
    lengths = np.linalg.norm(sides, axis=1)
    along = sides / lengths[:, None]
    inward = along[:, ::-1] * (-1, 1)
    ends = np.cumsum(lengths)
    cells = max(4, round(ends[-1] / band))
    width = ends[-1] / cells
    at = np.arange(cells) * width
    side = np.minimum(np.searchsorted(ends, at, side="right"), len(sides) - 1)
    walked = at - ends[side] + lengths[side]
    origin = outline[side] + along[side] * walked[:, None] + inward[side] * inset
    basis = np.stack([along[side] * width, inward[side] * band], axis=1)  # (cells, 2, 2)
    return [shape @ basis + origin[:, None] for shape in ORNAMENTS[ornament]]
