"""Run a competition's own data script, such as a sample generator, in the sandbox."""

from collections.abc import Sequence
from pathlib import Path

from agent.core.errors import InfrastructureError, SetupError
from agent.core.locks import TEMPORARY_PREFIX, temporary_folder
from agent.core.plain_text import plain_text
from agent.execution.bounded_log import BoundedLog
from agent.execution.bubblewrap import SCRATCH, VisiblePaths, unique_paths
from agent.execution.candidate import landlock_readable, writable_devices
from agent.execution.cold import run_cold
from agent.execution.environment import interpreter_environment
from agent.execution.inside.task import Task
from agent.execution.isolation import Isolation, Sandbox, detect_isolation
from agent.execution.monitor import Termination

_LIMIT_S = 3600.0
_FILE_BYTES = 64 * 2**30
_OUTPUT_BYTES = 1_000_000
_LINE = 500  # characters of the last line of output in a message


def run_script(
    script: Path,
    args: Sequence[str],
    readable: Sequence[Path],
    writable: Path,
    sandbox: Sandbox = "auto",
    *,
    time_s: float = _LIMIT_S,
    memory_bytes: int | None = None,
    file_bytes: int = _FILE_BYTES,
) -> None:
    """Run `python script args` in the folder `writable`, without network and without the user's keys.

    Args:
        script: The script; its folder is readable.
        args: Command-line arguments.
        readable: Further folders that the script may read.
        writable: Working folder, the only folder that the script may write; created if absent.
        sandbox: "none" runs the script as a plain process.
        time_s: Wall-clock limit in seconds, for all processes of the script together.
        memory_bytes: Private memory per process; None: no limit.
        file_bytes: Size limit of each written file.

    Raises:
        SetupError: The script is missing, fails (with the last line of its output), or takes too long.
        InfrastructureError: The script could not be started.
    """
    script = script.resolve()
    if not script.is_file():
        raise SetupError(f"{script}: the competition's data script does not exist.")
    writable.mkdir(parents=True, exist_ok=True)
    with temporary_folder(TEMPORARY_PREFIX) as folder:
        log = BoundedLog(folder / "log", _OUTPUT_BYTES)
        try:
            view = VisiblePaths(
                unique_paths([script.parent, *readable]), unique_paths([writable]), _scratch(folder)
            )
            isolation = detect_isolation(sandbox)
            task = _task(script, args, view, isolation, memory_bytes, file_bytes)
            termination = run_cold(task, view, isolation, log, time_s)
        finally:
            log.close()
        _raise_on_failure(termination, script, log.recent(), time_s)


def _scratch(folder: Path) -> Path:
    scratch = (folder / "tmp").resolve()
    scratch.mkdir()
    return scratch


def _task(
    script: Path,
    args: Sequence[str],
    view: VisiblePaths,
    isolation: Isolation,
    memory_bytes: int | None,
    file_bytes: int,
) -> Task:
    mounted = isolation.bwrap is not None
    own_scratch = view.scratch or SCRATCH
    return Task(
        script=str(script),
        arguments=list(args),
        folder=str(view.writable[0]),
        environment=interpreter_environment(1, SCRATCH if mounted else own_scratch),
        memory_bytes=memory_bytes,
        file_bytes=file_bytes,
        processes=None,
        binds=[],
        readable=landlock_readable(view.readable) if isolation.landlock else None,
        writable=[str(view.writable[0]), str(SCRATCH if mounted else own_scratch), *writable_devices()],
    )


def _raise_on_failure(termination: Termination, script: Path, output: str, time_s: float) -> None:
    last = plain_text((output.strip().splitlines() or ["no output"])[-1], _LINE)
    if termination.kind == "exited" and termination.returncode == 0:
        return
    if termination.kind == "exited":
        raise SetupError(f"{script}: failed with exit code {termination.returncode}: {last}")
    if termination.kind == "timeout":
        raise SetupError(f"{script}: took more than {time_s:g} s and was killed.")
    raise InfrastructureError(f"{script}: could not be started: {termination.reason or last}")
