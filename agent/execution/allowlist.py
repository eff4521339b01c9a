"""Host paths that a candidate may read: system programs, the interpreter and device files."""

import functools
import sys
from collections.abc import Iterable
from pathlib import Path

SYSTEM_PATHS = tuple(Path(name) for name in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"))

CONFIG_PATHS = tuple(
    Path("/etc") / name
    for name in (
        *("alternatives", "fonts", "group", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
        *("localtime", "nsswitch.conf", "passwd"),
    )
)

# Libraries read the CPU layout to choose kernels and thread counts.
CPU_TOPOLOGY_PATHS = (Path("/sys/devices/system/cpu"), Path("/sys/devices/system/node"))


def accelerator_paths() -> list[Path]:
    """Return the GPU device files and the folders that their drivers read; empty without a GPU."""
    devices = [*Path("/dev").glob("nvidia*"), *(Path("/dev") / name for name in ("kfd", "dri"))]
    present = [device for device in devices if device.exists()]
    return [*present, Path("/sys")] if present else []


@functools.cache
def interpreter_paths() -> tuple[Path, ...]:
    """Return the folders of this interpreter and its virtual environment, both as named and resolved."""
    named = [Path(prefix) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)]
    folders = dict.fromkeys([*named, *(prefix.resolve() for prefix in named)])
    return tuple(folder for folder in folders if not is_below(folder, SYSTEM_PATHS))


def is_below(path: Path, folders: Iterable[Path]) -> bool:
    """Return whether the path is one of the folders or lies inside one."""
    return any(path.is_relative_to(folder) for folder in folders)
