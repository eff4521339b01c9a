"""What MLE-bench's `prepare` leaves: `<competition>/prepared/{public,private}`, of any competition.

Source: Chan et al., "MLE-bench: Evaluating Machine Learning Agents on Machine Learning Engineering", 2024.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agent.competition.spec import CompetitionSpec
from agent.errors import SetupError


@dataclass(frozen=True)
class PreparedSplit:
    """The folder that agents may see, and the tables of answers that they may not."""

    public: Path
    answers: list[Path]


def find_split(folder: Path, spec: CompetitionSpec) -> PreparedSplit | None:
    """The split in `folder`, be it MLE-bench's data folder, a competition's in it, or `prepared` itself.

    Raises:
        SetupError: the private folder holds no table, or a link.
    """
    names = [name for name in (spec.sources.kaggle, spec.id) if name is not None]
    for place in (folder, folder / "prepared", *(folder / name / "prepared" for name in names)):
        if (place / "public").is_dir() and (place / "private").is_dir():
            return PreparedSplit(place / "public", _tables(place / "private"))
    return None


def refusal(spec: CompetitionSpec, submission: Path) -> str | None:
    """Why MLE-bench's grader would refuse a submission that is otherwise right; None where it takes it.

    It reads cells as pandas guesses them: label sets of one number each in every row become a column of
    integers, which it cannot split.
    """
    if spec.task != "multilabel":
        return None
    for name, column in pd.read_csv(submission, usecols=lambda name: name in spec.targets).items():
        if pd.api.types.is_integer_dtype(column):
            return (
                f"MLE-bench's own grader refuses this submission: with one label in every row it takes "
                f"'{name}' for numbers; predict two labels in one row at least."
            )
    return None


def _tables(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise SetupError(
            f"{folder}: holds no answers (CSV files); let MLE-bench prepare the competition again."
        )
    for file in files:
        if file.is_symlink() or not file.is_file():
            raise SetupError(f"{file}: is no plain file; put the file itself there.")
    return files
