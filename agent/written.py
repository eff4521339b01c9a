"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import InfrastructureError


@contextmanager
def file_aside(file: Path, what: str) -> Iterator[Path]:
    """A path beside `file` to write to; renamed to it in the end.

    Raises:
        InfrastructureError: The disk does not let it; names the file and `what` it was to be.
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
