"""Two cache layers: a shared folder that candidates only read, and one writable folder per candidate.

A candidate writes cache files to its own folder. The harness promotes the files to the shared folder
once the candidate is valid.
"""

import contextlib
import errno
import os
import re
import shutil
from pathlib import Path

from agent.core.trees import remove_tree
from agent.core.untrusted_files import open_folder_inside, open_inside

SHARED_LINK = "shared"
"""Name of the link in a candidate's folder to the shared folder, where candidates look first."""

LIMIT_BYTES = 20 * 2**30
_NAME = re.compile(r"[0-9a-f]{32}\.npy")


class CacheLayers:
    """Caches of one run's candidates.

    Args:
        shared: The shared layer; several runs on the same prepared data may use the same folder.
        own: Parent folder of the candidates' own folders.
        limit_bytes: Size limit of the shared layer, in bytes.
    """

    def __init__(self, shared: Path, own: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.shared = shared
        self.own = own
        self._limit_bytes = limit_bytes

    def open(self, node: int, suffix: str = "") -> Path:
        """Create an empty folder for the node's cache.

        Args:
            node: Number of the node.
            suffix: Distinguishes the folder of an execution whose cache is never promoted.
        """
        folder = self._folder(node, suffix)
        remove_tree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.shared.mkdir(parents=True, exist_ok=True)
        (folder / SHARED_LINK).symlink_to(self.shared.resolve())
        return folder

    def promote(self, node: int) -> None:
        """Move the node's cache files to the shared layer; evict the oldest files there if space is short.

        Only plain files whose name is a cache key are moved. A file error only skips the file. Files appear
        in the shared layer by an atomic rename, also when the two folders are on different file systems.
        """
        with contextlib.suppress(OSError), open_folder_inside(self._folder(node)) as folder:
            for name in filter(_NAME.fullmatch, sorted(os.listdir(folder))):
                with contextlib.suppress(OSError):  # after a failure, a later candidate builds the file again
                    self._promote(node, name, folder)

    def _promote(self, node: int, name: str, folder: int) -> None:
        target, temporary = self.shared / name, self.shared / f".{name}.{node}"
        with open_inside(self._folder(node), name) as source:
            status = os.fstat(source.fileno())
            if target.exists() or not self._make_room(status.st_size):
                return
            try:
                os.rename(name, temporary, src_dir_fd=folder)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                with temporary.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
            else:
                if not os.path.samestat(status, temporary.lstat()):
                    temporary.unlink()
                    return
                os.fchmod(source.fileno(), 0o644)
            temporary.replace(target)

    def drop(self, node: int, suffix: str = "") -> None:
        """Delete the node's own folder."""
        remove_tree(self._folder(node, suffix), ignore_errors=True)

    def _folder(self, node: int, suffix: str = "") -> Path:
        return self.own / f"{node:03d}{suffix}"

    def _make_room(self, size: int) -> bool:
        """Evict the oldest files until a file of this size fits; return whether it fits."""
        if size > self._limit_bytes:
            return False
        files = [(file, file.stat()) for file in self.shared.glob("*.npy")]
        oldest_first = sorted((status.st_mtime, status.st_size, file) for file, status in files)
        used = sum(file_size for _, file_size, _ in oldest_first)
        for _, file_size, file in oldest_first:
            if used + size <= self._limit_bytes:
                break
            with contextlib.suppress(OSError):
                file.unlink()
                used -= file_size
        return used + size <= self._limit_bytes
