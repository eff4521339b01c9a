"""The cache's two layers: a shared folder that candidates only read, and one of each candidate's own.

What a candidate builds lies in its own folder; the harness promotes it once the candidate turned out valid.
"""

import contextlib
import re
import shutil
import stat
from pathlib import Path

SHARED_LINK = "shared"
"""In the own folder: leads to the shared one. A candidate looks there first."""

LIMIT_BYTES = 20 * 2**30
_NAME = re.compile(r"[0-9a-f]{32}\.npy")


class CacheLayers:
    """The caches of one run's candidates. `shared` may serve several runs on the same prepared data."""

    def __init__(self, shared: Path, own: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.shared = shared
        self.own = own
        self._limit_bytes = limit_bytes

    def open(self, node: int, mark: str = "") -> Path:
        """A fresh folder of the node's own; one with a mark is for an execution whose caches nobody gets."""
        folder = self._folder(node, mark)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.shared.mkdir(parents=True, exist_ok=True)
        (folder / SHARED_LINK).symlink_to(self.shared.resolve())
        return folder

    def promote(self, node: int) -> None:
        """Moves what the node built into the shared layer, the oldest there making room; never fails.

        Only plain files with the name of a key count. A rename within one file system is atomic; across two
        the copy is made aside.
        """
        for file in sorted(self._folder(node).glob("*.npy")):
            status = file.lstat()
            target = self.shared / file.name
            plain = stat.S_ISREG(status.st_mode) and _NAME.fullmatch(file.name) and status.st_nlink == 1
            if not plain or target.exists() or not self._make_room(status.st_size):
                continue
            with contextlib.suppress(OSError):  # a full disk costs a later candidate some time, no more
                aside = target.with_name(f".{file.name}.{node}")
                shutil.move(file, aside)
                aside.replace(target)

    def drop(self, node: int, mark: str = "") -> None:
        """Removes the node's own folder."""
        shutil.rmtree(self._folder(node, mark), ignore_errors=True)

    def _folder(self, node: int, mark: str = "") -> Path:
        return self.own / f"{node:03d}{mark}"

    def _make_room(self, size: int) -> bool:
        """Whether a file of this size fits, once older ones have gone."""
        if size > self._limit_bytes:
            return False
        files = [(file, file.stat()) for file in self.shared.glob("*.npy")]
        found = sorted((status.st_mtime, status.st_size, file) for file, status in files)
        used = sum(held for _, held, _ in found)
        for _, held, file in found:
            if used + size <= self._limit_bytes:
                break
            with contextlib.suppress(OSError):
                file.unlink()
                used -= held
        return used + size <= self._limit_bytes
