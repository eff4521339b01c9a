"""Describes the machine to language models: hardware, installed packages, pretrained weights."""

import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from agent.core.contract import WEIGHTS_FOLDER
from agent.execution.gpus import visible_gpus
from agent.execution.hardware import cpu_count, device, hub_cache, memory_bytes
from agent.record.settings import Machine

MOST_WEIGHTS = 40
LEAST_WEIGHT_BYTES = 100_000  # smaller files hold no network
_GIB = 2**30
_QUERY_S = 10.0
_ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".gguf", ".npz")
# Distributions that solutions may use, if they are installed.
_DISTRIBUTIONS = (
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "torch",
    "torchvision",
    "torchaudio",
    "timm",
    "transformers",
    "tokenizers",
    "sentence-transformers",
    "accelerate",
    "peft",
    "safetensors",
    "einops",
    "albumentations",
    "opencv-python-headless",
    "pillow",
    "scikit-image",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
    "catboost",
    "statsmodels",
    "numba",
    "polars",
    "pyarrow",
    "librosa",
    "skops",
    "joblib",
)


def describe_machine(weights: Path) -> Machine:
    """Return the description of this machine. Nothing is imported.

    Args:
        weights: Folder of the user's pretrained weights; need not exist.
    """
    kind = device()
    return Machine(
        device=kind,
        gpus=tuple(_gpus()) if kind == "cuda" else (),
        cores=cpu_count(),
        memory_gib=round(memory_bytes() / _GIB),
        packages=tuple(_packages()),
        weights=tuple([*_own_weights(weights), *_packaged_weights(), *_hub_weights()][:MOST_WEIGHTS]),
    )


def _gpus() -> Iterator[str]:
    """Yield name and memory of each visible GPU; only a count if the driver's tool does not answer."""
    names = visible_gpus()
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=index,name,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_QUERY_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        yield f"{len(names)} of unknown memory"
        return
    for line in done.stdout.splitlines():
        index, _, rest = line.partition(", ")
        if index in names or not all(name.isdigit() for name in names):
            yield rest


def _packages() -> Iterator[str]:
    for name in _DISTRIBUTIONS:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue


def _own_weights(folder: Path) -> Iterator[str]:
    """Yield the files of the user's weights, which each candidate finds below its own folder."""
    files = sorted(folder.rglob("*")) if folder.is_dir() else []
    for file in files:
        if file.suffix in _ENDINGS and file.is_file():
            name = f"{WEIGHTS_FOLDER}/{file.relative_to(folder)}"
            yield f"{name} ({_size(file)}): a file in the working directory"


def _packaged_weights() -> Iterator[str]:
    """Yield the weights that installed packages carry."""
    for distribution in sorted(metadata.distributions(), key=lambda one: one.name or ""):
        for file in distribution.files or ():
            if file.suffix in _ENDINGS[:3]:
                place = Path(str(distribution.locate_file(file)))
                if place.is_file() and place.stat().st_size >= LEAST_WEIGHT_BYTES:
                    parts = "".join(f" / {part!r}" for part in file.parts[1:])
                    where = f"importlib.resources.files({file.parts[0]!r}){parts}"
                    yield f"{file.name} ({_size(place)}): in package {distribution.name}, at {where}"


def _hub_weights() -> Iterator[str]:
    """Yield the models in the hub's cache."""
    for folder in sorted(hub_cache().glob("models--*")):
        files = [file for file in folder.glob("snapshots/*/*") if file.suffix in _ENDINGS and file.is_file()]
        if files:
            name = folder.name.removeprefix("models--").replace("--", "/")
            largest = max(files, key=lambda file: file.stat().st_size)
            how = "timm.create_model('hf-hub:NAME', pretrained=True)" if name.startswith("timm/") else ""
            yield f"{name} ({_size(largest)}): in the hub's cache, {how or 'from_pretrained(NAME)'}"


def _size(file: Path) -> str:
    return f"{max(file.stat().st_size / 1e6, 0.1):.1f} MB"
