"""A revision of a node that is ready to be executed."""

from dataclasses import dataclass
from pathlib import Path

from agent.core.contract import PROGRESS_FILE


@dataclass(frozen=True)
class Trial:
    """A committed revision, checked out and ready to be executed."""

    node: int
    commit: str
    workspace: Path
    code: str = ""
    """Hash of the files without `idea.json` and README."""
    faults: tuple[str, ...] = ()
    """Faults of the idea, then violations of the repository contract."""
    idea_failed: bool = False
    """Whether the idea cannot be implemented."""
    leakage_findings: tuple[str, ...] = ()
    """Possible leaks that reading the code found."""

    @property
    def progress_file(self) -> Path:
        return self.workspace / PROGRESS_FILE
