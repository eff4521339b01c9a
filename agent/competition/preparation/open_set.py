"""Pseudo-novel classes: known classes that no training row has, so that validation measures what is unseen.

Rows to predict may have a label that no labelled row has (`novel` in competition.yaml). Where the metric
weighs such rows (trait `open_set`), some classes count as novel in validation and audit rows, and no training
row has them. Labels of these classes come back in the refit, which learns from all classes.

* **Superclasses.** One class of a target with `parent_of`, with all classes below it.
* **Other classes.** A fifth of the classes, below each remaining superclass.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.metrics import metric_of
from agent.competition.spec import CompetitionSpec
from agent.competition.target_views import target_views
from agent.competition.typed_targets import TypedTarget

SHARE = 0.2  # of the classes below each superclass
LEAST_CLASSES = 3  # two remain
_SEED = 42

PseudoNovel = Mapping[str, tuple[str, ...]]  # classes by target


def is_open(spec: CompetitionSpec) -> bool:
    """Return whether some target has a novel label that its metric weighs."""
    return bool(_open_targets(spec))


def _open_targets(spec: CompetitionSpec) -> list[TypedTarget]:
    """Return the targets with a novel label that their metric weighs."""
    if spec.task != "several":
        return []
    pairs = zip(target_views(spec), spec.typed_targets, strict=True)
    return [one for view, one in pairs if one.novel is not None and "open_set" in metric_of(view).traits]


def choose_pseudo_novel(spec: CompetitionSpec, cells: pd.DataFrame) -> PseudoNovel:
    """Return the classes of each target that count as novel. Equal tables give equal classes.

    Args:
        spec: The competition.
        cells: The target columns of the labelled rows.
    """
    rng = np.random.default_rng(_SEED)
    chosen: dict[str, tuple[str, ...]] = {}
    targets = {one.name: one for one in _open_targets(spec)}
    parents = {
        one.parent_of: one.name
        for one in spec.typed_targets
        if one.parent_of is not None and one.parent_of in targets
    }
    order = sorted(targets, key=lambda name: _depth(name, parents))
    for name in order:
        if (parent := parents.get(name)) is None:
            chosen[name] = _drawn(sorted(set(cells[name])), cells[name], rng)
            continue
        parent_of_class = _parents_of_classes(cells, name, parent)
        below = chosen.get(parent, ())
        found = [label for label, one in parent_of_class.items() if one in below]
        for superclass in sorted(set(parent_of_class.values()) - set(below)):
            labels = [label for label, one in parent_of_class.items() if one == superclass]
            found += _drawn(labels, cells[name], rng)
        chosen[name] = tuple(sorted(found))
    return chosen


def _parents_of_classes(cells: pd.DataFrame, child: str, parent: str) -> dict[str, str]:
    """Return the most frequent label of the parent target for each label of its child, sorted."""
    counts = pd.crosstab(cells[child], cells[parent])
    return {str(label): str(found) for label, found in counts.idxmax(axis=1).items()}


def _depth(name: str, parents: Mapping[str, str]) -> int:
    """Return the number of targets above a target."""
    depth = 0
    while name in parents and depth < len(parents):
        depth, name = depth + 1, parents[name]
    return depth


def _drawn(labels: list[str], column: "pd.Series[str]", rng: np.random.Generator) -> tuple[str, ...]:
    """Return a share of the classes, drawn among those with at most half of the rows; none of two classes."""
    if len(labels) < LEAST_CLASSES:
        return ()
    rows = column[column.isin(labels)].value_counts()
    free = [label for label in labels if rows[label] <= rows.sum() / 2]
    return tuple(sorted(rng.permutation(free)[: max(1, round(SHARE * len(labels)))].tolist()))


def pseudo_novel_rows(cells: pd.DataFrame, classes: PseudoNovel) -> NDArray[np.bool_]:
    """Return whether (N,) a row has a class that counts as novel."""
    found = np.zeros(len(cells), dtype=bool)
    for name, labels in classes.items():
        found |= cells[name].isin(labels).to_numpy()
    return found


def with_novel_labels(table: pd.DataFrame, classes: PseudoNovel, spec: CompetitionSpec) -> pd.DataFrame:
    """Return the table with the novel label in place of each class that counts as novel."""
    novel = {one.name: one.novel for one in spec.typed_targets}
    changed = table.copy()
    for name, labels in classes.items():
        changed.loc[table[name].isin(labels), name] = novel[name]
    return changed
