"""The card says which rows the validation score covers."""

import pytest

from agent.competition.prepared import Prepared
from agent.solution.card import Card, card_page, make_card
from tests.support.states import finish, propose, started


@pytest.mark.parametrize(
    ("folds", "text"),
    [
        (1, "| validation | 0.70000 ± 0.01000, {rows} rows |"),
        (3, "| validation | 0.70000 ± 0.01000, out-of-fold over 3 folds, {rows} rows |"),
    ],
)
def test_the_page_tells_folds_and_rows(toy_prepared: Prepared, folds: int, text: str) -> None:
    state = started()
    node = propose(state)
    finish(state, node, 0.7, metric_se=0.01, folds=folds, fold_metrics=(0.7,) * folds)
    card = make_card(toy_prepared, state, "toy-1", state.nodes[node], True)
    assert (card.folds, card.validation_rows) == (folds, sum(toy_prepared.fold_rows[:folds]))
    assert text.format(rows=card.validation_rows) in card_page(card)


def test_a_card_of_before_has_one_fold_and_no_count(toy_prepared: Prepared) -> None:
    state = started()
    node = propose(state)
    finish(state, node, 0.7)
    content = make_card(toy_prepared, state, "toy-1", state.nodes[node], True).model_dump(
        mode="json", exclude={"folds", "validation_rows"}
    )
    older = Card.model_validate(content)
    assert (older.folds, older.validation_rows) == (1, None)
    assert "| validation | 0.70000 |" in card_page(older)
