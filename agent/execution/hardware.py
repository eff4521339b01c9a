"""What the machine offers to candidates."""

import os
from pathlib import Path
from typing import Literal

Device = Literal["cpu", "cuda"]


def cpu_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Physical memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def hub_cache() -> Path:
    """Where the hub's clients keep downloaded weights."""
    hub_home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(hub_home) / "hub")


def device() -> Device:
    """`cuda` when an NVIDIA device is there; asked without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    present = any(Path("/dev").glob("nvidia[0-9]*"))
    return "cuda" if present and visible not in ("", "-1") else "cpu"
