"""Raw outputs stay only for the nodes that an ensemble may blend."""

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
    outputs.keep_only({2})
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
    outputs.keep_only(set())
