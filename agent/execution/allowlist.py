"""Which paths of the host a candidate may read: the system's programs, the interpreter, nothing else."""

import functools
import sys
from collections.abc import Iterable
from pathlib import Path

SYSTEM = tuple(Path(name) for name in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"))

CONFIGURATION = tuple(
    Path("/etc") / name
    for name in (
        *("alternatives", "fonts", "group", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
        *("localtime", "nsswitch.conf", "passwd"),
    )
)

# The processor's layout, from which libraries choose kernels and numbers of threads.
PROCESSOR = (Path("/sys/devices/system/cpu"), Path("/sys/devices/system/node"))


def accelerators() -> list[Path]:
    """Device files of GPUs, and what their drivers read; empty on a machine without."""
    devices = [*Path("/dev").glob("nvidia*"), *(Path("/dev") / name for name in ("kfd", "dri"))]
    present = [device for device in devices if device.exists()]
    return [*present, Path("/sys")] if present else []


@functools.cache
def interpreter() -> tuple[Path, ...]:
    """The folders of this interpreter and its virtual environment, as named and as resolved."""
    named = [Path(prefix) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)]
    folders = dict.fromkeys([*named, *(prefix.resolve() for prefix in named)])
    return tuple(folder for folder in folders if not is_below(folder, SYSTEM))


def is_below(path: Path, folders: Iterable[Path]) -> bool:
    """Whether the path is one of the folders or inside one."""
    return any(path.is_relative_to(folder) for folder in folders)
