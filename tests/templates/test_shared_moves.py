"""Moves of the same name say the same in each family of tables and texts: lessons speak of them together."""

from agent.core.paths import templates_dir
from agent.repository.family import load_family


def test_a_move_of_two_families_is_the_same_move() -> None:
    tabular, text = (load_family(templates_dir() / name) for name in ("tabular", "text"))
    ours = {move.id: move for move in text.moves}
    both = {move.id: move for move in tabular.moves if move.id in ours}
    assert {"correct_prior", "expect_rank", "most_probable"} <= both.keys()
    assert both == {name: ours[name] for name in both}
