"""Contract of all executors; every kind of executor runs these tests (see test_contract.py)."""

import signal
import uuid
from dataclasses import replace

import pytest

from agent.execution import Executor, Limits, StopReason
from tests.execution.support import PATIENT_S, Site, alive, at_the_same_time

SPAWN_SLEEPER = """
import subprocess, sys
def spawn():
    code = "import time; time.sleep(300)"
    subprocess.Popen([sys.executable, "-c", code, {token!r}], start_new_session=True)
"""


@pytest.fixture
def token() -> str:
    """A unique argument that marks the processes of one test."""
    return f"mars-test-{uuid.uuid4().hex}"


class ExecutorContract:
    """Needs the fixtures `site` and `executor`."""

    def test_runs_main_with_its_folders_and_variables(self, site: Site, executor: Executor) -> None:
        code = """
            import os, sys
            from pathlib import Path
            from library.config import ANSWER
            Path("submission/submission.csv").write_text(Path("input/image.txt").read_text())
            Path("working/rows.csv").write_text(Path("metadata/train.csv").read_text())
            Path(os.environ["MARS_CACHE_DIR"], "kept").write_text("x")
            print(ANSWER, os.environ["MARS_SEED"], os.environ["MARS_TIME_LIMIT_S"], sys.argv[1:], __name__)
            print("to stderr", file=sys.stderr)
        """
        cache = site.nodes / "_cache"
        job = site.job("success", code, arguments=("--smoke",), cache=cache)
        (job.workspace / "library").mkdir()
        (job.workspace / "library" / "config.py").write_text("ANSWER = 42\n")

        outcome = executor.execute(job)

        assert (outcome.status, outcome.returncode) == ("ok", 0)
        assert outcome.log == job.workspace / ".mars" / "run.log"
        assert outcome.log.read_text() == "42 7 30 ['--smoke'] __main__\nto stderr\n"
        assert (job.workspace / "submission" / "submission.csv").read_text() == "pixels"
        assert (job.workspace / "working" / "rows.csv").read_text() == "id,label\nr1,0\n"
        assert (cache / "kept").exists()
        assert not (job.workspace / ".mars" / "tmp").exists()

    def test_failure_names_the_exception_and_its_place_but_not_its_message(
        self, site: Site, executor: Executor
    ) -> None:
        job = site.job("failing", "def run():\n    raise ValueError('row r1 says 17')\n\nrun()\n")
        outcome = executor.execute(job)
        assert (outcome.status, outcome.returncode) == ("failed", 1)
        assert outcome.reason == "ValueError in main.py line 2 (exit code 1)."
        main = job.workspace / "main.py"
        assert outcome.log.read_text() == (
            "Traceback (most recent call last):\n"
            f'  File "{main}", line 4, in <module>\n    run()\n'
            f"  File \"{main}\", line 2, in run\n    raise ValueError('row r1 says 17')\n"
            "ValueError: row r1 says 17\n"
        )

    @pytest.mark.parametrize(
        ("code", "returncode", "log_end"),
        [
            ("raise SystemExit(3)", 3, ""),
            ("raise SystemExit('no data')", 1, "no data\n"),
            ("raise SystemExit", 0, ""),
            ("def broken(:", 1, "SyntaxError: invalid syntax\n"),
            ("import os; os.abort()", -signal.SIGABRT, ""),
            ("raise KeyboardInterrupt", -signal.SIGINT, "KeyboardInterrupt\n"),
            ("import atexit; atexit.register(print, 'last')", 0, "last\n"),
            (
                "import threading\nthreading.Timer(0.3, print, ['thread done']).start()",
                0,
                "thread done\n",
            ),
        ],
    )
    def test_ends_like_a_plain_interpreter(
        self, site: Site, executor: Executor, code: str, returncode: int, log_end: str
    ) -> None:
        outcome = executor.execute(site.job("endings", code))
        assert outcome.returncode == returncode
        assert outcome.log.read_text().endswith(log_end)
        assert outcome.status == ("ok" if returncode == 0 else "failed")

    def test_buffered_output_is_written_at_the_end(self, site: Site, executor: Executor) -> None:
        job = site.job("buffered", "stream = open('working/late.txt', 'w')\nstream.write('kept')\n")
        (job.workspace / "holder.py").write_text("stream = open('working/module.txt', 'w')\n")
        main = job.workspace / "main.py"
        main.write_text(main.read_text() + "import holder\nholder.stream.write('kept too')\n")
        assert executor.execute(job).status == "ok"
        assert (job.workspace / "working" / "late.txt").read_text() == "kept"
        assert (job.workspace / "working" / "module.txt").read_text() == "kept too"

    @pytest.mark.timeout(120)  # the grandchild sleeps for 300 s
    def test_time_limit_holds_though_a_grandchild_keeps_the_pipe(
        self, site: Site, executor: Executor, token: str
    ) -> None:
        code = SPAWN_SLEEPER.format(token=token) + "spawn()\nimport time\ntime.sleep(300)\n"
        job = site.job("timeout", code, limits=Limits(time_s=1.0))
        outcome = executor.execute(job)
        assert outcome.status == "timeout"
        assert outcome.reason == "The candidate was killed at its time limit of 1.0 s."
        assert alive(token) == []

    def test_no_process_outlives_a_successful_candidate(
        self, site: Site, executor: Executor, token: str
    ) -> None:
        outcome = executor.execute(site.job("leaves", SPAWN_SLEEPER.format(token=token) + "spawn()\n"))
        assert outcome.status == "ok"
        assert alive(token) == []

    def test_the_users_keys_are_not_in_the_environment(
        self, site: Site, executor: Executor, monkeypatch: pytest.MonkeyPatch, token: str
    ) -> None:
        monkeypatch.setenv("CANARY_API_KEY", token)
        outcome = executor.execute(site.job("canary", "import os; print(dict(os.environ))"))
        assert "MARS_SEED" in outcome.log.read_text()
        assert "CANARY" not in outcome.log.read_text()

    def test_a_long_output_is_bounded_and_keeps_both_ends(self, site: Site, executor: Executor) -> None:
        code = """
            import os
            print("first line", flush=True)
            for _ in range(100):
                os.write(1, b"\\xff" * 1_000_000)
            print("last line")
        """
        job = site.job("flood", code, limits=Limits(time_s=PATIENT_S, output_bytes=20_000))
        outcome = executor.execute(job)
        text = outcome.log.read_text(errors="replace")
        assert outcome.status == "ok"
        assert outcome.log.stat().st_size < 21_000
        assert text.startswith("first line\n")
        assert text.endswith("last line\n")
        assert "bytes left out" in text

    def test_the_log_can_be_read_while_the_candidate_runs(self, site: Site, executor: Executor) -> None:
        job = site.job("streaming", "print('under way')\nimport time\ntime.sleep(300)\n")
        log = job.workspace / ".mars" / "run.log"

        def seen(_: float) -> StopReason | None:
            is_seen = log.exists() and "under way" in log.read_text()
            return StopReason("interrupted", "The log was seen.") if is_seen else None

        assert executor.execute(job, seen).status == "stopped"

    def test_memory_limit(self, site: Site, executor: Executor) -> None:
        job = site.job(
            "memory", "kept = bytearray(1 << 30)", limits=Limits(time_s=PATIENT_S, memory_bytes=1 << 29)
        )
        outcome = executor.execute(job)
        assert outcome.status == "memory"
        assert "memory" in outcome.reason

    def test_killed_from_outside_counts_as_out_of_memory(self, site: Site, executor: Executor) -> None:
        outcome = executor.execute(site.job("oom", "import os; os.kill(os.getpid(), 9)"))
        assert (outcome.status, outcome.returncode) == ("memory", -signal.SIGKILL)

    def test_file_size_limit(self, site: Site, executor: Executor) -> None:
        code = "open('working/big', 'wb').write(bytes(2_000_000))"
        job = site.job("bigfile", code, limits=Limits(time_s=PATIENT_S, file_bytes=1_000_000))
        outcome = executor.execute(job)
        assert outcome.status == "failed"
        assert outcome.reason.startswith("OSError")
        assert (job.workspace / "working" / "big").stat().st_size <= 1_000_000

    def test_the_watch_stops_the_run_with_its_reason(
        self, site: Site, executor: Executor, token: str
    ) -> None:
        elapsed: list[float] = []
        reason = StopReason("pruned", "Behind the best.")

        def stop_check(seconds: float) -> StopReason | None:
            elapsed.append(seconds)
            return reason if seconds > 1.0 else None

        code = SPAWN_SLEEPER.format(token=token) + "spawn()\nimport time\ntime.sleep(300)\n"
        outcome = executor.execute(site.job("watched", code), stop_check)
        assert (outcome.status, outcome.reason, outcome.stop) == ("stopped", reason.sentence, reason)
        assert 4 <= len(elapsed) <= 8
        assert alive(token) == []

    def test_an_interrupt_kills_the_candidate_first(self, site: Site, executor: Executor, token: str) -> None:
        def interrupt(_: float) -> StopReason | None:
            if alive(token):
                raise KeyboardInterrupt
            return None

        code = SPAWN_SLEEPER.format(token=token) + "spawn()\nimport time\ntime.sleep(300)\n"
        with pytest.raises(KeyboardInterrupt):
            executor.execute(site.job("interrupted", code), interrupt)
        assert alive(token) == []

    def test_stdin_is_empty(self, site: Site, executor: Executor) -> None:
        outcome = executor.execute(site.job("stdin", "import sys; print(repr(sys.stdin.read()))"))
        assert outcome.log.read_text() == "''\n"

    def test_parallel_candidates_are_isolated_from_each_other(self, site: Site, executor: Executor) -> None:
        code = """
            import os, tempfile, time
            from pathlib import Path
            name = Path.cwd().name
            places = [Path("working"), Path(tempfile.gettempdir())]
            for place in places:
                (place / "same").write_text(name)
            Path("working/written").touch()
            while not Path("working/go").exists():
                time.sleep(0.01)
            print([(place / "same").read_text() == name for place in places])
        """
        jobs = [site.job(f"parallel-{index}", code) for index in range(4)]
        outcomes = at_the_same_time(executor, jobs)
        assert [outcome.log.read_text() for outcome in outcomes] == ["[True, True]\n"] * len(jobs)

    def test_unseeded_randomness_differs_between_runs(self, site: Site, executor: Executor) -> None:
        code = "import random, numpy; print(random.random(), numpy.random.rand())"
        logs = [executor.execute(site.job(f"random-{run}", code)).log.read_text() for run in range(2)]
        assert len({number for log in logs for number in log.split()}) == 4

    def test_unsafe_files_of_a_candidate_are_removed(self, site: Site, executor: Executor) -> None:
        code = f"""
            import os
            from pathlib import Path
            private = Path({str(site.private_file)!r})
            os.symlink(private, "submission/submission.csv")
            os.symlink("../metadata/../../private", "working/private")
            os.symlink("main.py", "working/harmless")
            os.symlink("loop", "working/loop")
            os.mkfifo("working/val_submission.csv")
            os.chmod("working", 0o111)
            os.rename(".mars", "moved")
            os.symlink(private.parent, ".mars")
            print("logged all the same")
        """
        precious = site.root / "private" / "tmp" / "precious"
        precious.parent.mkdir(exist_ok=True)
        precious.write_text("x")
        job = site.job("tricky", code)
        outcome = executor.execute(job)
        assert outcome.status == "ok", outcome.log.read_text()
        assert outcome.log.read_text() == "logged all the same\n"
        assert outcome.log.resolve().is_relative_to(job.workspace)
        assert precious.read_text() == "x"
        assert list((job.workspace / "submission").iterdir()) == []
        assert sorted(path.name for path in (job.workspace / "working").iterdir()) == ["harmless", "loop"]
        assert (job.workspace / "input" / "image.txt").exists()

    def test_links_of_an_earlier_run_are_replaced(self, site: Site, executor: Executor) -> None:
        job = site.job("linked", "print(open('input/image.txt').read())")
        for name in ("input", "metadata", "working", "submission", ".mars"):
            (job.workspace / name).symlink_to(site.root / "private")
        assert executor.execute(job).log.read_text() == "pixels\n"
        assert not (job.workspace / "submission").is_symlink()
        assert sorted(path.name for path in (site.root / "private").iterdir()) in (
            ["val.csv"],
            ["tmp", "val.csv"],
        )


