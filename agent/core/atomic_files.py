"""Atomic file writes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.core.errors import InfrastructureError


@contextmanager
def atomic_file(file: Path, what: str) -> Iterator[Path]:
    """Yield a temporary path next to `file`; rename the result to `file` after the block.

    Args:
        file: the final path.
        what: what the file contains, for the error message.

    Raises:
        InfrastructureError: the file cannot be written.
    """
    path = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield path
        path.replace(file)
    except OSError as error:
        raise InfrastructureError(f"{file}: the {what} cannot be written ({error.strerror}).") from error
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
