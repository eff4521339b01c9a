"""The harness's side of a fork server (`inside/forkserver.py`): starts it, hands it tasks, sees it die."""

import contextlib
import socket
import subprocess
import tempfile
import threading
from collections.abc import Sequence

from agent.errors import InfrastructureError, SetupError
from agent.execution.bubblewrap import SCRATCH, View, sandboxed
from agent.execution.environment import interpreter_environment
from agent.execution.inside.task import MESSAGE_BYTES, decode_event
from agent.execution.isolation import INSIDE, Isolation, inside_command
from agent.held import TEMPORARY, temporary_folder

_IMPORTS_WITHIN_S = 300.0
_ENDS_WITHIN_S = 5.0
DEATH_SHOWS_WITHIN_S = 1.0
"""How long after its sockets closed a dead process may still seem alive."""


class ServerGoneError(Exception):
    """The fork server died; another one may do."""


class ForkServer:
    """One server process. Constructing it returns at once; it imports in the background."""

    def __init__(self, isolation: Isolation, view: View, preload: Sequence[str], threads: int) -> None:
        self._control, their_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_IMPORTS_WITHIN_S)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the server
        self._held = contextlib.ExitStack()
        # Some libraries write when they are imported.
        self._scratch = self._held.enter_context(temporary_folder(TEMPORARY))
        self._lock = threading.Lock()
        self._ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._failure = ""
        self._started = threading.Event()
        self._ended = threading.Event()
        namespaces, bwrap = isolation.supervisors_namespaces(warm=True), isolation.bwrap
        command = [*inside_command("forkserver"), str(their_control.fileno()), namespaces, *preload]
        if bwrap is not None:
            inner = View([INSIDE, *view.readable], view.writable, self._scratch.resolve())
            command = sandboxed(bwrap, inner, command, INSIDE.parent)
        environment = interpreter_environment(threads, SCRATCH if bwrap else self._scratch)
        keeper = threading.Thread(target=self._keep, args=(command, their_control, environment), daemon=True)
        keeper.start()

    def _keep(self, command: Sequence[str], control: socket.socket, environment: dict[str, str]) -> None:
        """Starts the process and waits for it in one thread, for bubblewrap dies with its parent thread."""
        try:
            with contextlib.closing(control):
                self._process = subprocess.Popen(
                    command,
                    cwd=INSIDE.parent,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=self._output,
                    stderr=self._output,
                    pass_fds=(control.fileno(),),
                    start_new_session=True,
                )
        except OSError as error:
            self._failure = str(error)
        self._started.set()
        if self._process is not None:
            self._process.wait()
        self._ended.set()

    def wait_until_ready(self) -> None:
        """Returns when everything is imported.

        Raises SetupError if a module is missing, InfrastructureError if the process does not start.
        """
        with self._lock:
            if self._ready:
                return
            try:
                message = self._control.recv(MESSAGE_BYTES)
            except TimeoutError as error:
                raise InfrastructureError(
                    f"The libraries took more than {_IMPORTS_WITHIN_S:g} s to import."
                ) from error
            if not message:
                raise InfrastructureError(
                    f"The process that starts candidates did not start: {self._last_words()}"
                )
            event = decode_event(message)
            if event.kind == "broken":
                raise SetupError(f"A library that candidates need cannot be imported: {event.reason}.")
            self._ready = True

    def submit(self, channel: socket.socket, output: int) -> None:
        """Has a supervisor made that holds these ends. Raises ServerGoneError."""
        try:
            with self._lock:
                socket.send_fds(self._control, [b"t"], [channel.fileno(), output])
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ServerGoneError from error

    def is_gone(self, within_s: float = 0.0) -> bool:
        """Whether the process has ended, or does so within a time."""
        return self._ended.wait(within_s)

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # wakes a thread that still waits for the imports
        self._control.close()
        self._started.wait()
        if self._process is not None and not self._ended.wait(_ENDS_WITHIN_S):
            self._process.kill()
            self._ended.wait()
        self._output.close()
        self._held.close()

    def _last_words(self) -> str:
        self._ended.wait(DEATH_SHOWS_WITHIN_S)
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else self._failure or "it said nothing."
