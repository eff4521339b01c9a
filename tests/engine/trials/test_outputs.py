"""Raw outputs stay only for the nodes that an ensemble may blend."""

import pytest

from agent.engine.trials import outputs as retention
from agent.engine.trials.checkout import Checkout
from agent.engine.trials.outputs import OutputRetention

NAMES = ("val_outputs.npz", "test_outputs.npz")


def _write(checkout: Checkout, folder: str) -> None:
    for name in (*NAMES, "frozen.json"):
        file = checkout.nodes_root / folder / "working" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")


def _left(checkout: Checkout) -> dict[str, set[str]]:
    return {
        folder.name: {file.name for file in (folder / "working").iterdir()}
        for folder in checkout.nodes_root.iterdir()
    }


def test_outputs_of_this_session_and_of_earlier_ones_are_removed(checkout: Checkout) -> None:
    for folder in ("001", "002", "003-repeat1"):
        _write(checkout, folder)
    outputs = OutputRetention(checkout)
    _write(checkout, "004")
    outputs.add(4)
    outputs.keep_only([2])
    everything = {*NAMES, "frozen.json"}
    assert _left(checkout) == {
        "001": {"frozen.json"},
        "002": everything,
        "003-repeat1": everything,
        "004": {"frozen.json"},
    }


def test_a_node_that_wrote_no_outputs_is_no_error(checkout: Checkout) -> None:
    outputs = OutputRetention(checkout)
    outputs.add(1)
    outputs.keep_only([])


def test_large_outputs_stay_for_the_eight_most_valuable_nodes_only(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_BYTES", 100)
    outputs = OutputRetention(checkout)
    for node in range(1, 13):
        _write(checkout, f"{node:03d}")
        (checkout.nodes_root / f"{node:03d}" / "working" / NAMES[0]).write_bytes(bytes(30))
        outputs.add(node)
    outputs.keep_only(range(12, 0, -1))
    kept = {int(folder) for folder, files in _left(checkout).items() if NAMES[0] in files}
    assert kept == set(range(5, 13))


def test_small_outputs_stay_for_all_nodes(checkout: Checkout) -> None:
    outputs = OutputRetention(checkout)
    for node in range(1, 31):
        _write(checkout, f"{node:03d}")
        outputs.add(node)
    outputs.keep_only(range(1, 31))
    left = _left(checkout)
    assert len(left) == 30
    assert all(set(NAMES) <= files for files in left.values())
