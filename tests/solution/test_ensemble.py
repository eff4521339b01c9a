"""Which nodes an ensemble blends."""

from pathlib import Path

from agent.core.contract import OUTPUT_FILES
from agent.record.state import RunState
from agent.repository.family import Family, Value
from agent.solution import ensemble
from tests.support.states import finish, idea, propose, started


def _scored(state: RunState, score: float, **slots: Value) -> int:
    node = propose(state, what=idea(slots=slots))
    finish(state, node, score)
    return node


def test_the_best_of_each_structure_comes_first_and_the_others_follow_by_score(toy_family: Family) -> None:
    state = started(families=[toy_family.model_copy(update={"structure": ("kind",)})])
    scores = {"boosting": (0.90, 0.89, 0.88), "linear": (0.70, 0.75), "forest": (0.85,)}
    nodes = {
        (kind, score): _scored(state, score, kind=kind) for kind, values in scores.items() for score in values
    }
    expected = [
        ("boosting", 0.90),
        ("forest", 0.85),
        ("linear", 0.75),
        ("boosting", 0.89),
        ("boosting", 0.88),
        ("linear", 0.70),
    ]
    assert [node.id for node in ensemble.ranked(state)] == [nodes[key] for key in expected]


def test_ensembles_and_nodes_without_a_score_are_never_members() -> None:
    state = started()
    valid = _scored(state, 0.8, model="linear")
    finish(state, propose(state, valid, operator="ensemble"), 0.9)
    finish(state, propose(state), 0.95, status="suspect")
    assert [node.id for node in ensemble.ranked(state)] == [valid]


def test_at_most_25_nodes_with_raw_outputs_are_members(tmp_path: Path) -> None:
    state = started()
    workspaces = {}
    for number in range(40):
        node = _scored(state, 0.5 + number / 100, model="boosting")
        workspaces[node] = tmp_path / str(node)
        if number % 10:  # every tenth node wrote no outputs
            for name in OUTPUT_FILES:
                (workspaces[node] / name).parent.mkdir(parents=True, exist_ok=True)
                (workspaces[node] / name).write_bytes(b"")
    found = [node.id for node in ensemble.members(state, workspaces)]
    with_outputs = [node for node in range(40, 0, -1) if (node - 1) % 10]
    assert found == with_outputs[:25]
