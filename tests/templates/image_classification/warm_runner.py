"""Runs `main.py` of workspaces, each in a fork of this process; its arguments are modules to import first.

Requests come on stdin, a JSON line each: {"workspace", "arguments", "environment"}. Answers go to stdout,
a JSON line each: [exit status, output].
"""

import importlib
import json
import os
import runpy
import sys
import traceback
from pathlib import Path


def run(workspace: Path, arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
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
            os.environ.update(environment)
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
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended), log.read_text()


def main() -> None:
    for module in sys.argv[1:]:
        importlib.import_module(module)
    for line in sys.stdin:
        request = json.loads(line)
        answer = run(Path(request["workspace"]), request["arguments"], request["environment"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
