"""The wire format between the harness and the processes inside the sandbox: one JSON message each."""

import json
from dataclasses import dataclass
from typing import Literal

MESSAGE_BYTES = 1 << 17
"""No message is larger; well below the default buffer of a Unix socket."""

Namespaces = Literal["none", "own", "own with network"]
"""What a supervisor makes itself: nothing, user, pid, mount and ipc namespaces, or one of the network too."""


@dataclass(frozen=True)
class Task:
    """One interpreter to run, and how it is confined."""

    script: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    memory_bytes: int | None
    file_bytes: int
    processes: int | None
    """None where the limit would count processes of other users' candidates too."""
    binds: list[tuple[str, str]]
    """Folders (source, target) that are mounted elsewhere in a mount namespace of its own."""
    readable: list[str] | None
    """With `writable`, the paths that Landlock leaves; None: no Landlock."""
    writable: list[str]

    def encode(self) -> bytes:
        return json.dumps(vars(self)).encode()


def decode_task(message: bytes) -> Task:
    """The task of an encoded message."""
    return Task(**json.loads(message))


@dataclass(frozen=True)
class Event:
    """What a supervisor or a fork server tells the harness."""

    kind: Literal["ready", "started", "exited", "killed", "broken"]
    returncode: int | None = None
    reason: str = ""

    def encode(self) -> bytes:
        return json.dumps(vars(self)).encode()


def decode_event(message: bytes) -> Event:
    """The event of an encoded message."""
    return Event(**json.loads(message))
