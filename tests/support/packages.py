"""Small Python packages in a folder, as a package installer leaves them."""

from collections.abc import Mapping
from pathlib import Path


def install_package(
    folder: Path, name: str, points: Mapping[str, Mapping[str, str]], files: Mapping[str, str]
) -> None:
    """Write a package's files and metadata, so that `folder` on sys.path makes the package installed.

    Args:
        folder: the folder, which plays the part of site-packages.
        name: name of the distribution.
        points: entry points by group: {"mars.metrics": {"pinball": "pinball:PINBALL"}}.
        files: contents of the package's files by their path in `folder`.
    """
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    sections = (
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in points.items()
    )
    (info / "entry_points.txt").write_text("\n".join(sections))
