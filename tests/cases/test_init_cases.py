"""`mars init` on every kind of input: the right specification, the right question, or one sentence."""

from pathlib import Path

import pytest
import yaml

from tests.cases.case import Case
from tests.cases.column_cases import COLUMN_CASES
from tests.cases.command import mars_here
from tests.cases.file_cases import FILE_CASES
from tests.cases.picture_cases import PICTURE_CASES
from tests.cases.target_cases import TARGET_CASES

CASES = [*FILE_CASES, *COLUMN_CASES, *TARGET_CASES, *PICTURE_CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_init(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MARS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "data"
    folder.mkdir()
    case.make(folder)
    before = sorted(folder.rglob("*"))
    code, out, err = mars_here(["init", str(folder)], monkeypatch, capsys)
    if case.refused:
        assert code == 2, out + err
        assert err.count("\n") == 1, f"one sentence: {err}"
        assert [part for part in case.refused if part.lower() not in err.lower()] == [], err
        assert sorted(folder.rglob("*")) == before, "nothing is written"
        return
    assert code == 0, out + err
    assert "Families that can run" in out or "no family" in out.lower()
    missing = [part for part in case.said if part.lower() not in out.lower()]
    assert missing == [], out
    spec = yaml.safe_load((folder / "competition.yaml").read_text(encoding="utf-8"))
    assert {name: spec.get(name) for name in case.spec} == dict(case.spec), out
    roles = {column["name"]: column["role"] for column in spec["inputs"]}
    assert {name: roles.get(name) for name in case.roles} == dict(case.roles), out
