"""Run a repository in isolation and report its outcome."""

from agent.execution.base import Executor, Guarantees, Job, Limits, Outcome, Status, StopCheck, StopReason
from agent.execution.registry import make_executor
from agent.execution.script import run_script

__all__ = [
    "Executor",
    "Guarantees",
    "Job",
    "Limits",
    "Outcome",
    "Status",
    "StopCheck",
    "StopReason",
    "make_executor",
    "run_script",
]
