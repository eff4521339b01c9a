"""Runs of rendered repositories, each in a fork of one interpreter, and what ruff says of them."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Imports once what all repositories import and forks for each run: most of a short run is imports.
_DRIVER = """
import importlib, os, runpy, sys
for module in sys.argv[1].split(","):
    importlib.import_module(module)
for workspace in sys.argv[2].split(os.pathsep):
    if os.fork() == 0:
        os.chdir(workspace)
        log = os.open("run.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = ["main.py", *sys.argv[3:]]
        sys.path.insert(0, workspace)
        runpy.run_path("main.py", run_name="__main__")
        sys.exit()
    status = os.waitstatus_to_exitcode(os.wait()[1])
    with open(workspace + "/exit_code", "w") as file:
        file.write(str(status))
"""


def run_repositories(
    workspaces: Sequence[Path],
    preload: Sequence[str],
    arguments: Sequence[str],
    environment: Mapping[str, str],
) -> None:
    """Run `main.py` of each, one after the other; numerical warnings are errors.

    Each leaves `run.log` and `exit_code` in its workspace.

    Args:
        workspaces: The repositories with their tables.
        preload: Modules that are imported once.
        arguments: Arguments of `main.py`.
        environment: All environment variables.
    """
    folders = os.pathsep.join(map(str, workspaces))
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", _DRIVER, ",".join(preload), folders]
    subprocess.run([*command, *arguments], env=environment, check=True)


def ruff_complaints(folder: Path) -> str:
    """Return what ruff says of rendered repositories below a folder; empty if all of them are clean."""
    options = ["--isolated", "--no-cache", "--line-length", "110"]
    first_party = "--config=lint.isort.known-first-party=['library']"
    select = "--select=E,F,I,UP,B,SIM,C4,RUF100,RET,PIE,W,N"
    said = ""
    for command in (
        ["check", "--quiet", "--output-format=concise", first_party, select],
        ["format", "--check", "--diff"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", command[0], *options, *command[1:], "."],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        said += (done.stdout + done.stderr)[:4000] if done.returncode else ""
    return said
