"""The names of files tell which table is which."""

import pytest

from agent.drafting.rules.table_roles import TableRoles, assign_roles


def roles(
    train: str | None = None,
    test: str | None = None,
    sample: str | None = None,
    labels: str | None = None,
    answers: tuple[str, ...] = (),
    others: tuple[str, ...] = (),
) -> TableRoles:
    return TableRoles(train, labels, test, sample, (), answers, others)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train.csv", "test.csv"], roles("train.csv", "test.csv")),
        (
            ["train.parquet", "test.parquet", "sample_submission.csv"],
            roles("train.parquet", "test.parquet", "sample_submission.csv"),
        ),
        (["shop_train.csv.gz", "shop_test.csv.gz"], roles("shop_train.csv.gz", "shop_test.csv.gz")),
        (
            ["X_train.csv", "y_train.csv", "X_test.csv"],
            roles("X_train.csv", "X_test.csv", labels="y_train.csv"),
        ),
        (
            ["X_train.csv", "y_train.csv", "X_test.csv", "y_test.csv"],
            roles("X_train.csv", "X_test.csv", labels="y_train.csv", answers=("y_test.csv",)),
        ),
        (
            ["train_values.csv", "train_labels.csv", "test_values.csv", "submission_format.csv"],
            roles("train_values.csv", "test_values.csv", "submission_format.csv", "train_labels.csv"),
        ),
        (
            ["train_labels.csv", "sample_submission.csv"],
            roles("train_labels.csv", None, "sample_submission.csv"),
        ),
        (["X.csv", "y.csv"], roles("X.csv", labels="y.csv")),
        (["data.csv"], roles("data.csv")),
        (["data.csv", "test.csv"], roles("data.csv", "test.csv")),
        (["train.csv", "test.csv", "stores.csv"], roles("train.csv", "test.csv", others=("stores.csv",))),
        (
            ["train.csv", "test.csv", "test_labels.csv"],
            roles("train.csv", "test.csv", answers=("test_labels.csv",)),
        ),
        (["train.csv", "test.csv", "data_description.txt", "readme.txt"], roles("train.csv", "test.csv")),
        (
            ["train.csv", "hold_out_train.csv", "hold_out_test.csv"],
            roles("hold_out_train.csv", "hold_out_test.csv"),
        ),
        (["a.csv", "b.csv"], roles(others=("a.csv", "b.csv"))),
        ([], roles()),
    ],
)
def test_names_give_roles(names: list[str], expected: TableRoles) -> None:
    assert assign_roles(names) == expected


def test_a_table_of_classes_is_no_training_table() -> None:
    found = assign_roles(["train.csv", "test.csv", "labels.csv"])
    assert (found.train, found.train_labels, found.label_tables) == ("train.csv", None, ("labels.csv",))
