"""Contract of all isolated executors, beside that of all executors (see test_contract.py)."""

from dataclasses import replace

import pytest

from agent.execution import Executor
from tests.execution.support import Site, at_the_same_time


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
