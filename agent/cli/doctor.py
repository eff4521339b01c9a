"""`mars doctor`: checks of this machine."""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from rich.console import Console

from agent.competition.sources import kaggle_download
from agent.core import paths
from agent.core.database import open_database
from agent.core.errors import MarsError, SetupError
from agent.execution import make_executor
from agent.execution.hardware import cpu_count, device
from agent.llm.endpoint import find_endpoint, is_local
from agent.llm.local_model import local_model_file
from agent.memory.embedding_recall import EmbeddingsUnavailableError, find_model
from agent.repository.family import Family, known_families

_MODULE_OF = {
    "opencv-python-headless": "cv2",
    "scikit-learn": "sklearn",
}


def doctor_command() -> None:
    """Check this machine: home, record, disk, device, families, Kaggle, models, recall, isolation."""
    console = Console(
        highlight=False, soft_wrap=True, markup=False
    )  # keeps the brackets of "mars-search[image]"
    home = paths.home()
    console.print(f"home       {home.root}")
    try:
        open_database(home.database)
        console.print(f"record     {home.database}")
        free = shutil.disk_usage(home.root).free / 2**30
        console.print(f"disk       {free:.0f} GiB free")
    except MarsError as error:
        console.print(f"record     {error}")
    console.print(f"machine    {cpu_count()} cores, {device()}")
    for family in known_families(paths.home()).values():
        missing = _missing(family)
        status = f"missing {', '.join(missing)}: pip install 'mars-search[image]'" if missing else "ready"
        console.print(f"family     {family.id}: {status}")
    console.print(f"kaggle     {kaggle_download.client_state()}")
    console.print(f"model      {_endpoint()}")
    console.print(f"           --model local: {_local_model()}")
    console.print(f"recall     {_recall(home)}")
    console.print("isolation  " + "; ".join(_isolation() or ["complete"]))


def _missing(family: Family) -> list[str]:
    modules = {name: _MODULE_OF.get(name, name.replace("-", "_")) for name in family.packages}
    return [name for name, module in modules.items() if importlib.util.find_spec(module) is None]


def _endpoint() -> str:
    """Return model and host of the endpoint. Nothing is sent to it."""
    if importlib.util.find_spec("openai") is None:
        return "the package openai is missing: pip install 'mars-search[llm]'"
    if is_local(None):
        return "local, on this machine"
    try:
        endpoint = find_endpoint()
    except SetupError as error:
        return f"none ({error})"
    return f"{endpoint.models['planner']} at {endpoint.host}"


def _local_model() -> str:
    try:
        return f"{local_model_file(os.environ).name}, ready"
    except SetupError as error:
        return str(error)


def _recall(home: paths.Home) -> str:
    """Return the method of lesson recall, and how to get a better one."""
    try:
        return f"by meaning, {find_model(home.weights)}"
    except EmbeddingsUnavailableError as error:
        return f"by words; {error}"


def _isolation() -> list[str]:
    """Return the missing guarantees of isolation, one sentence each."""
    with tempfile.TemporaryDirectory() as folder:
        executor = make_executor("cold", nodes_root=Path(folder))
        try:
            return list(executor.guarantees.missing())
        finally:
            executor.close()
