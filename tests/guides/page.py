"""A guide page of the documentation: its files, and its commands."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cli.commands import mars

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
# The page's `pip install .` without a network, into a folder that plays the part of site-packages.
_OFFLINE = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet")


@dataclass(frozen=True)
class Page:
    """A page whose code blocks carry the names of their files: ```python title="mars_quick.py"."""

    files: dict[str, str]  # text by file name
    commands: tuple[str, ...]  # lines of the shell, in order

    @classmethod
    def read(cls, name: str) -> "Page":
        blocks = _BLOCK.findall((GUIDES / name).read_text())
        commands = [line for kind, _, text in blocks if kind == "bash" for line in text.splitlines()]
        return cls({title: text for _, title, text in blocks if title}, tuple(commands))

    def write(self, folder: Path, names: list[str] | None = None) -> None:
        """Write the page's files, or those named."""
        for name in self.files if names is None else names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(self.files[name])

    def run(self, competition: str, *limits: str) -> list[subprocess.CompletedProcess[str]]:
        """Run the page's `mars` commands; `limits` are added to each `mars run` to make it short."""
        done = []
        for command in self.commands:
            program, *arguments = shlex.split(command.replace("my-competition", competition))
            if program == "mars":
                done.append(mars(*arguments, *(limits if arguments[0] == "run" else ())))
        return done


def pip_install(source: Path, site: Path) -> None:
    """Install the package in `source` into `site`."""
    command = [sys.executable, "-m", "pip", "install", *_OFFLINE, "--target", str(site), str(source)]
    subprocess.run(command, check=True)


def with_site(site: Path) -> str:
    """Return the PYTHONPATH of processes for which packages in `site` are installed."""
    return os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
