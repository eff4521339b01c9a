"""Checkout: commits the revisions of nodes and writes them to workspaces."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.core.contract import FROZEN_FILE, MEMBERS_FOLDER, MODEL_FOLDER, member_folder
from agent.core.errors import InfrastructureError
from agent.core.files import space_hint
from agent.core.trees import remove_tree
from agent.core.untrusted_files import copy_inside, copy_tree_inside
from agent.engine.trials.attempts import keep_checkpoint
from agent.engine.trials.trial import Trial
from agent.repository.checks import check_repository
from agent.repository.leakage import Leakage
from agent.repository.lineage import Lineage
from agent.repository.rendering import tree_hash, write_tree

REFIT_SUFFIX = "-refit"  # suffix of the folder in which a node is refitted


class Checkout:
    """The workspaces of one run, a folder per node.

    Args:
        lineage: The revisions of the run.
        nodes_root: The folder of the workspaces.
    """

    def __init__(self, lineage: Lineage, nodes_root: Path) -> None:
        self.lineage = lineage
        self.nodes_root = nodes_root

    def workspace(self, node: int) -> Path:
        return self.nodes_root / f"{node:03d}"

    def refit_workspace(self, node: int) -> Path:
        return self.nodes_root / f"{node:03d}{REFIT_SUFFIX}"

    def frozen_file(self, node: int) -> Path:
        """Return the path of the choices that a node froze on validation rows or under its time limit."""
        return self.workspace(node) / FROZEN_FILE

    def set_up(
        self,
        node: int,
        files: dict[str, str],
        parents: Sequence[str],
        message: str,
        faults: Sequence[str] = (),
        leaks: Leakage | None = None,
    ) -> Trial:
        """Commit the files and check them out; leftovers of a lost attempt are removed first.

        The checkpoint of a lost attempt at the same code is put aside, see `attempts`.

        Args:
            node: Number of the node.
            files: The repository's files.
            parents: Parent commits.
            message: The commit message.
            faults: Sentences that say why the files do not implement the idea.
            leaks: Leakage findings in the code.

        Raises:
            InfrastructureError: The workspace cannot be written.
        """
        commit = self.lineage.commit(files, list(parents), message, node)
        keep_checkpoint(self.workspace(node), tree_hash(files))
        self._write(files, self.workspace(node))
        leaks = leaks or Leakage()
        return Trial(
            node,
            commit,
            self.workspace(node),
            tree_hash(files),
            (*faults, *check_repository(files), *leaks.faults),
            idea_failed=bool(faults),
            leakage_findings=leaks.leakage_findings,
        )

    def set_up_recorded(self, node: int, commit: str) -> Trial:
        """Check out a recorded revision for another execution."""
        files = self.lineage.read(commit)
        self._write(files, self.workspace(node))
        return Trial(node, commit, self.workspace(node), tree_hash(files), tuple(check_repository(files)))

    def set_up_refit(self, node: int, commit: str, members: Sequence[int]) -> Trial:
        """Check out a node's revision for its refit, with the frozen choices of an ensemble's members.

        Raises:
            InfrastructureError: The frozen choices of a member are missing.
        """
        workspace = self.refit_workspace(node)
        self._write(self.lineage.read(commit), workspace)
        for member in members:
            copy_frozen(self.workspace(member), workspace / member_folder(f"{member:03d}"))
        return Trial(node, commit, workspace)

    @contextmanager
    def temporary(self, trial: Trial, suffix: str) -> Iterator[Trial]:
        """Yield a second checkout of the revision, next to the node's folder, removed afterwards."""
        copy = trial.workspace.with_name(f"{trial.workspace.name}{suffix}")
        self._write(self.lineage.read(trial.commit), copy)
        try:
            yield Trial(trial.node, trial.commit, copy, trial.code)
        finally:
            remove_tree(copy, ignore_errors=True)

    def _write(self, files: dict[str, str], workspace: Path) -> None:
        try:
            remove_tree(workspace)
            write_tree(files, workspace)
        except OSError as error:
            raise InfrastructureError(
                f"{workspace}: cannot be written ({error.strerror}){space_hint(error)}."
            ) from error


def copy_models(source: Path, target: Path) -> None:
    """Copy the trained model of a workspace, and those of an ensemble's members, into a fresh workspace.

    Raises:
        OSError: A model cannot be copied, or is no plain folder.
    """
    members = (source / MEMBERS_FOLDER).iterdir() if (source / MEMBERS_FOLDER).is_dir() else ()
    for place in ("", *(f"{MEMBERS_FOLDER}/{member.name}" for member in sorted(members))):
        if (source / place / MODEL_FOLDER).is_dir():
            (target / place / MODEL_FOLDER).parent.mkdir(parents=True, exist_ok=True)
            copy_tree_inside(source / place, MODEL_FOLDER, target / place / MODEL_FOLDER)


def copy_frozen(source: Path, target: Path) -> None:
    """Copy the frozen choices of a node from its workspace into a fresh workspace.

    Raises:
        InfrastructureError: The file is missing or a link, or cannot be copied.
    """
    try:
        (target / FROZEN_FILE).parent.mkdir(parents=True)
        copy_inside(source, FROZEN_FILE, target / FROZEN_FILE)
    except OSError as error:
        raise InfrastructureError(f"{error.filename}: cannot be read ({error.strerror}).") from error
