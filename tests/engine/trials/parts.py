"""Parts of trials over the toy: a small repository, and an executor that does what a test says."""

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.execution.base import Guarantees, Job, Outcome, Status, StopCheck

CODE = {
    "main.py": "print(1)\n",
    "README.md": "A toy.\n",
    "requirements.txt": "",
    "idea.json": "{}\n",
    **{
        f"library/{name}.py": f"NAME = {name!r}\n"
        for name in ("__init__", "config", "dataset", "models", "loss", "train", "inference", "utils")
    },
}


@dataclass
class FakeExecutor:
    """Keeps the jobs, lets `act` write into each workspace, and ends as told."""

    act: Callable[[Job], None] = lambda job: None
    status: Status = "ok"
    reason: str = ""
    log: str = "Final Validation Metric: 1.0\n"
    jobs: list[Job] = field(default_factory=list)
    guarantees: Guarantees = field(default_factory=lambda: Guarantees(True, True, True, True, True, True))

    def execute(self, job: Job, stop_check: StopCheck | None = None) -> Outcome:
        self.jobs.append(job)
        for name in ("working", "submission", ".mars"):
            (job.workspace / name).mkdir(exist_ok=True)
        self.act(job)
        log = job.workspace / ".mars" / job.log_name
        log.write_text(self.log)
        stop = stop_check(0.0) if stop_check is not None else None
        if stop is not None:
            return Outcome("stopped", None, 2.0, log, stop.sentence, stop)
        return Outcome(self.status, 0 if self.status == "ok" else 1, 2.0, log, self.reason)

    def close(self) -> None:
        pass
