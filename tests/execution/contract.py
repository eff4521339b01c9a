"""Contract of all executors; every kind of executor runs these tests (see test_contract.py)."""

import signal
import uuid

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
