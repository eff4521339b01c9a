"""Make rows to predict for a folder that has only labelled rows (`mars init`)."""

from dataclasses import replace

import numpy as np
import pandas as pd

from agent.core.errors import SetupError
from agent.drafting.rules.ids import guess_row_ids
from agent.drafting.rules.table_roles import HOLD_OUT_TEST, HOLD_OUT_TRAIN
from agent.drafting.rules.tables import FoundTables
from agent.drafting.rules.targets import guess_fold, guess_target_alone

ANSWERS = "answers/test.csv"
_SHARE = 0.2
_MIN_ROWS = 10
_SEED = 42


def make_hold_out(tables: FoundTables) -> tuple[FoundTables, tuple[str, ...]]:
    """Return tables with a fifth of the labelled rows as rows to predict, and questions for the user.

    The new tables are in `hold_out`, by the name of the file to write; the user's table stays as it is.

    Raises:
        SetupError: The table has fewer than 10 rows, or no column that can be the target.
    """
    train = tables.train
    if len(train) < _MIN_ROWS:
        raise SetupError(
            f"{tables.folder}: {tables.train_name} has {len(train)} rows and there is no test.csv; add a "
            f"table of rows to predict, or at least {_MIN_ROWS} labelled rows to hold some out."
        )
    ids = guess_row_ids(tables)
    fold = guess_fold(tables)
    taken = {*ids.sources, *tables.index_columns, *([str(fold.value)] if fold else [])}
    columns = [name for name in train.columns if name not in taken]
    if len(columns) < 2:
        raise SetupError(
            f"{tables.folder}: {tables.train_name} has {len(columns)} columns beside ids; add a target and "
            "an input."
        )
    target, is_named = guess_target_alone(columns)
    if ids.id_from is not None:
        train = train.assign(**{ids.name: np.arange(1, len(train) + 1).astype(str)})
    id_columns = [ids.name] if ids.id_from is not None else list(ids.sources)
    drawn = np.zeros(len(train), dtype=bool)
    count = max(1, round(_SHARE * len(train)))
    drawn[np.random.default_rng(_SEED).choice(len(train), count, replace=False)] = True
    labelled, held_out = train[~drawn].reset_index(drop=True), train[drawn].reset_index(drop=True)
    test = held_out.drop(columns=target)
    form = (tables.forms or {}).get(tables.train_name)
    made: dict[str, pd.DataFrame] = {
        HOLD_OUT_TRAIN: labelled,
        HOLD_OUT_TEST: test,
        ANSWERS: held_out[[*id_columns, target]],
    }
    note = (
        f"There are no rows to predict, so MARS made a hold-out: {count} of {len(train)} rows, drawn at "
        f"random, are in {HOLD_OUT_TEST} and their answers in {ANSWERS}; the others are in {HOLD_OUT_TRAIN}. "
        f"{tables.train_name} stays as it is. `mars grade` scores a submission on the hold-out."
    )
    found = replace(
        tables,
        train_name=HOLD_OUT_TRAIN,
        train=labelled,
        test_name=HOLD_OUT_TEST,
        test=test,
        labels_name=None,
        forms={} if form is None else {HOLD_OUT_TRAIN: form, HOLD_OUT_TEST: form},
        notes=(*tables.notes, note),
        hold_out={**(tables.hold_out or {}), **made},
    )
    where = "named like a target" if is_named else "the last column"
    question = (
        f"Is '{target}' the column to predict ({where})? If another column is, call that column `target`, "
        "delete competition.yaml and the files of the hold-out, and run `mars init` again."
    )
    return found, (question,)
