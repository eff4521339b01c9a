"""What can be said of a repository without running it."""

import ast
import re
from functools import lru_cache

LIBRARY = ("__init__", "config", "dataset", "models", "loss", "train", "inference", "utils")
_OF_EVERY_KIND = ("README.md", "requirements.txt", "idea.json", "main.py")
CONTRACT_FILES = (*_OF_EVERY_KIND, *(f"library/{name}.py" for name in LIBRARY))
ENSEMBLE_FILES = (*_OF_EVERY_KIND, "library/config.py", "library/blend.py")

_MAIN = re.compile(r"(members/[^/]+/)?main\.py")


def check_repository(files: dict[str, str]) -> list[str]:
    """Faults against the repository contract, a sentence each; empty when there are none.

    A repository with a folder `members/` is an ensemble.
    """
    is_ensemble = any(name.startswith("members/") for name in files)
    required = ENSEMBLE_FILES if is_ensemble else CONTRACT_FILES
    faults = [f"The file {name} is missing." for name in required if name not in files]
    for name, text in files.items():
        if name.endswith(".py"):
            faults += _check_module(name, text)
    return faults


def without_refit(files: dict[str, str]) -> list[str]:
    """Every `main.py`, that of a member too, that knows no `--refit`: an older version, a user or an edit."""
    mains = [name for name in files if _MAIN.fullmatch(name)]
    return [name for name in mains if "--refit" not in files[name]]


def without_predict(files: dict[str, str]) -> list[str]:
    """Every `main.py`, that of a member too, that cannot keep what it learned and predict from that alone."""
    mains = [name for name in files if _MAIN.fullmatch(name)]
    return [name for name in mains if not all(word in files[name] for word in ("--save", "--predict"))]


@lru_cache(maxsize=1024)  # a child shares most files with its parent
def _check_module(name: str, text: str) -> tuple[str, ...]:
    try:
        tree = ast.parse(text.encode(), filename=name)  # as bytes: a byte order mark is part of many files
    except SyntaxError as error:
        return (f"{name}:{error.lineno}: {error.msg}.",)
    except (RecursionError, MemoryError):
        return (f"{name}: is nested too deeply for Python to read.",)
    except ValueError:  # a null character, half of a surrogate pair
        return (f"{name}: holds a character that no Python file can.",)
    faults = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [node.module or ""]
        else:
            continue
        if any(module.split(".")[0] == "agent" for module in modules):
            faults.append(f"{name}:{node.lineno}: a solution must run alone and may not import agent.")
    return tuple(faults)
