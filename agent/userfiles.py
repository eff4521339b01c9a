"""Files that a user writes, as typed values; what is wrong with one is one sentence that names it."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from agent.errors import SetupError

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(file: Path, model: type[Model], **given: object) -> Model:
    """Reads a YAML file as a `model`; the fields of `given` are not for the file to say.

    Raises:
        SetupError: it cannot be read; names the file and the first faulty key.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return model.model_validate({**content, **given} if isinstance(content, dict) else content)
    except OSError as error:
        raise SetupError(f"{file}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{file}: is no text in UTF-8; save it in that encoding.") from error
    except yaml.YAMLError as error:
        raise SetupError(f"{file}: is no valid YAML: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        raise SetupError(f"{file}: {first_fault(error)}.") from error


def first_fault(error: ValidationError) -> str:
    """Where the first fault is and what is wrong there: `'slots.depth': Input should be a valid integer`."""
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"]) or "top level"
    return f"'{place}': {fault['msg']}"
