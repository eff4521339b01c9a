"""Restrict a process and its descendants to given folders (Landlock, Linux 5.13 or later)."""

import ctypes
import os
import stat
from collections.abc import Iterable

from .linux import check_result, libc

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
    """Return the kernel's Landlock version; 0 if the kernel has no Landlock."""
    size, flags = ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_QUERY)
    version: int = libc.syscall(_CREATE_RULESET, None, size, flags)
    return max(0, version)


def _all_rights(version: int) -> int:
    rights = (1 << 13) - 1  # all rights of version 1
    if version >= 2:
        rights |= _REFER
    if version >= 3:
        rights |= _TRUNCATE
    return rights


def restrict(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Restrict reads of this process to `readable` and `writable`, and writes to `writable`.

    Paths that do not exist are skipped. The process must have set `no_new_privs`.

    Raises:
        OSError: The kernel does not support Landlock.
    """
    rights = _all_rights(abi())
    handled = ctypes.c_uint64(rights)
    size = ctypes.c_size_t(ctypes.sizeof(handled))
    created = libc.syscall(_CREATE_RULESET, ctypes.byref(handled), size, 0)
    ruleset = check_result(created, "landlock_create_ruleset")
    try:
        for path in readable:
            _allow(ruleset, path, _READ)
        for path in writable:
            _allow(ruleset, path, rights)
        check_result(libc.syscall(_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # the path does not exist, or file permissions already forbid access
    try:
        allowed = rights if stat.S_ISDIR(os.fstat(descriptor).st_mode) else rights & _FILE_RIGHTS
        rule = _PathBeneath(allowed, descriptor)
        result = libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
        check_result(result, f"landlock_add_rule {path}")
    finally:
        os.close(descriptor)
