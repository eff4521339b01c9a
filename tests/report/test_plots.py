"""Pictures of a run as PNG files."""

import importlib.util
import struct
from pathlib import Path

import pytest

from agent.competition.metrics import get_metric
from agent.core.errors import InfrastructureError, SetupError
from agent.record.state import RunState
from agent.report.plots import write_plots
from tests.report.scripted_run import Script, idea, result

NAMES = ["best_over_time.png", "learning_curves.png", "score_against_time.png"]
needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib, the extra `plots`, is not installed"
)


def size_of(file: Path) -> tuple[int, int]:
    """Return width and height from the header of a PNG file."""
    head = file.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


@needs_matplotlib
def test_writes_each_picture_and_leaves_nothing_else(state: RunState, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "pictures"
    for _ in range(2):
        files = write_plots(state, r"100 $ prizes \frac{", get_metric("micro_f1"), folder)
    assert sorted(file.name for file in files) == NAMES
    assert sorted(file.name for file in folder.iterdir()) == NAMES
    for file in files:
        assert min(size_of(file)) > 500


@needs_matplotlib
def test_a_picture_follows_the_run(state: RunState, story: list[object], tmp_path: Path) -> None:
    metric = get_metric("micro_f1")
    half = RunState.replay(story[:12], higher_is_better=True)  # type: ignore[arg-type]
    first = [file.read_bytes() for file in write_plots(half, "iMet", metric, tmp_path / "half")]
    assert first == [file.read_bytes() for file in write_plots(half, "iMet", metric, tmp_path / "again")]
    assert first != [file.read_bytes() for file in write_plots(state, "iMet", metric, tmp_path / "whole")]


@needs_matplotlib
def test_a_run_without_scores_has_no_pictures(tmp_path: Path) -> None:
    script = Script()
    script.start()
    script.propose(1, "draft", (), idea("First"))
    script.finish(1, result(None, None, 1.0, "failed", "It stopped."))
    state = RunState.replay(script.events, higher_is_better=True)
    assert write_plots(state, "iMet", get_metric("micro_f1"), tmp_path) == []


@needs_matplotlib
def test_a_folder_that_cannot_be_written_is_named(state: RunState, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError, match=r"file/best_over_time\.png: the picture cannot be written"):
        write_plots(state, "iMet", get_metric("micro_f1"), tmp_path / "file")


def test_says_what_to_install(state: RunState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without_matplotlib(name: str, package: str | None = None) -> object:
        return None if name == "matplotlib" else found(name, package)

    monkeypatch.setattr("agent.report.plots.find_spec", without_matplotlib)
    with pytest.raises(SetupError, match=r"mars-search\[plots\]"):
        write_plots(state, "iMet", get_metric("micro_f1"), tmp_path)
    assert list(tmp_path.iterdir()) == []