class SandboxContract:
    """Further guarantees for isolated candidates."""

    def test_nothing_is_missing(self, executor: Executor) -> None:
        assert executor.guarantees.missing() == []

    def test_settings_of_the_kernel_cannot_be_written(self, site: Site, executor: Executor) -> None:
        # Opening for writing changes nothing, should the isolation ever fail.
        code = """
            import os
            found = ["/proc/sysrq-trigger"]
            for top in ("/proc/sys", "/proc/irq", "/proc/bus"):
                found += [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
            opened = []
            for name in found:
                try:
                    os.close(os.open(name, os.O_WRONLY | os.O_NONBLOCK))
                except OSError:
                    continue
                opened.append(name)
            print(len(found) > 100, opened)
        """
        outcome = executor.execute(site.job("settings", code))
        assert outcome.log.read_text() == "True []\n"

    def test_private_files_and_the_users_home_cannot_be_read(self, site: Site, executor: Executor) -> None:
        code = f"""
            from pathlib import Path
            for path in ({str(site.private_file)!r}, {__file__!r}, "/etc/shadow", Path.home() / ".bashrc"):
                try:
                    print("read", open(path).read())
                except OSError as error:
                    print("refused")
        """
        outcome = executor.execute(site.job("curious", code))
        assert outcome.log.read_text() == "refused\n" * 4

    def test_a_job_with_other_tables_cannot_find_the_prepared_ones(
        self, site: Site, executor: Executor
    ) -> None:
        """Such as a probe, whose tables have shuffled answers."""
        code = f"""
            print(open("metadata/train.csv").read())
            for path in ({str(site.metadata / "train.csv")!r}, "input/../metadata/train.csv"):
                try:
                    print("found", open(path).read())
                except OSError:
                    print("refused")
        """
        other = site.nodes / "other-tables"
        other.mkdir(exist_ok=True)
        (other / "train.csv").write_text("shuffled")
        outcome = executor.execute(replace(site.job("evading", code), metadata=other))
        assert outcome.log.read_text() == "shuffled\nrefused\nrefused\n"

    def test_no_process_shows_the_users_keys(
        self, site: Site, executor: Executor, monkeypatch: pytest.MonkeyPatch, token: str
    ) -> None:
        monkeypatch.setenv("CANARY_API_KEY", token)
        code = """
            from pathlib import Path
            for file in Path("/proc").glob("[0-9]*/environ"):
                try:
                    print(file.read_bytes())
                except OSError:
                    pass
        """
        outcome = executor.execute(site.job("processes", code))
        assert outcome.status == "ok"
        assert token not in outcome.log.read_text()

    def test_only_its_own_workspace_can_be_written(self, site: Site, executor: Executor) -> None:
        other = site.job("neighbour", "").workspace
        code = f"""
            import os
            from pathlib import Path
            places = [Path({str(other)!r}), Path({str(site.root)!r}), Path.cwd().parent, Path("input")]
            for place in [*places, Path("metadata"), Path("/tmp"), Path("/usr/lib"), Path("/")]:
                try:
                    (place / "intruder").write_text("x")
                    print("written", place)
                except OSError:
                    pass
            try:
                os.unlink("input/image.txt")
            except OSError:
                print("kept")
        """
        outcome = executor.execute(site.job("vandal", code))
        assert outcome.log.read_text() == "kept\n"
        assert not (other / "intruder").exists()
        assert (site.input / "image.txt").read_text() == "pixels"

    def test_a_neighbours_files_cannot_be_read(self, site: Site, executor: Executor) -> None:
        other = site.job("read-me", "secret = 1").workspace / "main.py"
        outcome = executor.execute(site.job("reader", f"open({str(other)!r})"))
        assert outcome.status == "failed"

    def test_network_is_blocked(self, site: Site, executor: Executor) -> None:
        code = """
            import socket
            datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                datagram.connect(("192.0.2.1", 53))
                datagram.send(b"x")
                print("sent")
            except OSError as error:
                print(type(error).__name__)
            print([name for _, name in socket.if_nameindex() if name != "lo"])
        """
        outcome = executor.execute(site.job("network", code))
        assert outcome.log.read_text() == "OSError\n[]\n"

    def test_shared_memory_is_private(self, site: Site, executor: Executor) -> None:
        code = """
            import time
            from pathlib import Path
            open('/dev/shm/same', 'x').write('x')
            Path("working/written").touch()
            while not Path("working/go").exists():
                time.sleep(0.01)
        """
        jobs = [site.job(f"shm-{index}", code) for index in range(2)]
        outcomes = at_the_same_time(executor, jobs)
        assert [outcome.status for outcome in outcomes] == ["ok", "ok"]

    def test_no_other_process_can_be_signalled(self, site: Site, executor: Executor) -> None:
        # Signal 0 asks and harms nobody, should the isolation ever fail.
        code = """
            import os
            reached = []
            for process in range(2, 1 << 16):
                try:
                    os.kill(process, 0)
                except OSError:
                    continue
                reached.append(process)
            print(reached == [os.getpid()])
        """
        assert executor.execute(site.job("asking", code)).log.read_text() == "True\n"
