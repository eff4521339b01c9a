"""Output works in any terminal, pipe and file, and Ctrl-C is quiet from the first moment on."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.streams import open_streams
from agent.core.paths import Home
from tests.cli.commands import MARS
from tests.support.waiting import wait_until

SHOWN = "★ best 0.95 ± 0.03 → größe, цвет, 数 …"


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("ascii", "* best 0.95 +- 0.03 -> gr\\xf6\\xdfe, \\u0446\\u0432\\u0435\\u0442, \\u6570 ..."),
        ("latin-1", "* best 0.95 ± 0.03 -> größe, \\u0446\\u0432\\u0435\\u0442, \\u6570 ..."),
        ("cp1252", "* best 0.95 ± 0.03 -> größe, \\u0446\\u0432\\u0435\\u0442, \\u6570 …"),
        ("utf-8", SHOWN),
    ],
)
def test_what_a_terminal_cannot_show_is_replaced(
    monkeypatch: pytest.MonkeyPatch, encoding: str, written: str
) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    open_streams()
    for stream in streams:
        stream.write(SHOWN)
        stream.flush()
        assert stream.buffer.getvalue().decode(encoding) == written  # type: ignore[attr-defined]


def test_bytes_of_a_file_name_that_are_no_text_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    open_streams()
    stream.write(b"caf\xe9".decode("utf-8", "surrogateescape"))
    stream.flush()
    assert stream.buffer.getvalue() == b"caf\\udce9"  # type: ignore[attr-defined]


def test_a_closed_stream_is_written_to_without_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    open_streams()
    print("nobody reads this")
    assert sys.stdout.writable()
    sys.stdout.close()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["competitions", "runs", "doctor", "--help"])
def test_a_reader_that_closes_the_pipe_ends_the_command_quietly(home: Home, command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*MARS, command], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_sentence(home: Home) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*MARS, "solutions", "--json"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr in ("", "mars: the disk is full; free some space and run again.\n")


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"COLUMNS": "40"}, {"PYTHONIOENCODING": "ascii"}, {"TERM": ""}])
@pytest.mark.parametrize("command", ["competitions", "runs", "doctor"])
def test_narrow_and_plain_terminals_are_served(home: Home, command: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*MARS, command], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.05, 0.15, 0.3])
def test_an_interrupt_during_imports_is_quiet(home: Home, after_s: float) -> None:
    """The command says by a line on a pipe that Python has started; the interrupt follows."""
    start = "print(1, flush=True); import agent.cli.app; agent.cli.app.main()"
    command = [sys.executable, "-c", start, "run", "--competition", "toy", "--minutes", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(after_s)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: process.poll() is not None)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert errors == "" or errors.startswith("Interrupted.")
    assert len(errors.splitlines()) <= 1
