"""The form that an answer must have: a JSON schema for the endpoint, and a reader that has the last word."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_ERRORS_SHOWN = 5
_ANNOTATIONS = ("title", "default", "examples")


class AnswerError(ValueError):
    """An answer is not in the form asked for; the message is a sentence that a model can act on."""


@dataclass(frozen=True)
class Form(Generic[T]):
    """What an answer looks like, and how it becomes a value."""

    name: str
    """Letters, digits, `_` and `-`, at most 64; endpoints refuse others."""

    schema: Mapping[str, Any]
    """The JSON schema of an object."""

    read: Callable[[dict[str, Any]], T]
    """The value of an answer; raises AnswerError, for the schema and for what it cannot say alike."""

    @classmethod
    def of(cls, model: type[M], check: Callable[[M], None] | None = None) -> "Form[M]":
        """The form of a pydantic model.

        Args:
            model: its fields' descriptions reach the language model.
            check: what the types cannot say; raises AnswerError.
        """

        def read(answer: dict[str, Any]) -> M:
            try:
                value = model.model_validate(answer)
            except ValidationError as error:
                raise AnswerError(_sentence(error)) from None
            if check is not None:
                check(value)
            return value

        return Form(model.__name__, closed(model.model_json_schema()), read)


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as strict endpoints want it: every property required, no others, no annotations."""
    return _closed(copy.deepcopy(dict(schema)))


def _closed(part: dict[str, Any]) -> dict[str, Any]:
    for name in _ANNOTATIONS:
        part.pop(name, None)
    if "properties" in part:
        part["properties"] = {name: _closed(each) for name, each in part["properties"].items()}
        part["required"] = list(part["properties"])
        part["additionalProperties"] = False
    if "$defs" in part:
        part["$defs"] = {name: _closed(each) for name, each in part["$defs"].items()}
    if isinstance(part.get("items"), dict):
        part["items"] = _closed(part["items"])
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if name in part:
            part[name] = [_closed(each) for each in part[name]]
    if "$ref" in part:  # strict endpoints allow nothing beside a reference
        return {name: part[name] for name in ("$defs", "$ref") if name in part}
    return part


def is_closed(schema: Any) -> bool:
    """Whether the schema can be sent as strict: no object in it has optional or unnamed properties."""
    if isinstance(schema, list):
        return all(is_closed(part) for part in schema)
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(
            properties
        ):
            return False
        return all(is_closed(part) for part in properties.values()) and is_closed(schema.get("$defs", {}))
    return all(is_closed(part) for part in schema.values())


def _sentence(error: ValidationError) -> str:
    """What is wrong where, without what was given: the model has its answer before it."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    said = []
    for problem in problems[:_ERRORS_SHOWN]:
        place = ".".join(str(part) for part in problem["loc"]) or "the answer"
        said.append(f"{place}: {problem['msg']}")
    if len(problems) > _ERRORS_SHOWN:
        said.append(f"and {len(problems) - _ERRORS_SHOWN} more")
    return "; ".join(said)
