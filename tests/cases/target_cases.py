"""Ids, targets and sample submissions."""

from pathlib import Path

import numpy as np
import pandas as pd

from tests.cases.case import Case, classes, numbers, parts, save, save_split

_GRADES = ["poor", "fair", "good", "excellent"]


def _repeated_ids(folder: Path) -> None:
    frame = classes()
    frame.loc[[4, 9], "id"] = frame.loc[2, "id"]
    save_split(folder, frame, "sold")


def _id_in_other_case(folder: Path) -> None:
    train, test = parts(numbers().rename(columns={"id": "Id"}), "price")
    save(folder, train, test, pd.DataFrame({"id": test["Id"], "price": 0.0}))


def _two_ids(folder: Path) -> None:
    frame = classes()
    frame.insert(1, "Id", frame["id"] * 3)
    save_split(folder, frame, "sold")


def _sample(folder: Path, order: list[str], **extra: object) -> None:
    train, test = parts(numbers(), "price")
    sample = pd.DataFrame({"id": test["id"], "price": 0.0, **extra})
    save(folder, train, test, sample[order])


def _sample_of_classes(folder: Path) -> None:
    train, test = parts(classes(), "sold")
    save(folder, train, test, pd.DataFrame({"id": test["id"], "sold": 0, "comment": "none"}))


def _blank_targets(folder: Path) -> None:
    frame = classes()
    frame["sold"] = frame["sold"].map({0: "no", 1: "yes"})
    frame.loc[[6, 20, 33], "sold"] = ""
    save_split(folder, frame, "sold")


def _counts(folder: Path) -> None:
    train, test = parts(numbers(), "price")
    train = train.assign(price=(train["price"] / 2.5).round().clip(0, 15).astype(int))
    save(folder, train, test, pd.DataFrame({"id": test["id"], "price": 4.2}))


def _names_of_two_words(folder: Path) -> None:
    frame = classes(480)
    names = ["Fig healthy", "Fig blight", "Kiwi healthy", "Kiwi blight", "Plum healthy", "Plum blight"]
    frame["sold"] = [names[int(sold) + 2 * (row % 3)] for row, sold in enumerate(frame["sold"])]
    save_split(folder, frame, "sold")


def _label_sets(folder: Path, mark: str) -> None:
    rng = np.random.default_rng(9)
    frame = classes(400)
    words = np.array(["fog", "hail", "rain", "sun", "wind"])
    frame["sold"] = [mark.join(words[rng.random(5) < 0.45]) or "sun" for _ in range(400)]
    save_split(folder, frame, "sold")


def _binary_targets(folder: Path) -> None:
    rng = np.random.default_rng(10)
    frame = classes(400).drop(columns="sold")
    for name in ("bent", "scratched", "stained"):
        frame[name] = (rng.random(400) < 0.3).astype(int)
    train, test = parts(frame, "bent", "scratched", "stained")
    save(folder, train, test, pd.DataFrame({"id": test["id"], "bent": 0.5, "scratched": 0.5, "stained": 0.5}))


def _graded(folder: Path) -> None:
    frame = numbers(480)
    ranks = pd.qcut(frame.pop("price"), 4, labels=False)
    frame["grade"] = [_GRADES[rank] for rank in ranks]
    save_split(folder, frame, "grade")


def _target_blank_in_test(folder: Path) -> None:
    train, test = parts(classes(), "sold")
    save(folder, train, test.assign(sold=""))


def _labels_alike(folder: Path) -> None:
    frame = classes()
    forms = {0: ["No", "no"], 1: ["Yes", "yes", "Yes "]}
    frame["sold"] = [forms[sold][row % len(forms[sold])] for row, sold in enumerate(frame["sold"])]
    save_split(folder, frame, "sold")


def _odd_label(folder: Path) -> None:
    frame = classes()
    frame["sold"] = frame["sold"].astype(str)
    frame.loc[frame.index % 9 == 0, "sold"] = "--2"
    save_split(folder, frame, "sold")


