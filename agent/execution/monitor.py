"""Monitor one candidate from start to termination: copy output, enforce the time limit, call the watch."""

import os
import selectors
import socket
import time
from dataclasses import dataclass
from typing import Literal

from agent.execution.base import StopCheck, StopReason
from agent.execution.bounded_log import BoundedLog
from agent.execution.inside.task import MESSAGE_BYTES, Event, decode_event

_POLL_S = 0.2
_CHUNK = 1 << 16
_KILL_TIMEOUT_S = 5.0
_DRAIN_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Termination:
    """How a candidate terminated: by itself, killed for a reason, or together with its supervisor."""

    kind: Literal["exited", "timeout", "stopped", "broken", "never started", "lost"]
    seconds: float
    returncode: int | None = None
    reason: str = ""
    stop: StopReason | None = None


class CandidateMonitor:
    """Owns the harness's ends of a candidate's two connections.

    Args:
        channel: Socket to the candidate's supervisor (see `inside/supervisor.py`).
        output: File descriptor of the pipe with the candidate's output.
        log: Receives the output.
    """

    def __init__(self, channel: socket.socket, output: int, log: BoundedLog) -> None:
        self._channel = channel
        self._output = output
        self._log = log
        self._started = False
        self._event: Event | None = None
        self._supervisor_gone = False
        os.set_blocking(output, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ, self._receive_event)
        self._selector.register(output, selectors.EVENT_READ, self._copy_output)

    def wait(self, time_s: float, stop_check: StopCheck | None) -> Termination:
        """Wait until no process of the candidate is left. An exception kills the candidate first."""
        start = time.monotonic()
        try:
            stopped = self._poll_until_end(start, time_s, stop_check)
        except BaseException:
            self._kill()
            raise
        seconds = time.monotonic() - start
        if stopped is not None:
            self._kill()
        self._drain()
        if stopped is not None:
            return stopped
        return self._termination(seconds)

    def _poll_until_end(
        self, start: float, time_s: float, stop_check: StopCheck | None
    ) -> Termination | None:
        next_check = start
        while self._event is None and not self._supervisor_gone:
            now = time.monotonic()
            if now - start >= time_s:
                return Termination("timeout", now - start)
            if stop_check is not None and now >= next_check:
                next_check = now + _POLL_S
                stop = stop_check(now - start)
                if stop is not None:
                    return Termination("stopped", now - start, stop=stop)
            self._handle_ready(min(_POLL_S, max(0.0, start + time_s - now)))
        return None

    def _termination(self, seconds: float) -> Termination:
        if self._event is None:
            return Termination("lost" if self._started else "never started", seconds)
        if self._event.kind == "broken":
            return Termination("broken", seconds, reason=self._event.reason)
        return Termination("exited", seconds, self._event.returncode)

    def _handle_ready(self, timeout: float) -> bool:
        """Handle arrived events and output; return whether anything arrived."""
        ready = self._selector.select(timeout) if self._selector.get_map() else []
        for key, _ in ready:
            key.data()
        return bool(ready)

    def _receive_event(self) -> None:
        try:
            message = self._channel.recv(MESSAGE_BYTES)
        except ConnectionResetError:
            message = b""
        event = decode_event(message) if message else None
        if event is None:  # closed, or not written by a supervisor
            self._supervisor_gone = True
            self._selector.unregister(self._channel)
            return
        if event.kind == "started":
            self._started = True
        elif self._event is None:
            self._event = event

    def _copy_output(self) -> None:
        try:
            data = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return
        if data:
            self._log.write(data)
        else:
            self._selector.unregister(self._output)

    def _kill(self) -> None:
        """Ask the supervisor to kill the process tree and wait for the reply, copying output meanwhile."""
        try:
            self._channel.send(b"k")
        except (BrokenPipeError, ConnectionResetError):
            self._supervisor_gone = True
        deadline = time.monotonic() + _KILL_TIMEOUT_S
        while self._event is None and not self._supervisor_gone and time.monotonic() < deadline:
            self._handle_ready(_POLL_S)

    def _drain(self) -> None:
        """Copy the output left in the pipe, for a bounded time: a process may still write."""
        deadline = time.monotonic() + _DRAIN_TIMEOUT_S
        while time.monotonic() < deadline and self._handle_ready(timeout=0):
            continue

    def close(self) -> None:
        """Close both connections; a supervisor that is still alive then kills its candidate."""
        self._selector.close()
        self._channel.close()
        os.close(self._output)
