"""GitPython, for the git repositories that people see. The lineage of a run uses pygit2."""

import shutil

from agent.core.errors import SetupError


def require_git() -> None:
    """Check that git is installed: without it, `import git` fails.

    Raises:
        SetupError: there is no `git` command.
    """
    if shutil.which("git") is None:
        raise SetupError("The command git was not found; install git and run again.")
