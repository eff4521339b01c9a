"""What hostile candidates try, on every kind of executor (see test_contract.py)."""

import os

from agent.execution import Executor
from tests.execution.support import Site


class HostileContract:
    """Needs the fixtures `site` and `executor`."""

    def test_a_workspace_that_a_candidate_closed_is_opened_and_cleaned(
        self, site: Site, executor: Executor
    ) -> None:
        code = f"""
            import os
            from pathlib import Path
            Path("working/inner/deep").mkdir(parents=True)
            os.symlink({str(site.private_file)!r}, "working/frozen.json")
            os.symlink({str(site.private_file)!r}, "working/inner/deep/answers")
            Path("working/tool").write_text("x")
            os.chmod("working/tool", 0o4755)
            for folder in ("working/inner/deep", "working/inner", "working", ".mars", "."):
                os.chmod(folder, 0)
        """
        job = site.job("closed", code)
        outcome = executor.execute(job)
        working = job.workspace / "working"
        assert outcome.status == "ok", outcome.reason
        assert not (working / "frozen.json").is_symlink()
        assert list((working / "inner" / "deep").iterdir()) == []
        assert (working / "tool").stat().st_mode & 0o7777 == 0o755
        assert job.workspace.stat().st_mode & 0o700 == 0o700

    def test_a_clean_up_that_cannot_finish_fails_the_candidate(self, site: Site, executor: Executor) -> None:
        code = """
            import os
            from pathlib import Path
            Path("submission/submission.csv").write_text("x")
            os.chdir("working")
            for _ in range(1200):
                os.mkdir("inner")
                os.chdir("inner")
        """
        job = site.job("nested", code)
        outcome = executor.execute(job)
        assert outcome.status == "failed"
        assert outcome.reason == (
            "The files that the candidate left cannot be cleaned up (folders nested more than 100 deep)."
        )
        assert not (job.workspace / "working").exists()
        assert not (job.workspace / "submission").exists()
        assert executor.execute(site.job("nested", "print('next')")).log.read_text() == "next\n"

    def test_odd_names_and_entries_do_not_stop_the_clean_up(self, site: Site, executor: Executor) -> None:
        code = """
            import os, socket
            os.mkdir(b"working/\\xff\\xfe")
            open(b"working/\\xff\\xfe/\\xfd", "w").close()
            os.mkfifo(b"working/\\xff\\xfe/pipe")
            open("working/" + "n" * 255, "w").close()
            open("working/closed", "w").close()
            os.chmod("working/closed", 0)
            os.chdir("working")
            socket.socket(socket.AF_UNIX).bind("socket")
            os.write(1, b"\\xff\\x00\\x1b[31m\\ud800\\n")
        """
        job = site.job("odd", code)
        outcome = executor.execute(job)
        assert outcome.status == "ok", outcome.log.read_text(errors="replace")
        names = sorted(os.listdir(os.fsencode(job.workspace / "working")))
        assert names == [b"closed", b"n" * 255, b"\xff\xfe"]
        assert os.listdir(os.fsencode(job.workspace) + b"/working/\xff\xfe") == [b"\xfd"]

    def test_the_supervisor_cannot_be_traced_or_read(self, site: Site, executor: Executor) -> None:
        code = """
            import ctypes, os
            above, found = os.getppid(), []
            if ctypes.CDLL(None).ptrace(16, above, 0, 0) == 0:
                found.append("traced")
            files = [f"/proc/{above}/fd/{number}" for number in range(10)]
            for path in [f"/proc/{above}/{name}" for name in ("mem", "maps", "environ")] + files:
                try:
                    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
                except OSError:
                    continue
                found.append(path)
            print(found, len(open("/proc/self/maps").read()) > 0)
        """
        outcome = executor.execute(site.job("tracer", code))
        assert outcome.log.read_text() == "[] True\n"
