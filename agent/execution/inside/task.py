"""Wire format between the harness and the processes inside the sandbox: JSON messages."""

import json
from dataclasses import dataclass
from typing import Literal, get_args

SEPARATOR = "--"  # between the modules that a fork server imports at once and later
MESSAGE_BYTES = 1 << 17
"""Size limit of a message in bytes, well below the default buffer of a Unix socket."""

Namespaces = Literal["none", "own", "own with network"]
"""Namespaces that a supervisor creates: none; user, pid, mount and ipc; or these and network."""


@dataclass(frozen=True)
class Task:
    """One interpreter to run, with its confinement."""

    script: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    memory_bytes: int | None
    file_bytes: int
    processes: int | None
    """None if the limit would also count processes outside this candidate."""
    binds: list[tuple[str, str]]
    """Folders (source, target) to bind-mount in the candidate's own mount namespace."""
    readable: list[str] | None
    """Paths that Landlock allows to read, besides `writable`; None: no Landlock."""
    writable: list[str]

    def encode(self) -> bytes:
        return json.dumps(vars(self)).encode()


def decode_task(message: bytes) -> Task:
    """Decode a task message."""
    return Task(**json.loads(message))


_EventKind = Literal["ready", "started", "exited", "killed", "broken"]


@dataclass(frozen=True)
class Event:
    """Message of a supervisor or a fork server to the harness."""

    kind: _EventKind
    returncode: int | None = None
    reason: str = ""

    def encode(self) -> bytes:
        return json.dumps(vars(self)).encode()


def decode_event(message: bytes) -> Event | None:
    """Decode an event message; None if it is malformed, as no supervisor writes it."""
    try:
        event = Event(**json.loads(message))
    except (ValueError, TypeError, RecursionError):
        return None
    is_code = event.returncode is None or type(event.returncode) is int
    return event if event.kind in get_args(_EventKind) and is_code and isinstance(event.reason, str) else None
