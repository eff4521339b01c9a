"""Data that MLE-bench has prepared: `<competition>/prepared/{public,private}`.

Source: Chan et al., "MLE-bench: Evaluating Machine Learning Agents on Machine Learning Engineering", 2024.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError


@dataclass(frozen=True)
class PreparedSplit:
    """The public folder for agents, and the private tables of answers."""

    public: Path
    answers: list[Path]


def find_split(folder: Path, spec: CompetitionSpec) -> PreparedSplit | None:
    """Find the split of MLE-bench, or return None.

    Args:
        folder: the data folder of MLE-bench, the folder of a competition in it, or `prepared` itself.
        spec: the competition.

    Raises:
        SetupError: the private folder holds no table, or a link.
    """
    names = [name for name in (spec.sources.kaggle, spec.id) if name is not None]
    for place in (folder, folder / "prepared", *(folder / name / "prepared" for name in names)):
        halves = (place / "public", place / "private")
        if all(half.is_dir() for half in halves):
            for half in halves:
                if half.is_symlink():
                    raise SetupError(f"{half}: the path is a link; put the folder itself there.")
            return PreparedSplit(place / "public", _answer_tables(place / "private"))
    return None


def grader_rejection(spec: CompetitionSpec, submission: Path) -> str | None:
    """Return why the grader of MLE-bench would reject a valid submission, or None.

    The grader lets pandas guess the types of columns. If every row has exactly one numeric label, pandas
    reads integers, which the grader cannot split into labels.
    """
    if spec.task != "multilabel":
        return None
    for name, column in pd.read_csv(submission, usecols=lambda name: name in spec.targets).items():
        if pd.api.types.is_integer_dtype(column):
            return (
                f"The grader of MLE-bench rejects this submission: every row has one label, so the grader "
                f"reads column '{name}' as numbers; predict two labels in at least one row."
            )
    return None


def _answer_tables(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise SetupError(
            f"{folder}: the folder holds no answers (CSV files); "
            "prepare the competition with MLE-bench again."
        )
    for file in files:
        if file.is_symlink() or not file.is_file():
            raise SetupError(f"{file}: the path is not a regular file; put the file itself there.")
    return files
