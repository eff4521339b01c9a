"""GitPython, for the git repositories that people see. The lineage of a run uses pygit2."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from agent.core.errors import SetupError

# Git sets some of these variables for hooks, `git rebase --exec` and aliases.
_OTHER_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


@contextmanager
def usable_git() -> Iterator[None]:
    """Check that GitPython can be used, and hide variables that point git to another repository.

    Raises:
        SetupError: there is no `git` command, or it does not run.
    """
    if shutil.which("git") is None:
        raise SetupError("The command git was not found; install git and run again.")
    hidden = {name: os.environ.pop(name) for name in _OTHER_REPOSITORY if name in os.environ}
    try:
        try:
            import git  # noqa: F401
        except ImportError as error:  # GitPython runs `git version`
            said = str(getattr(error.__cause__, "stderr", "")).replace("stderr:", "").strip(" '\n")
            raise SetupError(
                f"The command git does not run ({said or error}); repair git and run again."
            ) from error
        yield
    finally:
        os.environ.update(hidden)