def _first_class_is_positive(folder: Path) -> None:
    train, test = parts(classes(), "sold")
    train = train.assign(sold=train["sold"].map({0: "stay", 1: "churn"}))
    save(folder, train, test, pd.DataFrame({"id": test["id"], "sold": 0.5}))


def _labels_in_their_own_table(folder: Path) -> None:
    train, test = parts(classes(), "sold")
    train[["id", "sold"]].to_csv(folder / "train_labels.csv", index=False)
    save(folder, train.drop(columns="sold"), test)


def _x_and_y(folder: Path) -> None:
    train, test = parts(classes(), "sold")
    train.drop(columns="sold").to_csv(folder / "X_train.csv", index=False)
    train[["sold"]].to_csv(folder / "y_train.csv", index=False)
    test.to_csv(folder / "X_test.csv", index=False)


def _only_training_rows(folder: Path) -> None:
    classes(500).to_csv(folder / "train.csv", index=False)


def _two_columns_identify(folder: Path) -> None:
    frame = numbers(400).drop(columns="id")
    frame.insert(0, "shop", np.repeat(np.arange(20), 20))
    frame.insert(1, "week", np.tile(np.arange(20), 20))
    frame = frame.sample(frac=1, random_state=3)
    train, test = parts(frame, "price")
    save(folder, train, test, test[["shop", "week"]].assign(price=0.0))


def _no_ids(folder: Path) -> None:
    save_split(folder, numbers().drop(columns="id"), "price")


TARGET_CASES = [
    Case("ids repeated", _repeated_ids, refused=("'id'", "5003")),
    Case("id in another case in the sample", _id_in_other_case, {}, best=1.2, header=("id", "price")),
    Case("id and Id", _two_ids, said=("'id'", "'Id'")),
    Case("id last in the sample", lambda f: _sample(f, ["price", "id"]), best=1.2, header=("price", "id")),
    Case(
        "more columns in the sample",
        lambda f: _sample(f, ["id", "price", "Usage"], Usage="Public"),
        {"targets": ["price"]},
        best=1.2,
        header=("id", "price", "Usage"),
    ),
    Case("sample with ids only", lambda f: _sample(f, ["id"]), {"targets": ["price"]}, best=1.2),
    Case(
        "more columns, classes", _sample_of_classes, {"task": "classification", "targets": ["sold"]}, best=0.8
    ),
    Case("blank targets", _blank_targets, refused=("sold", "3 rows", "row 7")),
    Case("counts with a sample of fractions", _counts, {"task": "regression"}),
    Case("class names of two words", _names_of_two_words, {"task": "classification"}, best=0.3),
    *(
        Case(
            f"label sets parted by {mark!r}",
            lambda folder, mark=mark: _label_sets(folder, mark),
            {"task": "multilabel", "label_separator": mark},
        )
        for mark in ("|", ",", ";", "/")
    ),
    Case("one column per finding", _binary_targets, {"task": "multilabel"}),
    Case(
        "grades in words",
        _graded,
        said=("order",),
        spec={"class_order": _GRADES},
        edit=("metric: .*", "metric: qwk"),
        best=0.8,
    ),
    Case("target blank in the test table", _target_blank_in_test, {"targets": ["sold"]}, best=0.8),
    Case("labels that look alike", _labels_alike, said=("'Yes'", "'yes'")),
    Case("a label that is no number", _odd_label, {"task": "classification"}, best=0.5),
    Case(
        "positive class first by alphabet",
        _first_class_is_positive,
        {"positive_class": "churn", "metric": "roc_auc"},
        said=("churn",),
        best=0.85,
    ),
    Case("labels in their own table", _labels_in_their_own_table, {"targets": ["sold"]}, best=0.8),
    Case("X and y", _x_and_y, {"train": "X_train.csv", "targets": ["sold"]}, best=0.8),
    Case("only training rows", _only_training_rows, {"targets": ["sold"]}, said=("hold-out",), best=0.8),
    Case("two columns identify a row", _two_columns_identify, {"id_from": ["shop", "week"]}, best=1.5),
    Case("no ids", _no_ids, {"id_from": []}, best=1.2),
]
