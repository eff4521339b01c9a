"""All revisions of all nodes, in one bare git repository per run.

Commits are written directly to the object store and checked out as plain directories, because the cost of
git worktrees grows with every node.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pygit2

from agent.core.contract import IDEA_FILE
from agent.core.errors import InfrastructureError

_AUTHOR = ("MARS", "mars@localhost")
_FILE_MODE = pygit2.enums.FileMode.BLOB
_TREE_MODE = pygit2.enums.FileMode.TREE


def repository_of(run: Path) -> Path:
    """Return the path of a run's git repository, given the run's folder."""
    return run / "repository.git"


@dataclass(frozen=True)
class MergeResult:
    """The files of a merge, and the paths of the conflicting files."""

    files: dict[str, str]
    conflicts: tuple[str, ...]


class Lineage:
    """The commits of a run, with one branch `node-NNN` per node.

    Commit times are `epoch` plus the node's number, so that a resumed run gives equal hashes.
    """

    def __init__(self, path: Path, epoch: int = 0) -> None:
        self._epoch = epoch
        self._blobs: set[pygit2.Oid] = set()
        try:
            self._repository = pygit2.Repository(str(path)) if path.exists() else self._create(path)
        except (pygit2.GitError, OSError) as error:
            raise InfrastructureError(f"{path}: cannot open the run's git repository ({error}).") from error

    @staticmethod
    def _create(path: Path) -> pygit2.Repository:
        return pygit2.init_repository(str(path), bare=True, initial_head="node-001")

    def commit(self, files: dict[str, str], parents: list[str], message: str, node: int) -> str:
        """Commit a whole tree on the node's branch; idempotent.

        Args:
            files: Texts by path.
            parents: Hex ids of the parent commits.
            message: Commit message.
            node: Number of the node.

        Returns:
            Hex id of the commit.
        """
        return self._commit(files, parents, message, f"node-{node:03d}", node)

    def commit_imported(self, files: dict[str, str]) -> str:
        """Commit an imported repository on the branch `given`; return the commit's hex id."""
        return self._commit(files, [], "The repository that was given", "given", 0)

    def merge(self, base: dict[str, str], ours: str, theirs: dict[str, str]) -> "MergeResult":
        """Merge the changes from `base` to `theirs` into the commit `ours`.

        Conflicting files are taken from `theirs`.
        """
        try:
            common, other = self._write_tree(base), self._write_tree(theirs)
            index = self._repository.merge_trees(common, self._repository[ours].peel(pygit2.Tree), other)
        except (pygit2.GitError, OSError) as error:
            raise InfrastructureError(f"Cannot merge revisions ({error}).") from error
        sides = [side for conflict in index.conflicts or () for side in conflict if side is not None]
        conflicts = sorted({side.path for side in sides})
        files = {name: theirs[name] for name in conflicts if name in theirs}
        for entry in index:
            blob = self._repository[entry.id]
            if entry.path not in conflicts and isinstance(blob, pygit2.Blob):
                files[entry.path] = blob.data.decode("utf-8", "replace")
        return MergeResult(files, tuple(conflicts))

    def _commit(
        self, files: dict[str, str], parents: list[str], message: str, branch: str, number: int
    ) -> str:
        try:
            tree = self._write_tree(files)
            signature = pygit2.Signature(*_AUTHOR, self._epoch + number, 0)
            commit = self._repository.create_commit(None, signature, signature, message, tree, parents)
            self._repository.references.create(f"refs/heads/{branch}", commit, force=True)
        except (pygit2.GitError, OSError) as error:
            raise InfrastructureError(f"Cannot write revision {branch} ({error}).") from error
        return str(commit)

    def read(self, commit: str) -> dict[str, str]:
        """Return the files of a revision, by path."""
        root = self._repository[commit].peel(pygit2.Tree)
        return {path: blob.data.decode("utf-8", "replace") for path, blob in sorted(_walk(root, ""))}

    def blobs(self, commit: str) -> dict[str, str]:
        """Return the git blob id of every file of a revision, by path (see `blob_id`)."""
        return {path: str(blob.id) for path, blob in _walk(self._repository[commit].peel(pygit2.Tree), "")}

    def parents(self, commit: str) -> list[str]:
        return [str(parent) for parent in self._repository[commit].peel(pygit2.Commit).parent_ids]

    def diff(self, before: str | None, after: str) -> str:
        """Return the unified diff of two revisions, without `idea.json`.

        If `before` is None, all files count as added.
        """
        new = self._repository[after].peel(pygit2.Tree)
        if before is None:
            delta = new.diff_to_tree(swap=True)
        else:
            delta = self._repository[before].peel(pygit2.Tree).diff_to_tree(new)
        patches = (patch for patch in delta if patch is not None)
        return "".join(patch.text or "" for patch in patches if patch.delta.new_file.path != IDEA_FILE)

    def _write_tree(self, files: dict[str, str]) -> pygit2.Oid:
        folders: dict[str, dict[str, str]] = {}
        builder = self._repository.TreeBuilder()
        for path, text in files.items():
            head, _, rest = path.partition("/")
            if rest:
                folders.setdefault(head, {})[rest] = text
            else:
                builder.insert(path, self._blob(text.encode()), _FILE_MODE)
        for name, content in folders.items():
            builder.insert(name, self._write_tree(content), _TREE_MODE)
        return builder.write()

    def _blob(self, content: bytes) -> pygit2.Oid:
        """Write a file's content to the object store once; most files of a node exist there already."""
        name = pygit2.hash(content)
        if name not in self._blobs:
            self._blobs.add(self._repository.create_blob(content))
        return name


def blob_id(text: str) -> str:
    """Return the git blob id of a text."""
    return str(pygit2.hash(text.encode()))


def _walk(tree: pygit2.Tree, prefix: str) -> Iterator[tuple[str, pygit2.Blob]]:
    for entry in tree:
        if isinstance(entry, pygit2.Tree):
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif isinstance(entry, pygit2.Blob):
            yield f"{prefix}{entry.name}", entry
