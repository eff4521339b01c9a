"""The thread of one tracker: foreign code that blocks must not block the run."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


class TrackerBlockedError(Exception):
    """A call of the tracker has not returned in time."""


@dataclass
class _Call:
    work: Callable[[], None]
    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


class TrackerThread:
    """Calls a tracker in a thread of its own, one call after the other, and waits a bounded time.

    All calls happen in the same thread, as connections of databases need it. After a call that blocks, no
    further call is made; the thread ends with the process.
    """

    def __init__(self, name: str, wait_s: float) -> None:
        self._wait_s = wait_s
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=f"tracker {name}", daemon=True)
        self._thread.start()
        self.is_blocked = False

    def call(self, work: Callable[[], None]) -> None:
        """Do the work in the thread, and return once it is done.

        Raises:
            TrackerBlockedError: the work takes too long; it and all later work is given up.
            Exception: what the work raises; SystemExit too.
        """
        call = _Call(work)
        self._calls.put(call)
        if not call.done.wait(self._wait_s):
            self.is_blocked = True
            raise TrackerBlockedError(f"it has not answered for {self._wait_s:g} s")
        if call.error is not None:
            raise call.error

    def end(self) -> None:
        """Let the thread end after the present call."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call.work()
            except BaseException as error:
                call.error = error
            call.done.set()
