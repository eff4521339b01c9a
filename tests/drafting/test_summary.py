"""What `mars init` tells: questions, guesses, notes, in this order and not too much."""

from pathlib import Path

import numpy as np
import pandas as pd

from agent.drafting.rules.draft import draft_spec
from agent.drafting.summary import summarise


def _write(folder: Path, separator: str = ",", inputs: int = 2) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, rows in (("train.csv", 60), ("test.csv", 20)):
        table = pd.DataFrame({f"x{index}": random.normal(size=rows) for index in range(inputs)})
        table.insert(0, "id", [f"{name[:2]}{row}" for row in range(rows)])
        if name == "train.csv":
            table["kind"] = random.choice(["a", "b"], rows)
        table.to_csv(folder / name, index=False, sep=separator)
    return folder


def test_questions_come_first_and_notes_last(tmp_path: Path) -> None:
    draft = draft_spec(_write(tmp_path / "f", ";"))
    lines = summarise(draft, ["A warning.", "A warning."])
    first_words = [line.split(":")[0] for line in lines]
    questions, notes = first_words.count("Please check"), first_words.count("Note")
    assert questions >= 1
    assert notes == 2, "what is said of two tables, or said twice, is one note"
    assert first_words[:questions] == ["Please check"] * questions
    assert first_words[-notes:] == ["Note"] * notes
    assert "inputs.x1: number  (its values are numbers)" in lines
    assert any(line.startswith("Note: train.csv, test.csv: text in utf-8") for line in lines)


def test_many_inputs_take_one_line_per_role(tmp_path: Path) -> None:
    lines = summarise(draft_spec(_write(tmp_path / "f", inputs=40)))
    told = [line for line in lines if line.startswith("inputs")]
    assert told == ["inputs, number: x0, x1, x2, x3, x4, x5, x6, x7 and 32 more"]


def test_what_the_cells_do_not_decide_is_asked_once(tmp_path: Path) -> None:
    random, folder = np.random.default_rng(0), tmp_path
    for name, rows in (("train.csv", 200), ("test.csv", 50)):
        days, months = random.integers(1, 13, rows), random.integers(1, 13, rows)
        table = pd.DataFrame(
            {
                "id": [f"{name[:2]}{row}" for row in range(rows)],
                "sent": [f"{day:02d}/{month:02d}/2024" for day, month in zip(days, months, strict=True)],
                "size": [f"{thousands},{rest:03d}" for thousands, rest in zip(days, months, strict=True)],
            }
        )
        if name == "train.csv":
            table["kind"] = random.choice(["a", "b"], rows)
        table.to_csv(folder / name, index=False)
    questions = draft_spec(folder).questions
    assert "Column 'sent': is the month before the day? If not, set day_first: true." in questions
    about_size = [question for question in questions if "'size'" in question]
    assert about_size == [
        "train.csv: 1,234 in 'size' is read as 1234. If it means 1.234, set csv: {decimal: ','}."
    ]
