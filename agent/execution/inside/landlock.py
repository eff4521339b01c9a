"""Restricts a process and its descendants to some folders (Landlock, Linux 5.13 or later)."""

import ctypes
import os
import stat
from collections.abc import Iterable

from .linux import checked, libc

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_QUERY = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi() -> int:
    """The kernel's Landlock version; 0 where there is none."""
    size, flags = ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_QUERY)
    version: int = libc.syscall(_CREATE_RULESET, None, size, flags)
    return max(0, version)


def _all_rights(version: int) -> int:
    rights = (1 << 13) - 1  # everything of version 1
    if version >= 2:
        rights |= _REFER
    if version >= 3:
        rights |= _TRUNCATE
    return rights


def restrict(readable: Iterable[str], writable: Iterable[str]) -> None:
    """From now on this process reads only below `readable` and `writable` and writes only below `writable`.

    Paths that do not exist are left out. Needs `no_new_privs`. Raises OSError where Landlock is unsupported.
    """
    rights = _all_rights(abi())
    handled = ctypes.c_uint64(rights)
    size = ctypes.c_size_t(ctypes.sizeof(handled))
    created = libc.syscall(_CREATE_RULESET, ctypes.byref(handled), size, 0)
    ruleset = checked(created, "landlock_create_ruleset")
    try:
        for path in readable:
            _allow(ruleset, path, _READ)
        for path in writable:
            _allow(ruleset, path, rights)
        checked(libc.syscall(_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # nothing is there, or nothing that could be reached anyway
    try:
        allowed = rights if stat.S_ISDIR(os.fstat(descriptor).st_mode) else rights & _FILE_RIGHTS
        rule = _PathBeneath(allowed, descriptor)
        result = libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
        checked(result, f"landlock_add_rule {path}")
    finally:
        os.close(descriptor)
