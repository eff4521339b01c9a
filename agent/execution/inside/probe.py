"""Print the kernel features available to an unprivileged process, as JSON: `python -m inside.probe`."""

import json
import os

from . import landlock, linux


def main() -> None:
    """Print `landlock` (version; 0: none) and `namespaces` (whether a process can create its own)."""
    child = os.fork()
    if child == 0:
        try:
            linux.unshare(network=True)
        except OSError:
            os._exit(1)
        inner = os.fork()
        if inner == 0:
            try:
                linux.mount_private()
            except OSError:
                os._exit(1)
            os._exit(0)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) & 0xFF)
    namespaces = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print(json.dumps({"landlock": landlock.abi(), "namespaces": namespaces}))


if __name__ == "__main__":
    main()
