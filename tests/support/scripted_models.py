"""Fake language models."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from agent.llm.answer_format import AnswerError
from agent.llm.calls import Prompt
from agent.llm.errors import UnusableAnswerError
from agent.llm.query import Query
from agent.planner.llm.idea_formats import OWN_CODE

T = TypeVar("T")
Answer = Mapping[str, Any] | Exception


@dataclass
class ScriptedModel:
    """Fake that answers by a function of the schema, or raises its error, and keeps the questions."""

    answer: Callable[[Mapping[str, Any]], Answer]
    questions: list[Sequence[Prompt]] = field(default_factory=list)
    purposes: list[str] = field(default_factory=list)

    def ask(self, query: Query[T]) -> T:
        self.questions.append(query.prompts)
        self.purposes.append(query.purpose)
        said = self.answer(query.form.schema)
        if isinstance(said, Exception):
            raise said
        try:
            return query.form.read(dict(said))
        except AnswerError as error:
            raise UnusableAnswerError(str(error)) from error


def any_answer(schema: Mapping[str, Any], rng: np.random.Generator) -> Any:
    """Return a random value that satisfies the schema, as an endpoint with constrained answers would."""
    if "anyOf" in schema:
        return any_answer(schema["anyOf"][int(rng.integers(len(schema["anyOf"])))], rng)
    if "enum" in schema:
        return schema["enum"][int(rng.integers(len(schema["enum"])))]
    match schema["type"]:
        case "object":
            parts = dict(schema["properties"])
            if "look" in parts:  # a requested file has to be edited next, which a random answer cannot do
                parts["look"] = {**parts["look"], "maxItems": 0}
                if "changes" in parts:
                    parts["changes"] = {**parts["changes"], "minItems": 1}
            if "start" in parts:  # random answers cannot write modules
                starts = [start for start in parts["start"]["enum"] if start != OWN_CODE]
                parts["start"] = {**parts["start"], "enum": starts}
            if "sound" in parts:  # a random veto would end the test
                parts["sound"] = {"enum": [True]}
            return {name: any_answer(part, rng) for name, part in parts.items()}
        case "array":
            length = int(rng.integers(schema.get("minItems", 0), schema["maxItems"] + 1))
            return [any_answer(schema["items"], rng) for _ in range(length)]
        case "string":
            return "word " * int(rng.integers(0, schema["maxLength"] // 5))
        case other:
            raise NotImplementedError(other)


@dataclass
class ScriptedReviewer:
    """Fake reviewer that words a lesson with the verdict that the question names."""

    said: Mapping[str, Any] = field(default_factory=dict)  # replaces its generated words
    questions: list[Query[Any]] = field(default_factory=list)

    def ask(self, query: Query[T]) -> T:
        self.questions.append(query)
        (verdict,) = re.findall(r"^Verdict: (\w+)$", query.prompts[0].asked, re.M)
        words = {
            name: f"{name} of node {query.node}" for name in ("findings", "title", "summary", "key_lesson")
        }
        try:
            return query.form.read({**words, "verdict": verdict, "same_as": "", **self.said})
        except AnswerError as error:
            raise UnusableAnswerError(str(error)) from error
