"""The images of all rows of a competition: from lookup to placed files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.competition.pictures.decoding import read_header, require_decoder
from agent.competition.pictures.index import build_index
from agent.competition.preparation.media import MediaFiles, find_media, is_lookup
from agent.competition.preparation.media_check import MediaCheck, check_media
from agent.competition.preparation.media_place import (
    PictureTable,
    Placement,
    PutFile,
    place_media,
    plan_placement,
)
from agent.competition.preparation.raw_tables import RawTables
from agent.competition.spec import CompetitionSpec, InputColumn
from agent.core.locks import temporary_folder

_HEADERS_SURVEYED = 64  # per table


@dataclass(frozen=True)
class RowMedia:
    """The images of the training table and of the rows to predict."""

    train: MediaFiles
    test: MediaFiles
    train_file: Path
    test_file: Path
    others: tuple[str, ...] = ()
    """Inputs beside the images."""

    @property
    def fingerprint_parts(self) -> list[bytes]:
        """Return what identifies the images: names and sizes, and whether they are stored as copies."""
        parts = ["\0".join(files.names).encode() + files.sizes.tobytes() for files in (self.train, self.test)]
        # Images that earlier versions linked as well keep their fingerprint.
        return [*parts, b"copies"] if self._has_copies() else parts

    def _has_copies(self) -> bool:
        if self.test.missing.any() or self.train.archived or self.test.archived:
            return True
        for files in (self.train, self.test):
            present = np.flatnonzero(~files.missing)
            for row in present[:: max(1, len(present) // _HEADERS_SURVEYED)]:
                header = read_header(files.files[row])
                if header is None or not header.is_plain or header.is_large:
                    return True
        return False

    @contextmanager
    def unpacked(self, parent: Path) -> Iterator["RowMedia"]:
        """Yield the images with those of archives in a temporary folder in `parent`."""
        with temporary_folder(".pictures-", parent) as scratch:
            (scratch / "train").mkdir()
            (scratch / "test").mkdir()
            train, test = self.train.unpack(scratch / "train"), self.test.unpack(scratch / "test")
            yield replace(self, train=train, test=test)

    def check(self, seed: int) -> "CheckedMedia":
        """Check all images; raises SetupError if too many cannot be used."""
        train = check_media(self.train, self.train_file, seed, labelled=True)
        test = check_media(self.test, self.test_file, seed, labelled=False)
        placement = plan_placement((self.train, self.test), (train, test), seed)
        return CheckedMedia(self, train, test, placement)


@dataclass(frozen=True)
class CheckedMedia:
    """Images with the use of each."""

    media: RowMedia
    train: MediaCheck
    test: MediaCheck
    placement: Placement

    @property
    def kept(self) -> NDArray[np.intp]:
        """Return the training rows with a usable image."""
        return np.flatnonzero(~self.train.broken)

    @property
    def warnings(self) -> list[str]:
        """Return warnings for the user, one sentence each."""
        dropped = [f"{fault}; MARS dropped these rows." for fault in self.train.faults]
        substituted = "these rows stay among the rows to predict, with a picture of the mean colour"
        stayed = [f"{fault}; {substituted}." for fault in self.test.faults]
        others = ", ".join(self.media.others)
        left = (
            [f"Models of pictures read only the pictures, not the other inputs: {others}."] if others else []
        )
        notes = [*self.train.notes, *self.test.notes, *self.placement.rendering.notes]
        return [*dropped, *stayed, *notes, *left]

    def place(
        self, train_names: Sequence[str], test_names: Sequence[str], target: Path, put: PutFile
    ) -> tuple[list[str], list[str]]:
        """Place the images of the kept training rows and of all rows to predict; return their paths."""
        train = MediaCheck([self.train.uses[row] for row in self.kept], (), ())
        kept = self.media.train.take(self.kept)
        tables = [
            PictureTable(kept, train, train_names),
            PictureTable(self.media.test, self.test, test_names),
        ]
        train_files, test_files = place_media(tables, self.placement, target, put)
        return train_files, test_files


def find_row_media(folder: Path, image: InputColumn, spec: CompetitionSpec, tables: RawTables) -> RowMedia:
    """Find the images of all rows.

    Raises:
        SetupError: The image path is wrong, or the decoder is not installed.
    """
    require_decoder()
    index = build_index(folder) if is_lookup(image.path or "") else None
    train_file, test_file = folder / spec.train, folder / (spec.test or spec.sample_submission)
    train = find_media(folder, image, tables.train, "train", train_file, index)
    test = find_media(folder, image, tables.test, "test", test_file, index)
    others = tuple(column.name for column in spec.inputs if column.role not in ("image", "group", "time"))
    return RowMedia(train, test, train_file, test_file, others)
