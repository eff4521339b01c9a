"""Folders with a description, answers about them, and a drafter that asks a scripted server."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import SecretStr

from agent.core.paths import Home
from agent.drafting.llm.draft import DraftResult, draft_with_model
from agent.drafting.llm.transcript import DraftTranscript
from agent.llm.calls import ROLES
from agent.llm.endpoint import Endpoint
from tests.llm.scripted import KEY, MODEL, Script, completion

CANARY = "canary-7731"
ROWS, TO_PREDICT = 120, 30
GRADES = np.array(["1", "2", "3", "4"])


def houses(count: int, start: int = 0) -> pd.DataFrame:
    """Return rows of houses; every column that can hold text contains a canary."""
    rng = np.random.default_rng(start)
    ids = np.arange(start, start + count)
    table = pd.DataFrame(
        {
            "house": [f"h{i}" for i in ids],
            "area": rng.normal(100, 20, count).round(1).astype(str),
            "city": rng.choice(["Bern", "Basel", "Chur"], count),
            "customer_id": [f"a{i // 4}" for i in ids],
            "sold": [f"2020-{1 + i % 12:02}-{1 + i % 28:02}" for i in ids],
            "advert": [f"sunny quiet old house number {i}" for i in ids],
        }
    )
    table.loc[0, ["house", "city", "customer_id", "advert"]] = [f"{CANARY}-{start}", *[CANARY] * 3]
    return table


def write_folder(
    folder: Path, target: object = None, description: str = "Predict the grade.", sample: object = "1"
) -> Path:
    """Write labelled.csv and later.csv: table names that the rules do not recognise.

    `sample` is the constant answer of a sample submission, or its columns by name; None writes none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    grades = GRADES[np.arange(ROWS) % 4] if target is None else target
    train, test = houses(ROWS).assign(grade=grades, tax=np.arange(ROWS) / 3), houses(TO_PREDICT, ROWS)
    train.to_csv(folder / "labelled.csv", index=False)
    test.to_csv(folder / "later.csv", index=False)
    if sample is not None:
        columns = sample if isinstance(sample, dict) else {"grade": sample}
        test[["house"]].assign(**columns).to_csv(folder / "sample_submission.csv", index=False)
    (folder / "description.md").write_text(description)
    return folder


def answer(**changed: Any) -> dict[str, Any]:
    """Return a correct answer about the folder, with changed fields."""
    why = {name: f"Because of {name}." for name in ("tables_why", "targets_why", "task_why", "metric_why")}
    return {
        "title": "Grades of houses",
        "train": "labelled.csv",
        "test": "later.csv",
        "sample_submission": "sample_submission.csv",
        "id_column": "house",
        "targets": ["grade"],
        "task": "classification",
        "metric": "qwk",
        "metric_parameter": None,
        "higher_is_better": True,
        "own_metric": None,
        "group_column": "",
        "group_why": "",
        "time_column": "",
        "time_why": "",
        "inputs": [{"name": "city", "role": "category", "why": "A place."}],
        **why,
        **changed,
    }


@dataclass
class Drafter:
    """Drafts folders with the scripted server and keeps the messages to the user."""

    script: Script
    home: Home
    messages: list[str] = field(default_factory=list)

    def draft(self, folder: Path, *answers: Any, **settings: Any) -> DraftResult:
        """Draft the folder with these answers, in their order."""
        self.script.answers += [
            completion(json.dumps(one)) if isinstance(one, dict) else one for one in answers
        ]
        endpoint = Endpoint(
            base_url=self.script.url,
            key=SecretStr(KEY),
            models=dict.fromkeys(ROLES, MODEL),
            timeout_s=5.0,
        )
        return draft_with_model(
            folder, self.home, endpoint, DraftTranscript(folder), self.messages.append, **settings
        )

    @property
    def sent(self) -> str:
        """Everything that was sent, as one text."""
        return json.dumps(self.script.asked, ensure_ascii=False)

    def request(self, number: int) -> str:
        """Return the last message of a request, counted from 1."""
        return str(self.script.asked[number - 1]["messages"][-1]["content"])
