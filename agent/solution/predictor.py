"""Writes a repository that only predicts: code and trained model, without training rows."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from agent.competition.prepared import Prepared
from agent.competition.spec import FILE_COLUMN
from agent.competition.tables import read_table
from agent.core.contract import INPUT_FOLDER, METADATA_FOLDER, MODEL_FOLDER, SUBMISSION_FILE
from agent.core.files import staged_folder, translate_os_errors
from agent.core.untrusted_files import copy_tree_inside, read_inside
from agent.record.state import Node, RunState
from agent.repository.rendering import write_tree
from agent.solution.export import add_own_files

_DECISION_BYTES = 1_000_000
TABLES = ("test.csv", "classes.csv", "sample_submission.csv")  # tables without labelled rows


@dataclass(frozen=True)
class SubmissionDifference:
    """Difference of two submissions."""

    rows: int  # number of rows with a different cell
    of: int  # number of all rows
    largest: float  # largest absolute difference of two numbers

    def __str__(self) -> str:
        if not self.rows:
            return f"all {self.of} rows are equal"
        largest = f", numbers by at most {self.largest:.3g}" if self.largest else ""
        return f"{self.rows} of {self.of} rows differ{largest}"


def weighted_members(ensemble: Path, members: Sequence[Node]) -> list[Node]:
    """Return the members with a weight above 0 in an ensemble's workspace; the others do not predict."""
    try:
        content = read_inside(ensemble, f"{MODEL_FOLDER}/decisions.json", _DECISION_BYTES)
        weights = json.loads(content)["weights"]
        return [member for member in members if weights[member.name] > 0]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # a candidate wrote the file
        return list(members)


def write_predictor(files: dict[str, str], workspaces: Mapping[str, Path], folder: Path) -> None:
    """Write the repository with the trained models of its own workspace (key "") and of its members."""
    write_tree(files, folder)
    for place, workspace in workspaces.items():
        copy_tree_inside(workspace, MODEL_FOLDER, folder / place / MODEL_FOLDER)


def write_tables(prepared: Prepared, target: Path) -> None:
    """Copy the tables that prediction needs."""
    target.mkdir(parents=True)
    for name in TABLES:
        if (prepared.metadata / name).is_file():
            shutil.copyfile(prepared.metadata / name, target / name)


def compare_submissions(id_column: str, before: Path, after: Path) -> SubmissionDifference:
    """Compare the submissions of two workspaces, which must have the same ids."""
    first, second = (read_table(folder, SUBMISSION_FILE).set_index(id_column) for folder in (before, after))
    second = second.loc[first.index, first.columns]
    numbers = [table.apply(pd.to_numeric, errors="coerce") for table in (first, second)]
    largest = (numbers[0] - numbers[1]).abs().max().max()
    rows = int((first != second).any(axis=1).sum())
    return SubmissionDifference(rows, len(first), float(largest) if largest > 0 else 0.0)


def export_predictor(
    run: str,
    state: RunState,
    node: Node,
    files: dict[str, str],
    prepared: Prepared,
    workspaces: Mapping[str, Path],
    target: Path,
    words: Mapping[str, object],
    *,
    copy_input: bool,
) -> None:
    """Write a folder that runs `python main.py --predict`.

    `target` is not created if anything fails.

    Args:
        run: id of the run.
        state: the state of the run.
        node: the node.
        files: the node's repository.
        prepared: the prepared data.
        workspaces: workspaces of a saving execution (see `write_predictor`).
        target: a new or empty folder.
        words: results of that execution, for the README.
        copy_input: copy the media instead of linking them.

    Raises:
        InfrastructureError: the disk is full.
    """
    with translate_os_errors(f"Exporting to {target}"), staged_folder(target.absolute()) as folder:
        write_predictor(files, workspaces, folder)
        write_tables(prepared, folder / METADATA_FOLDER)
        media = _place_media(prepared, folder / INPUT_FOLDER, copy_input)
        context: dict[str, object] = {"inference": True, "media": media, "members": len(workspaces) > 1}
        add_own_files(run, state, node, files, prepared, folder, {**context, **words})


def _place_media(prepared: Prepared, target: Path, copy: bool) -> Literal["none", "copied", "linked"]:
    """Place the media of the rows to predict, or a link to all media."""
    table = read_table(prepared.metadata, "test.csv")
    if FILE_COLUMN not in table.columns or not any(prepared.input.iterdir()):
        target.mkdir()
        return "none"
    if not copy:
        target.symlink_to(prepared.input.resolve(), target_is_directory=True)
        return "linked"
    target.mkdir()
    for name in table[FILE_COLUMN]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (prepared.input / name).is_file():  # the repository accepts missing media
            shutil.copyfile(prepared.input / name, target / name)
    return "copied"
