"""Follows one candidate from start to end: copies its output, holds its time limit, asks the watch."""

import os
import selectors
import socket
import time
from dataclasses import dataclass
from typing import Literal

from agent.execution.base import Watch
from agent.execution.boundedlog import BoundedLog
from agent.execution.inside.task import MESSAGE_BYTES, Event, decode_event

_POLL_S = 0.2
_CHUNK = 1 << 16
_KILL_WITHIN_S = 5.0
_DRAIN_WITHIN_S = 1.0


@dataclass(frozen=True)
class Ending:
    """How a followed candidate ended: by itself, killed for a reason, or with its supervisor gone."""

    kind: Literal["exited", "timeout", "stopped", "broken", "never started", "lost"]
    seconds: float
    returncode: int | None = None
    reason: str = ""


class Follower:
    """Owns the harness's ends of a candidate's two connections.

    `channel` leads to its supervisor (see `inside/supervisor.py`), `output` is the pipe with its output.
    """

    def __init__(self, channel: socket.socket, output: int, log: BoundedLog) -> None:
        self._channel = channel
        self._output = output
        self._log = log
        self._started = False
        self._event: Event | None = None
        self._gone = False
        os.set_blocking(output, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ, self._hear)
        self._selector.register(output, selectors.EVENT_READ, self._copy)

    def follow(self, time_s: float, watch: Watch | None) -> Ending:
        """Returns when no process of the candidate is left; on an exception it is killed first."""
        start = time.monotonic()
        try:
            stopped = self._until_end(start, time_s, watch)
        except BaseException:
            self._kill()
            raise
        seconds = time.monotonic() - start
        if stopped is not None:
            self._kill()
        self._drain()
        if stopped is not None:
            return stopped
        return self._ending(seconds)

    def _until_end(self, start: float, time_s: float, watch: Watch | None) -> Ending | None:
        next_watch = start
        while self._event is None and not self._gone:
            now = time.monotonic()
            if now - start >= time_s:
                return Ending("timeout", now - start)
            if watch is not None and now >= next_watch:
                next_watch = now + _POLL_S
                sentence = watch(now - start)
                if sentence is not None:
                    return Ending("stopped", now - start, reason=sentence)
            self._serve(min(_POLL_S, max(0.0, start + time_s - now)))
        return None

    def _ending(self, seconds: float) -> Ending:
        if self._event is None:
            return Ending("lost" if self._started else "never started", seconds)
        if self._event.kind == "broken":
            return Ending("broken", seconds, reason=self._event.reason)
        return Ending("exited", seconds, self._event.returncode)

    def _serve(self, timeout: float) -> bool:
        """Handles what has arrived; whether there was anything."""
        ready = self._selector.select(timeout) if self._selector.get_map() else []
        for key, _ in ready:
            key.data()
        return bool(ready)

    def _hear(self) -> None:
        try:
            message = self._channel.recv(MESSAGE_BYTES)
        except ConnectionResetError:
            message = b""
        if not message:
            self._gone = True
            self._selector.unregister(self._channel)
            return
        event = decode_event(message)
        if event.kind == "started":
            self._started = True
        elif self._event is None:
            self._event = event

    def _copy(self) -> None:
        try:
            data = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return
        if data:
            self._log.write(data)
        else:
            self._selector.unregister(self._output)

    def _kill(self) -> None:
        """Asks the supervisor to kill the tree and waits until it has, still emptying the pipe."""
        try:
            self._channel.send(b"k")
        except (BrokenPipeError, ConnectionResetError):
            self._gone = True
        deadline = time.monotonic() + _KILL_WITHIN_S
        while self._event is None and not self._gone and time.monotonic() < deadline:
            self._serve(_POLL_S)

    def _drain(self) -> None:
        """Copies what is still in the pipe; the time is bounded in case that somebody still writes."""
        deadline = time.monotonic() + _DRAIN_WITHIN_S
        while time.monotonic() < deadline and self._serve(timeout=0):
            continue

    def close(self) -> None:
        """Closes both connections; a supervisor that still lives kills its candidate then."""
        self._selector.close()
        self._channel.close()
        os.close(self._output)
