"""Errors of the disk as one sentence."""

import errno
import re
import shutil
from pathlib import Path

import pytest

from agent.core.errors import InfrastructureError, SetupError
from agent.core.files import translate_os_errors


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, InfrastructureError, "No space left on device; free some space and run again."),
        (errno.EACCES, SetupError, "Permission denied; give this user the permissions."),
        (errno.EIO, InfrastructureError, "Input/output error."),
    ],
)
def test_the_copy_of_a_folder_fails_with_one_sentence(
    tmp_path: Path, number: int, kind: type[Exception], said: str
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / "from" / name).mkdir(parents=True)
        (tmp_path / "from" / name / "file").touch()

    def copy(source: object, target: object, **options: object) -> None:
        raise OSError(number, "words", str(source), None, str(target))

    place = re.escape(str(tmp_path / "to"))
    with (
        pytest.raises(kind, match=f"^Copying x: {place}/./file: {re.escape(said)}$"),
        translate_os_errors("Copying x"),
    ):
        shutil.copytree(tmp_path / "from", tmp_path / "to", copy_function=copy)
