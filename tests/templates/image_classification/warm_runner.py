"""Runs `main.py` of many workspaces, each in a fork of this process; a request comes on stdin, as JSON."""

import importlib
import json
import os
import runpy
import sys
import traceback
from pathlib import Path


def run(workspace: Path, arguments: list[str]) -> tuple[int, str]:
    """Exit status and output of one run."""
    log = workspace / "output.log"
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.chdir(workspace)
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            sys.argv = ["main.py", *arguments]
            sys.path.insert(0, str(workspace))
            runpy.run_path("main.py", run_name="__main__")
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), log.read_text()


def main() -> None:
    request = json.loads(sys.stdin.read())
    for module in request["preload"]:
        importlib.import_module(module)
    results = [run(Path(folder), request["arguments"]) for folder in request["workspaces"]]
    print(json.dumps(results))


if __name__ == "__main__":
    main()
