"""What a strong language model is told about the task and the machine, the same in all questions of a run."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agent.competition.prepared import Prepared
from agent.llm.prompts import render_prompt
from agent.planner.llm.aggregates import aggregates
from agent.record.settings import Machine, RunSettings
from agent.repository.rendering import TaskView

DESCRIPTION_FILE = "description.md"
MEMORY_SHARE = 0.8  # of the machine's memory, which the workers divide (`agent.engine.trials.execution`)
ROWS = 5
EDA_LENGTH = 24_000  # characters
CELL_CHARS = 120
TABLES = ("train", "val", "test", "sample_submission", "classes", "folds")


@dataclass(frozen=True)
class TaskFacts:
    """The facts; None stands for a run whose questions have their short form."""

    description: str
    eda: str
    """Statistics of the training rows as text."""
    tables: tuple[str, ...]
    """One line for each table: its rows and columns."""
    rows: tuple[str, ...]
    """Rows of the training table; empty unless the competition permits models to see them."""
    machine: Machine
    threads: int
    memory_gib: int
    """Memory of one node in GiB."""
    hint: str = ""

    @classmethod
    def of(cls, prepared: Prepared, run: RunSettings) -> "TaskFacts | None":
        """Return the facts of a run, or None if its questions have their short form."""
        if run.machine is None:
            return None
        return cls(
            description=read_description(run),
            eda=aggregates(prepared.eda, EDA_LENGTH).text,
            tables=tuple(_tables(prepared)),
            rows=tuple(_rows(prepared)) if prepared.spec.llm_may_see_rows else (),
            machine=run.machine,
            threads=run.threads,
            memory_gib=round(MEMORY_SHARE * run.machine.memory_gib / run.workers),
            hint=run.hint,
        )


def coder_rules(competition: TaskView, facts: TaskFacts | None) -> str:
    """Return the part that all questions about code share."""
    return render_prompt("coder_rules", competition=competition, facts=facts)


def read_description(run: RunSettings) -> str:
    """Return the description of the competition; "" without one."""
    try:
        return (Path(run.folder) / DESCRIPTION_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _tables(prepared: Prepared) -> Iterator[str]:
    """Yield one line for each table. Columns named by a class are counted, since labels are values."""
    counts = {"train": prepared.rows.train, "val": prepared.rows.val}
    counts |= dict.fromkeys(("test", "sample_submission"), prepared.rows.test + prepared.rows.audit)
    known = prepared.spec.column_names
    for name in TABLES:
        header = _header(prepared.metadata / f"{name}.csv")
        if not header:
            continue
        shown = [column for column in header if column in known or prepared.spec.llm_may_see_rows]
        hidden = len(header) - len(shown)
        rows = f" ({counts[name]} rows)" if name in counts else ""
        more = f", and {hidden} columns named by the labels, in the order of classes.csv" if hidden else ""
        yield f"metadata/{name}.csv{rows}: {', '.join(shown)}{more}"


def _header(file: Path) -> list[str]:
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            return next(csv.reader(stream), [])
    except OSError:
        return []


def _rows(prepared: Prepared) -> Iterator[str]:
    with (prepared.metadata / "train.csv").open(newline="", encoding="utf-8") as stream:
        for row in islice(csv.DictReader(stream), ROWS):
            yield "; ".join(f"{name}: {(cell or '')[:CELL_CHARS]}" for name, cell in row.items())
