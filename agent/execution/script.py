"""Runs a competition's own data script (a sample generator, say) in the sandbox."""

from collections.abc import Sequence
from pathlib import Path

from agent.errors import InfrastructureError, SetupError
from agent.execution.boundedlog import BoundedLog
from agent.execution.bubblewrap import SCRATCH, View, unique
from agent.execution.candidate import landlock_readable, writable_devices
from agent.execution.cold import run_cold
from agent.execution.environment import interpreter_environment
from agent.execution.following import Ending
from agent.execution.inside.task import Task
from agent.execution.isolation import Isolation, Sandbox, detect
from agent.held import TEMPORARY, temporary_folder

_LIMIT_S = 3600.0
_FILE_BYTES = 64 * 2**30
_OUTPUT_BYTES = 1_000_000


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
    """Runs `python script args` in the folder `writable`, the only one that it may write.

    It sees `readable` and its own folder besides, no network, no key. The time limit holds for all of its
    processes together, the others for each. Raises SetupError with the last line of its output if it fails,
    InfrastructureError if it cannot be run.
    """
    script = script.resolve()
    if not script.is_file():
        raise SetupError(f"{script}: is no file; a competition's data script must exist.")
    writable.mkdir(parents=True, exist_ok=True)
    with temporary_folder(TEMPORARY) as folder:
        log = BoundedLog(folder / "log", _OUTPUT_BYTES)
        try:
            view = View(unique([script.parent, *readable]), unique([writable]), _scratch(folder))
            isolation = detect(sandbox)
            task = _task(script, args, view, isolation, memory_bytes, file_bytes)
            ending = run_cold(task, view, isolation, log, time_s)
        finally:
            log.close()
        _check(ending, script, log.recent(), time_s)


def _scratch(folder: Path) -> Path:
    scratch = (folder / "tmp").resolve()
    scratch.mkdir()
    return scratch


def _task(
    script: Path,
    args: Sequence[str],
    view: View,
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
        readable=landlock_readable(view.readable) if isolation.landlock and not mounted else None,
        writable=[str(view.writable[0]), str(own_scratch), *writable_devices()],
    )


def _check(ending: Ending, script: Path, output: str, time_s: float) -> None:
    last = (output.strip().splitlines() or ["it said nothing"])[-1]
    if ending.kind == "exited" and ending.returncode == 0:
        return
    if ending.kind == "exited":
        raise SetupError(f"{script}: failed with exit code {ending.returncode}: {last}")
    if ending.kind == "timeout":
        raise SetupError(f"{script}: took more than {time_s:g} s and was killed.")
    raise InfrastructureError(f"{script}: could not be run: {ending.reason or last}")
