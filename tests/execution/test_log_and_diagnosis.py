"""The bounded log, and the diagnosis from its end."""

import resource
from pathlib import Path

import pytest

from agent.core.errors import InfrastructureError
from agent.execution.bounded_log import BoundedLog
from agent.execution.diagnosis import diagnose

WORKSPACE = Path("/run/nodes/001")


@pytest.mark.parametrize("piece", [1, 7, 100, 10_000])
def test_log_keeps_start_and_end(tmp_path: Path, piece: int) -> None:
    output = "".join(f"line {number}\n" for number in range(400)).encode()
    log = BoundedLog(tmp_path / "log", 200)
    for start in range(0, len(output), piece):
        log.write(output[start : start + piece])
    log.close()
    left_out = len(output) - 200
    note = f"\n[... {left_out} bytes left out ...]\n".encode()
    assert log.path.read_bytes() == output[:100] + note + output[-100:]
    assert log.recent().encode() == output


def test_log_below_its_limit_is_whole(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log", 200)
    log.write(b"a" * 120)
    log.write(b"b" * 80)
    log.close()
    assert log.path.read_bytes() == b"a" * 120 + b"b" * 80


def test_a_full_file_system_is_an_infrastructure_error(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log", 1 << 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(InfrastructureError, match="cannot be written: File too large"):
            log.write(bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.close()


def report(message: str, file: str = "/run/nodes/001/library/train.py") -> str:
    return (
        "epoch 1\nTraceback (most recent call last):\n"
        '  File "/run/nodes/001/main.py", line 5, in <module>\n    run()\n'
        f'  File "{file}", line 12, in fit\n    step()\n    ^^^^^^\n'
        '  File "/usr/lib/python3/torch/nn.py", line 9, in step\n    raise\n'
        f"{message}\n"
    )


@pytest.mark.parametrize(
    ("returncode", "output", "status", "reason"),
    [
        (0, "MemoryError\n", "ok", "The candidate ended by itself with exit code 0."),
        (1, report("KeyError: 'x'"), "failed", "KeyError in library/train.py line 12 (exit code 1)."),
        (1, report("torch.Wrong: a\nValueError: b"), "failed", "torch.Wrong in library/train.py line 12"),
        (1, report("StopIteration"), "failed", "StopIteration in library/train.py line 12 (exit code 1)."),
        (1, "no traceback", "failed", "The candidate ended with exit code 1."),
        (-6, "Error: looks like one", "failed", "The candidate ended with signal SIGABRT."),
        (1, report("MemoryError"), "memory", "The candidate ran out of memory (exit code 1)."),
        (-6, "terminate called after throwing 'std::bad_alloc'", "memory", "(signal SIGABRT)"),
        (137, "", "memory", "(exit code 137)"),
        (1, report("torch.OutOfMemoryError: CUDA out of memory."), "memory", "(exit code 1)"),
        (1, "MemoryError\n" + report("KeyError: 'x'"), "failed", "KeyError"),
    ],
)
def test_reason(returncode: int, output: str, status: str, reason: str) -> None:
    found_status, found_reason = diagnose(returncode, output, WORKSPACE)
    assert found_status == status
    assert reason in found_reason


def test_a_log_that_cannot_be_created_is_an_infrastructure_error() -> None:
    with pytest.raises(InfrastructureError, match="cannot be written"):
        BoundedLog(Path("/proc/absent/log"), 100)
