"""A competition's data script in the sandbox."""

from pathlib import Path

import pytest

from agent.core.errors import SetupError
from agent.execution import run_script

SCRIPT = """
import os, sys
from pathlib import Path
import helper
out = Path(sys.argv[1])
out.mkdir()
(out / "train.csv").write_text(helper.HEADER + Path(sys.argv[2]).read_text())
(out / "environment.txt").write_text(str(dict(os.environ)))
"""


@pytest.fixture(params=["auto", "none"])
def sandbox(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    folder = tmp_path / "competition"
    folder.mkdir()
    (folder / "helper.py").write_text("HEADER = 'id\\n'\n")
    (folder / "generate.py").write_text(SCRIPT)
    return folder / "generate.py"


def test_the_script_reads_its_inputs_and_writes_its_folder(
    script: Path, tmp_path: Path, sandbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_API_KEY", "canary")
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "rows").write_text("r1\n")
    out = tmp_path / "data" / "out"
    run_script(script, [str(out), str(raw / "rows")], [raw], out.parent, sandbox)  # type: ignore[arg-type]
    assert (out / "train.csv").read_text() == "id\nr1\n"
    assert "CANARY" not in (out / "environment.txt").read_text()


def test_a_failure_is_a_setup_error_with_the_last_line_of_output(
    script: Path, tmp_path: Path, sandbox: str
) -> None:
    with pytest.raises(
        SetupError, match=r"generate\.py: failed with exit code 1: FileNotFoundError: .*nowhere"
    ):
        run_script(script, [str(tmp_path / "data" / "out"), "nowhere"], [], tmp_path / "data", sandbox)  # type: ignore[arg-type]


def test_other_files_are_not_visible(script: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    with pytest.raises(SetupError, match="Error"):
        run_script(script, [str(tmp_path / "data" / "out"), str(secret)], [], tmp_path / "data")


def test_the_error_names_a_missing_script(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"absent\.py"):
        run_script(tmp_path / "absent.py", [], [], tmp_path / "data")
