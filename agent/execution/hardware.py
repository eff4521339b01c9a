"""Hardware that the machine offers to candidates."""

import os
from pathlib import Path
from typing import Literal

Device = Literal["cpu", "cuda"]


def cpu_count() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the physical memory of the machine, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def hub_cache() -> Path:
    """Return the folder in which Hugging Face Hub clients keep downloaded weights."""
    hub_home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(hub_home) / "hub")


def device() -> Device:
    """Return `cuda` if an NVIDIA device is visible, else `cpu`, without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    present = any(Path("/dev").glob("nvidia[0-9]*"))
    return "cuda" if present and visible not in ("", "-1") else "cpu"
