"""Turns an exported folder into a git repository whose history is the lineage of its solution."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from agent.core.errors import InfrastructureError
from agent.core.git import usable_git
from agent.solution.card import Card
from agent.solution.revisions import Revision

if TYPE_CHECKING:
    import git

BRANCH = "main"
NOTES = "refs/notes/commits"
_AUTHOR = ("MARS", "mars@localhost")
# Data, outputs and weights stay out of the history, for an ensemble those of its members too.
_LOCAL_FOLDERS = ("input", "metadata", "working", "submission", "weights")
_LOCAL_FILES = ("ids.csv", "submission.csv")
_IGNORED = (
    "# Data, outputs and weights.\n"
    + "".join(f"/{name}\n" for name in (*_LOCAL_FOLDERS, *_LOCAL_FILES))
    + "".join(f"/members/*/{name}\n" for name in _LOCAL_FOLDERS)
    + "/.venv/\n__pycache__/\n"
)


def kept_tags(run: str, cards: Iterable[Card]) -> dict[int, str]:
    """Return the tag of each node of the run that was a kept solution: `kept-2026-01-31-007`."""
    return {card.node: f"kept-{card.kept_at[:10]}-{card.node:03d}" for card in cards if card.run == run}


def write_history(
    folder: Path,
    revisions: Sequence[Revision],
    read: Callable[[str], Mapping[str, str]],
    tags: Mapping[int, str],
) -> None:
    """Make an exported folder a git repository on branch `main`, with a clean work tree.

    Every revision becomes a commit with a note; the last commit adds the files of the export. Equal input
    gives equal commit ids.

    Args:
        folder: The exported folder, without `.git`.
        revisions: The revisions, parents first; the last one is the exported node's.
        read: Returns the files of a revision by its commit in the run's repository.
        tags: Tag by node.

    Raises:
        SetupError: git is not installed or does not run.
        InfrastructureError: git failed.
    """
    with usable_git():
        import git

        try:
            # Templates of the user may hold hooks.
            with git.Repo.init(folder, initial_branch=BRANCH, env={"GIT_TEMPLATE_DIR": ""}) as repository:
                with repository.config_writer() as config:
                    config.set_value("core", "autocrlf", "false")  # files are committed to the byte
                _write_commits(repository, folder, revisions, read, tags)
                repository.git.read_tree("HEAD")
                repository.git.update_index("-q", "--refresh")
        except git.GitError as error:
            raise InfrastructureError(f"{folder}: git cannot write the history ({error}).") from error


def _write_commits(
    repository: "git.Repo",
    folder: Path,
    revisions: Sequence[Revision],
    read: Callable[[str], Mapping[str, str]],
    tags: Mapping[int, str],
) -> None:
    written: list[git.Commit] = []
    for revision in revisions:
        files = {name: text.encode() for name, text in read(revision.commit).items()}
        parents = [written[position] for position in revision.parents]
        written.append(
            _commit(repository, _with_ignored(files), parents, revision.message, revision.recorded_at)
        )
        if revision.is_result and revision.node in tags:
            repository.git.update_ref(f"refs/tags/{tags[revision.node]}", written[-1].hexsha)
    notes = {
        commit.hexsha: (json.dumps(revision.note, indent=2, ensure_ascii=False) + "\n").encode()
        for commit, revision in zip(written, revisions, strict=True)
    }
    last = revisions[-1].recorded_at
    noted = _commit(repository, notes, [], "Nodes, scores and lessons of the commits, as JSON\n", last)
    repository.git.update_ref(NOTES, noted.hexsha)
    files = _with_ignored(_exported_files(folder))
    (folder / ".gitignore").write_bytes(files[".gitignore"])
    head = _commit(repository, files, [written[-1]], "Add the files of the export\n", last)
    repository.git.update_ref(f"refs/heads/{BRANCH}", head.hexsha)


def _commit(
    repository: "git.Repo",
    files: Mapping[str, bytes],
    parents: list["git.Commit"],
    message: str,
    when: datetime,
) -> "git.Commit":
    """Write a commit with exactly these files, without a work tree and without hooks."""
    import git
    from gitdb import IStream

    author, index = git.Actor(*_AUTHOR), repository.index
    index.entries.clear()
    entries = []
    for name, content in files.items():
        blob = repository.odb.store(IStream(git.Blob.type, len(content), BytesIO(content)))
        entries.append(git.BaseIndexEntry((git.Blob.file_mode, blob.binsha, 0, name)))
    index.add(entries, write=False)
    return index.commit(
        message,
        parent_commits=parents,
        author=author,
        committer=author,
        author_date=when,
        commit_date=when,
        skip_hooks=True,
    )


def _with_ignored(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Add `.gitignore`; every commit has it, so that each checks out to a clean work tree."""
    return {**files, ".gitignore": files.get(".gitignore", b"") + _IGNORED.encode()}


def _exported_files(folder: Path) -> dict[str, bytes]:
    """Return the files of the folder that belong to the history."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        inside = parts[2:] if parts[0] == "members" else parts
        local = bool(inside) and (inside[0] in _LOCAL_FOLDERS or parts[0] in (".git", *_LOCAL_FILES))
        if not local and path.is_file() and not path.is_symlink():
            found["/".join(parts)] = path.read_bytes()
    return found
