"""Static checks of a repository against the contract."""

import ast
import re
from functools import lru_cache

from agent.core.contract import (
    IDEA_FILE,
    MAIN,
    MEMBERS_FOLDER,
    PREDICT,
    README_FILE,
    REFIT,
    REQUIREMENTS_FILE,
    SAVE,
    library_module,
)

LIBRARY = ("__init__", "config", "dataset", "models", "loss", "train", "inference", "utils")
_OF_EVERY_KIND = (README_FILE, REQUIREMENTS_FILE, IDEA_FILE, MAIN)
CONTRACT_FILES = (*_OF_EVERY_KIND, *(library_module(name) for name in LIBRARY))
ENSEMBLE_FILES = (*_OF_EVERY_KIND, library_module("config"), library_module("blend"))

_MAIN = re.compile(rf"({MEMBERS_FOLDER}/[^/]+/)?{re.escape(MAIN)}")


def check_repository(files: dict[str, str]) -> list[str]:
    """Return violations of the repository contract, one sentence each.

    A repository with a folder `members/` is checked as an ensemble.

    Args:
        files: Texts by path.
    """
    is_ensemble = any(name.startswith(f"{MEMBERS_FOLDER}/") for name in files)
    required = ENSEMBLE_FILES if is_ensemble else CONTRACT_FILES
    faults = [f"The file {name} is missing." for name in required if name not in files]
    for name, text in files.items():
        if name.endswith(".py"):
            faults += _check_module(name, text)
    return faults


def without_refit(files: dict[str, str]) -> list[str]:
    """Return every `main.py`, members' included, that lacks `--refit`: old, imported or edited code."""
    mains = [name for name in files if _MAIN.fullmatch(name)]
    return [name for name in mains if REFIT not in files[name]]


def without_predict(files: dict[str, str]) -> list[str]:
    """Return every `main.py`, members' included, that lacks `--save` or `--predict`."""
    mains = [name for name in files if _MAIN.fullmatch(name)]
    return [name for name in mains if not all(word in files[name] for word in (SAVE, PREDICT))]


@lru_cache(maxsize=1024)  # a child shares most files with its parent
def _check_module(name: str, text: str) -> tuple[str, ...]:
    try:
        tree = ast.parse(text.encode(), filename=name)  # bytes, since many files start with a byte order mark
    except SyntaxError as error:
        return (f"{name}:{error.lineno}: {error.msg}.",)
    except (RecursionError, MemoryError):
        return (f"{name}: the code is nested too deeply for Python to parse.",)
    except ValueError:  # a null character, half of a surrogate pair
        return (f"{name}: the file holds a character that Python files cannot hold.",)
    faults = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [node.module or ""]
        else:
            continue
        if any(module.split(".")[0] == "agent" for module in modules):
            faults.append(f"{name}:{node.lineno}: a solution must run alone; do not import agent.")
    return tuple(faults)
