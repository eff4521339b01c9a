"""The tables of a timed prediction: the rows to predict, repeated or cut to a given number."""

import shutil
from pathlib import Path

import numpy as np

from agent.competition.prepared import Prepared
from agent.competition.tables import read_table, write_table
from agent.core.files import translate_os_errors

_CLASSES = "classes.csv"


def write_timing_tables(prepared: Prepared, folder: Path, rows: int) -> None:
    """Write the tables that prediction needs, with a given number of rows under new ids.

    Args:
        prepared: the prepared data.
        folder: a new folder. It holds no answers.
        rows: number of rows to predict; the competition's are repeated in turn.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    key = prepared.spec.id_column
    with translate_os_errors(f"Writing {folder}"):
        folder.mkdir(parents=True)
        for name in ("test.csv", "sample_submission.csv"):
            table = read_table(prepared.metadata, name)
            chosen = table.iloc[np.arange(rows) % len(table)].copy()
            chosen[key] = [f"row{number}" for number in range(rows)]
            write_table(chosen, folder / name)
        if (prepared.metadata / _CLASSES).is_file():
            shutil.copyfile(prepared.metadata / _CLASSES, folder / _CLASSES)
