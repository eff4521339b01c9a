"""What is expected of a chosen node on new rows, from the files of finished runs."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from agent.competition.metrics import get_metric
from agent.competition.prepared import Prepared
from agent.core.contract import OUTPUT_FILES
from agent.core.paths import Home
from agent.record.events import ExpectedScore
from agent.record.opened_run import Run
from agent.report.formatting import expected as expected_text
from agent.report.tree import render_tree
from agent.solution.card import card_page, load_card
from agent.solution.choose import expected_score
from agent.solution.expected import estimate_expected
from agent.solution.raw_outputs import read_validation_outputs
from tests.support.finished_runs import complementary_home, search
from tests.support.states import finish, propose, started


def _without_audit(home: Home) -> Home:
    file = home.benchmarks / "toy" / "competition.yaml"
    file.write_text(file.read_text() + "mix_audit: false\n")
    return home


# Whole searches of real processes.
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run without audit rows that ends with an ensemble."""
    return search(_without_audit(complementary_home(tmp_path_factory.mktemp("home"))), max_nodes=6)


def _expected(run: Run) -> ExpectedScore:
    assert run.state.finished is not None
    assert run.state.finished.expected is not None
    return run.state.finished.expected


@slow
def test_without_audit_rows_the_choice_is_repeated(run: Run) -> None:
    found = _expected(run)
    assert run.state.finished is not None
    assert run.state.finished.chosen is not None
    chosen = run.state.nodes[run.state.finished.chosen]
    assert chosen.operator == "ensemble"
    assert chosen.metric is not None
    assert chosen.result is not None
    assert chosen.result.metric_se is not None
    rivals = len(run.state.valid) - len(run.state.replaced_blends)
    assert (found.method, found.nodes) == ("repeated_choice", rivals)
    assert 6 <= found.choices <= 36
    assert found.value == pytest.approx(chosen.metric, abs=0.02)
    assert found.standard_error >= 0.8 * chosen.result.metric_se
    assert found.lower < found.value < found.upper <= 1


@slow
def test_the_ensemble_is_blended_anew(run: Run) -> None:
    """Without the members' outputs the ensemble keeps its own predictions, which need no correction."""
    assert run.state.finished is not None
    chosen = run.state.nodes[run.state.finished.chosen or 0]

    def workspace(node: int) -> Path:
        return run.nodes / f"{node:03d}"

    def estimate() -> ExpectedScore:
        found = estimate_expected(run.prepared, run.metric, run.state, chosen, workspace)
        assert found is not None
        return found

    blended = estimate()
    hidden = [file.rename(file.with_suffix(".hidden")) for file in run.nodes.glob(f"*/{OUTPUT_FILES[0]}")]
    kept = estimate()
    for file in hidden:
        file.rename(file.with_suffix(".npz"))
    assert kept.value == pytest.approx(chosen.metric, abs=1e-9)
    assert blended.value != kept.value


@slow
def test_card_and_tree_say_what_to_expect_and_how_it_was_estimated(run: Run) -> None:
    found = _expected(run)
    home = Home(run.folder.parents[1])
    card = load_card(home.solutions / "toy")
    assert card is not None
    assert (card.expected, card.expected_se) == (found.value, found.standard_error)
    assert card.expected_interval == (found.lower, found.upper)
    interval = f"95 % interval {found.lower:.5f} to {found.upper:.5f}: {found.how}"
    assert interval in card_page(card)
    assert found.how == (
        f"the choice among {found.nodes} nodes was made again {found.choices} times on two thirds of the "
        "rows, and the other rows scored it"
    )
    console = Console(file=io.StringIO(), width=140)
    console.print(render_tree(run.state, 140))
    assert isinstance(console.file, io.StringIO)
    assert f"expected: {expected_text(found)}" in console.file.getvalue()


def test_validation_and_audit_are_shrunk_where_no_choice_can_be_repeated(
    toy_prepared: Prepared, tmp_path: Path
) -> None:
    state = started()
    for score in (0.80, 0.82, 0.84, 0.83, 0.81, 0.86):
        finish(state, propose(state), score, metric_se=0.02, audit_metric=score - 0.01, audit_se=0.03)
    found = estimate_expected(
        toy_prepared, get_metric("accuracy"), state, state.nodes[6], lambda node: tmp_path / "none"
    )
    shrunk = expected_score(state, state.nodes[6])
    assert found is not None
    assert shrunk is not None
    assert (found.value, found.standard_error) == (shrunk.value, shrunk.standard_error)
    assert (found.method, found.choices, found.nodes) == ("shrinkage", 0, 6)
    assert found.how == "from validation and audit, the lead over 5 other nodes shrunk"
    assert found.upper - found.value == pytest.approx(1.96 * found.standard_error)
    assert found.value - found.lower == pytest.approx(1.96 * found.standard_error)


def test_damaged_outputs_of_a_candidate_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "working").mkdir()
    file = tmp_path / OUTPUT_FILES[0]
    assert read_validation_outputs(tmp_path, ["a"]) is None
    file.write_bytes(b"PK\x03\x04 no archive")
    assert read_validation_outputs(tmp_path, ["a"]) is None
    np.savez(file, ids=np.array(["a", "b"]), outputs=np.array([{}, {}], dtype=object))
    assert read_validation_outputs(tmp_path, ["a"]) is None
    np.savez(file, ids=np.array(["a", "b"]), outputs=np.array([[np.nan], [1.0]]))
    assert read_validation_outputs(tmp_path, ["a"]) is None
    np.savez(file, ids=np.array(["a", "b"]), outputs=np.array([[0.5], [1.0]], dtype=np.float16))
    assert read_validation_outputs(tmp_path, ["a", "c"]) is None
    assert json.dumps(read_validation_outputs(tmp_path, ["b", "a"]).tolist()) == "[[1.0], [0.5]]"  # type: ignore[union-attr]
