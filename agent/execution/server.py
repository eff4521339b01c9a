"""Harness side of a fork server (`inside/forkserver.py`): start it, submit tasks, detect its death."""

import contextlib
import socket
import subprocess
import tempfile
import threading
from collections.abc import Sequence

from agent.core.errors import InfrastructureError, SetupError
from agent.core.locks import TEMPORARY_PREFIX, temporary_folder
from agent.execution.bubblewrap import SCRATCH, VisiblePaths, bwrap_command
from agent.execution.environment import interpreter_environment
from agent.execution.inside.task import MESSAGE_BYTES, SEPARATOR, decode_event
from agent.execution.isolation import INSIDE, Isolation, inside_command

_IMPORT_TIMEOUT_S = 300.0
_EXIT_TIMEOUT_S = 5.0
DEATH_DETECTION_S = 1.0
"""Seconds in which a process may still seem alive after its sockets have closed."""


class ServerDiedError(Exception):
    """The fork server died; a new server may succeed."""


class ForkServer:
    """One server process. The constructor returns at once; the server imports in the background."""

    def __init__(
        self,
        isolation: Isolation,
        view: VisiblePaths,
        preload: Sequence[str],
        preload_later: Sequence[str],
        later_after_s: float,
        threads: int,
    ) -> None:
        self._control, child_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_IMPORT_TIMEOUT_S)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the server
        self._resources = contextlib.ExitStack()
        # Some libraries write files at import.
        self._scratch = self._resources.enter_context(temporary_folder(TEMPORARY_PREFIX))
        self._lock = threading.Lock()
        self._ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._failure = ""
        self._started = threading.Event()
        self._exited = threading.Event()
        namespaces, bwrap = isolation.supervisor_namespaces(warm=True), isolation.bwrap
        modules = [f"{later_after_s:g}", *preload, SEPARATOR, *preload_later]
        command = [*inside_command("forkserver"), str(child_control.fileno()), namespaces, *modules]
        if bwrap is not None:
            inner = VisiblePaths([INSIDE, *view.readable], view.writable, self._scratch.resolve())
            command = bwrap_command(bwrap, inner, command, INSIDE.parent)
        environment = interpreter_environment(threads, SCRATCH if bwrap else self._scratch)
        thread = threading.Thread(
            target=self._run_process, args=(command, child_control, environment), daemon=True
        )
        thread.start()

    def _run_process(
        self, command: Sequence[str], control: socket.socket, environment: dict[str, str]
    ) -> None:
        """Start the process and wait for it in one thread, because bubblewrap dies with its parent thread."""
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
        self._exited.set()

    def wait_until_ready(self) -> None:
        """Wait until the server has imported all modules.

        Raises:
            SetupError: A module cannot be imported.
            InfrastructureError: The process does not start, or the imports take too long.
        """
        with self._lock:
            if self._ready:
                return
            try:
                message = self._control.recv(MESSAGE_BYTES)
            except TimeoutError as error:
                raise InfrastructureError(
                    f"The libraries of candidates were not imported within {_IMPORT_TIMEOUT_S:g} s."
                ) from error
            if not message:
                raise InfrastructureError(
                    f"The fork server of the candidates did not start: {self._last_output_line()}"
                )
            event = decode_event(message)
            if event is None:
                raise InfrastructureError("The fork server of the candidates sent a malformed message.")
            if event.kind == "broken":
                raise SetupError(
                    f"A library that candidates need cannot be imported ({event.reason}); install it."
                )
            self._ready = True

    def submit(self, channel: socket.socket, output: int) -> None:
        """Start a supervisor with these ends of its channel and output pipe.

        Raises:
            ServerDiedError: The server no longer accepts tasks.
        """
        try:
            with self._lock:
                socket.send_fds(self._control, [b"t"], [channel.fileno(), output])
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ServerDiedError from error

    def has_exited(self, within_s: float = 0.0) -> bool:
        """Return whether the process has exited, waiting up to `within_s` seconds."""
        return self._exited.wait(within_s)

    def close(self) -> None:
        """End the server process."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for the imports
        self._control.close()
        self._started.wait()
        if self._process is not None and not self._exited.wait(_EXIT_TIMEOUT_S):
            self._process.kill()
            self._exited.wait()
        self._output.close()
        self._resources.close()

    def _last_output_line(self) -> str:
        self._exited.wait(DEATH_DETECTION_S)
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else self._failure or "no output."
