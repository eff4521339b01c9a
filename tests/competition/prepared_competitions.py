"""Small prepared competitions written by hand, as `Prepared` describes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.competition.prepared import Prepared, RowCounts
from agent.competition.spec import CompetitionSpec, Task

Answers = Mapping[str, str]  # opaque id -> cell of the target column


def make_spec(task: Task, metric: str, targets: Sequence[str] = ("target",)) -> CompetitionSpec:
    inputs = [{"name": "x", "role": "number"}]
    return CompetitionSpec.model_validate(
        {"id": "toy", "title": "Toy", "task": task, "metric": metric, "targets": targets, "inputs": inputs}
    )


def make_prepared(
    root: Path,
    task: Task,
    metric: str,
    *,
    val: Answers,
    audit: Answers | None = None,
    test: Sequence[str] = ("t1", "t2", "t3"),
    classes: tuple[str, ...] | None = None,
    columns: tuple[str, ...] = ("id", "target"),
) -> Prepared:
    """Test row `t1` was called `original-t1`; `test` is in the order of the sample submission."""
    audit = audit or {}
    private = root / "private"
    private.mkdir(parents=True)
    write_csv(private / "val.csv", "id,target", val.items())
    write_csv(private / "audit.csv", "id,target", audit.items())
    parts = [(name, "val") for name in val] + [(name, "audit") for name in audit]
    parts += [(name, "test") for name in test]
    ids = [(name, f"original-{name}", part) for name, part in parts]
    write_csv(private / "ids.csv", "opaque,original,part", ids)
    return Prepared(
        spec=make_spec(task, metric),
        kind="sample",
        fingerprint="0" * 64,
        classes=classes,
        submission_columns=columns,
        rows=RowCounts(train=0, val=len(val), audit=len(audit), test=len(test)),
        root=root,
    )


def write_csv(file: Path, header: str, rows: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [header, *(",".join(str(cell) for cell in row) for row in rows)]  # type: ignore[attr-defined]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
