"""Raw outputs of candidates for the labelled rows, read with bounds: a candidate wrote the files."""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from agent.competition.metrics import Floats
from agent.core.contract import OUTPUT_FILES
from agent.core.untrusted_files import read_inside

MOST_BYTES = 100_000_000  # of a file, and of its arrays

Workspace = Callable[[int], Path]
"""Returns the workspace of a node."""


def read_validation_outputs(workspace: Path, ids: Sequence[str]) -> Floats | None:
    """Return the raw outputs (N, K) for the rows `ids`; None if the file lacks rows or is not as agreed."""
    try:
        content = read_inside(workspace, OUTPUT_FILES[0], MOST_BYTES)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            known, outputs = arrays["ids"].tolist(), arrays["outputs"]
        row_of_id = {str(row_id): row for row, row_id in enumerate(known)}
        rows = [row_of_id[row_id] for row_id in ids]
        found: Floats = outputs[rows].astype(np.float64).reshape(len(rows), -1)
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    return found if found.size and np.isfinite(found).all() else None
