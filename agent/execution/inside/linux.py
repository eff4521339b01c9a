"""System calls missing from the standard library, with numbers and flags from the Linux headers."""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

from .kernel_settings import KERNEL_SETTINGS

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

_CLONE_NEWNS = 0x00020000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 32, 4096, 16384, 1 << 18

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1

_CAPABILITY_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


def check_result(result: int, call: str) -> int:
    """Return the result of a system call; raise OSError if the result is -1."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent dies."""
    check_result(libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(CHILD_SUBREAPER)")


def die_with_parent(signal_number: int) -> None:
    """Make the kernel send this process the signal when its parent dies."""
    check_result(libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl(PDEATHSIG)")


def forbid_new_privileges() -> None:
    """Set `no_new_privs`: this process and its descendants cannot gain privileges by set-user-id programs."""
    check_result(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(NO_NEW_PRIVS)")


def set_traceable(traceable: bool) -> None:
    """Allow or forbid other processes of this user to trace this process and to read its memory."""
    check_result(libc.prctl(_PR_SET_DUMPABLE, int(traceable), 0, 0, 0), "prctl(DUMPABLE)")


def unshare(network: bool) -> None:
    """Create user, mount, ipc and (for children) pid namespaces, keeping the user id.

    The process must have a single thread.

    Args:
        network: Create a network namespace too.
    """
    user, group = os.getuid(), os.getgid()
    flags = _CLONE_NEWUSER | _CLONE_NEWPID | _CLONE_NEWNS | _CLONE_NEWIPC
    check_result(libc.unshare(flags | (_CLONE_NEWNET if network else 0)), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    if network:
        _start_loopback()


def _start_loopback() -> None:
    """Let processes of this network namespace reach each other, as those of a candidate on several GPUs.

    The device leads nowhere else. Without it, only such candidates fail.
    """
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    check_result(libc.mount(*encoded, ctypes.c_ulong(flags), None), f"mount {target}")


def mount_private() -> None:
    """Mount private shared memory and a private /proc in a new mount namespace.

    The outer /proc stays if the kernel refuses a new one, as inside a sandbox created by root.
    """
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", "/dev/shm", "tmpfs", _MS_NOSUID | _MS_NODEV)
    try:
        _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    except PermissionError:
        return
    for path in KERNEL_SETTINGS:
        _make_read_only(path)


def _make_read_only(path: str) -> None:
    try:
        _mount(path, path, None, _MS_BIND)
    except FileNotFoundError:
        return
    flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _mount(None, path, None, _MS_REMOUNT | _MS_BIND | flags)


def bind_mount(folders: list[tuple[str, str]]) -> None:
    """Bind-mount each source folder at its target; `folders` holds (source, target) pairs."""
    for source, target in folders:
        _mount(source, target, None, _MS_BIND)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def drop_capabilities() -> None:
    """Drop the capabilities that a new user namespace granted. Root keeps the rights of a file owner."""
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    none_set = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: two words each
    check_result(libc.capset(ctypes.byref(header), ctypes.byref(none_set)), "capset")
