"""Reads YAML files that a user writes into typed models; errors are one sentence that names the file."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from agent.core.errors import SetupError

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(file: Path, model: type[Model], **given: object) -> Model:
    """Read a YAML file into a `model`.

    Args:
        file: the YAML file.
        model: the pydantic model.
        imported: fields that replace those of the file.

    Raises:
        SetupError: the file is unreadable or invalid; the message names the file and the first faulty key.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return model.model_validate({**content, **given} if isinstance(content, dict) else content)
    except OSError as error:
        raise SetupError(f"{file}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{file}: the text is not in UTF-8; save the file in that encoding.") from error
    except yaml.YAMLError as error:
        raise SetupError(f"{file}: invalid YAML: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        raise SetupError(f"{file}: {first_fault(error)}.") from error


def first_fault(error: ValidationError) -> str:
    """Return place and message of the first fault: `'slots.depth': Input should be a valid integer`.

    Rules of this project name their keys themselves: only their sentence is returned.
    """
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"]) or "top level"
    if fault["type"] == "extra_forbidden":
        return f"'{place}': unknown key; correct or remove it"
    if fault["type"] == "value_error":
        sentence = str(fault["ctx"]["error"])
        return f"'{place}': {sentence}" if fault["loc"] else sentence
    return f"'{place}': {fault['msg']}"
