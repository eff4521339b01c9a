"""What a page says about the machine and the versions."""

import os
import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "autogluon.tabular",
    "optuna",
    "lightgbm",
    "catboost",
    "xgboost-cpu",
    "xgboost",
    "scikit-learn",
    "torch",
)
ROOT = Path(__file__).parents[2]


def machine_text() -> str:
    """Return processor, cores, memory and Python in one line."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    processor = names[0] if names else platform.machine()
    return f"{processor}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}"


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    found = []
    for name in _PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


def peer_versions() -> Mapping[str, str]:
    """Return the versions of the peers' packages."""
    return dict(_installed())


@cache
def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def mars_versions() -> Mapping[str, str]:
    """Return the commit of this checkout, which is the MARS that is measured."""
    return {"commit": _commit()}
