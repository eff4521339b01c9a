"""A folder with prepared data and candidates, and helpers that find processes left alive."""

import textwrap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from agent.execution import Executor, Job, Limits, Outcome

PATIENT_S = 60.0


@dataclass
class Site:
    """The folders of a run, below one root."""

    root: Path
    nodes: Path = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = self.root / "run" / "nodes"
        self.nodes.mkdir(parents=True)
        for folder in (self.input, self.metadata, self.root / "private"):
            folder.mkdir(parents=True)
        (self.input / "image.txt").write_text("pixels")
        (self.metadata / "train.csv").write_text("id,label\nr1,0\n")
        (self.private_file).write_text("the answers")

    @property
    def input(self) -> Path:
        return self.root / "public" / "input"

    @property
    def metadata(self) -> Path:
        return self.root / "public" / "metadata"

    @property
    def private_file(self) -> Path:
        return self.root / "private" / "val.csv"

    def job(self, name: str, code: str, **changes: object) -> Job:
        """Create a candidate whose main.py is the given code, and return its job."""
        workspace = self.nodes / name
        workspace.mkdir(exist_ok=True)
        (workspace / "main.py").write_text(textwrap.dedent(code))
        values: dict[str, object] = {
            "seed": 7,
            "limits": Limits(time_s=PATIENT_S),
            "time_hint_s": 30.0,
            **changes,
        }
        return Job(workspace=workspace, input=self.input, metadata=self.metadata, **values)  # type: ignore[arg-type]


def alive(token: str) -> list[psutil.Process]:
    """Return all processes on the machine whose command line contains the token."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(token in part for part in process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def at_the_same_time(executor: Executor, jobs: Sequence[Job]) -> list[Outcome]:
    """Execute candidates that wait for `working/go`, which comes when each has made `working/written`."""
    folders = [job.workspace / "working" for job in jobs]

    def release(_: float) -> None:
        if all((folder / "written").exists() for folder in folders):
            for folder in folders:
                (folder / "go").touch()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(lambda job: executor.execute(job, release), jobs))
