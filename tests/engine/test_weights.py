"""Weights of the user: linked into every execution, and nowhere else."""

from pathlib import Path

import pytest

from tests.support.finished_runs import blending_home, search


def test_weights_are_at_hand_in_every_execution(tmp_path: Path) -> None:
    """Links out of the workspace are removed after the smoke run."""
    home = blending_home(tmp_path)
    home.weights.mkdir()
    (home.weights / "net.pth").write_text("weights")
    main = home.root / "templates" / "toy" / "main.py.j2"
    code = main.read_text()
    needed = '    assert Path("weights/net.pth").read_text() == "weights"\n'
    for anchor in ("def main() -> None:\n    began = time.perf_counter()\n",):
        assert anchor in code
        code = code.replace(anchor, anchor + needed)
    main.write_text(code)
    run = search(home, refit=True)
    assert len(run.state.valid) == len(run.state.nodes)
    chosen = run.state.nodes[run.state.finished.chosen or 0] if run.state.finished else None
    assert chosen is not None
    assert chosen.refit is not None
    assert chosen.refit.status == "kept", chosen.refit.reason


@pytest.mark.parametrize("left", ["a file", "a link"])
def test_weights_are_linked_only_into_real_member_folders(tmp_path: Path, left: str) -> None:
    home = blending_home(tmp_path)
    home.weights.mkdir()
    main = home.root / "templates" / "toy" / "main.py.j2"
    code, anchor = main.read_text(), "def main() -> None:\n    began = time.perf_counter()\n"
    made = {
        "a file": 'Path("members").mkdir(exist_ok=True)\n    Path("members/fold0.pkl").write_text("")',
        "a link": 'os.path.lexists("members") or os.symlink("metadata", "members")',
    }
    assert anchor in code
    main.write_text(code.replace(anchor, f"{anchor}    {made[left]}\n"))
    run = search(home)
    assert len(run.state.nodes) > 1
    public = run.prepared.metadata.parent
    assert not list(public.rglob("weights"))
