"""Format of an answer: a JSON schema for the endpoint, and a parser that validates the answer."""

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
    """An answer does not have the requested format. The message tells the model what to correct."""


@dataclass(frozen=True)
class AnswerFormat(Generic[T]):
    """Format of an answer, with the parser that turns an answer into a value."""

    name: str
    """At most 64 letters, digits, `_` and `-`; endpoints reject other names."""

    schema: Mapping[str, Any]
    """JSON schema of an object."""

    read: Callable[[dict[str, Any]], T]
    """Returns the value of an answer; raises AnswerError if the schema or a further check is violated."""

    @classmethod
    def of(cls, model: type[M], check: Callable[[M], None] | None = None) -> "AnswerFormat[M]":
        """Return the form of a pydantic model.

        Args:
            model: The model; its field descriptions are part of the prompt.
            check: Checks what the types cannot express; raises AnswerError.
        """

        def read(answer: dict[str, Any]) -> M:
            try:
                value = model.model_validate(answer)
            except ValidationError as error:
                raise AnswerError(_describe_errors(error)) from None
            if check is not None:
                check(value)
            return value

        return AnswerFormat(model.__name__, strict_schema(model.model_json_schema()), read)


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema in strict mode: all properties required, no further properties, no annotations."""
    return _make_strict(copy.deepcopy(dict(schema)))


def _make_strict(part: dict[str, Any]) -> dict[str, Any]:
    for name in _ANNOTATIONS:
        part.pop(name, None)
    if "properties" in part:
        part["properties"] = {name: _make_strict(each) for name, each in part["properties"].items()}
        part["required"] = list(part["properties"])
        part["additionalProperties"] = False
    if "$defs" in part:
        part["$defs"] = {name: _make_strict(each) for name, each in part["$defs"].items()}
    if isinstance(part.get("items"), dict):
        part["items"] = _make_strict(part["items"])
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if name in part:
            part[name] = [_make_strict(each) for each in part[name]]
    if "$ref" in part:  # strict endpoints allow no other keys beside a reference
        return {name: part[name] for name in ("$defs", "$ref") if name in part}
    return part


def is_strict(schema: Any) -> bool:
    """Return whether the schema is strict: no object has optional or additional properties."""
    if isinstance(schema, list):
        return all(is_strict(part) for part in schema)
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(
            properties
        ):
            return False
        return all(is_strict(part) for part in properties.values()) and is_strict(schema.get("$defs", {}))
    return all(is_strict(part) for part in schema.values())


def _describe_errors(error: ValidationError) -> str:
    """Return the errors with their locations, without the values, which the model can see in its answer."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    parts = []
    for problem in problems[:_ERRORS_SHOWN]:
        place = ".".join(str(part) for part in problem["loc"]) or "the answer"
        parts.append(f"{place}: {problem['msg']}")
    if len(problems) > _ERRORS_SHOWN:
        parts.append(f"and {len(problems) - _ERRORS_SHOWN} more")
    return "; ".join(parts)
