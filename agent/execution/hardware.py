"""What the machine offers to candidates."""

import os
from pathlib import Path
from typing import Literal

Device = Literal["cpu", "cuda"]


def cpu_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device() -> Device:
    """`cuda` when an NVIDIA device is there; asked without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    present = any(Path("/dev").glob("nvidia[0-9]*"))
    return "cuda" if present and visible not in ("", "-1") else "cpu"
