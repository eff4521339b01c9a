"""Recall of lessons by text; the embedding model is a fake, except in one slow test."""

import importlib.util
from pathlib import Path

import pytest

from agent.memory import embedding_recall
from agent.memory.embedding_recall import recall_by_embeddings
from agent.memory.lesson import Lesson, Scope
from agent.memory.recall import LIMIT, recall
from agent.memory.text_similarity import tfidf_similarity
from tests.support.states import evidence, lesson

SCOPE = Scope(task="classification", family="toy", magnitude=3)
ABOUT = "Birds singing in the forest, to be told apart by their calls"
FAKE = """
import numpy as np

class SentenceTransformer:
    def __init__(self, folder, device, local_files_only):
        assert device == "cpu" and local_files_only
        open(folder + "/used", "a").write("once\\n")

    def encode(self, texts, normalize_embeddings, show_progress_bar):
        assert normalize_embeddings and not show_progress_bar
        alike = [any(word in text for word in ("Birds", "spectrograms")) for text in texts]
        return np.array([[1.0, 0.0] if one else [0.0, 1.0] for one in alike])
"""


def _saying(number: int, words: str, effect: float = 0.1) -> Lesson:
    made = lesson("depth", 1, 2, evidence(effect, 0.01), lesson_id=f"{number:05d}")
    return made.model_copy(update={"title": words, "key_lesson": f"{words}."})


MANY = [_saying(number, f"Trees of depth {number} on tables") for number in range(2, 2 + 2 * LIMIT)]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with a model for a fake sentence-transformers package."""
    package = tmp_path / "packages" / "sentence_transformers"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(FAKE)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    folder = tmp_path / "weights" / "a-model"
    folder.mkdir(parents=True)
    (folder / "modules.json").write_text("[]")
    return folder.parent


def test_shared_rare_words_make_texts_similar() -> None:
    texts = ["Calls of birds in recordings", "Birds", "A forest of random trees", "The prices and these", ""]
    first, second, third, fourth, empty = tfidf_similarity(ABOUT, texts)
    assert first > third > fourth == empty == 0.0
    assert second > third
    assert tfidf_similarity(ABOUT, [ABOUT]) == [1.0]
    assert tfidf_similarity("augmented pictures", ["Augmentation of a picture"])[0] > 0.5
    assert tfidf_similarity("", ["x"]) == [0.0]


def test_similar_lessons_rank_before_newer_ones() -> None:
    old = _saying(1, "Listen to birds and their calls in the forest")
    assert old not in recall([old, *MANY], [SCOPE])
    assert recall([old, *MANY], [SCOPE], about=ABOUT)[0] == old
    elsewhere = old.model_copy(update={"scope": SCOPE.model_copy(update={"task": "regression"})})
    assert elsewhere not in recall([elsewhere, *MANY], [SCOPE], about=ABOUT)


def test_embeddings_recall_lessons_with_other_words(weights: Path) -> None:
    old = _saying(1, "Use mel spectrograms for audio")
    found = recall_by_embeddings([old, *MANY], [SCOPE], ABOUT, weights)
    assert old not in recall([old, *MANY], [SCOPE], about=ABOUT)
    assert found.lessons[0] == old
    assert len(found.lessons) == LIMIT
    assert found.how == f"{LIMIT} of {len(MANY) + 1} lessons are offered, recalled by embeddings."


def test_nothing_is_embedded_where_all_are_offered(weights: Path) -> None:
    few = MANY[:LIMIT]
    found = recall_by_embeddings(few, [SCOPE], ABOUT, weights)
    assert (set(found.lessons), found.how) == (set(few), "")
    assert not (weights / "a-model" / "used").exists()


def test_only_the_preselected_lessons_are_embedded(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_recall, "POOL", len(MANY))
    old = _saying(1, "Use mel spectrograms for audio")
    assert old not in recall_by_embeddings([old, *MANY], [SCOPE], ABOUT, weights).lessons


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        ("raise OSError('weights are torn')", "a-model cannot be used (OSError: weights are torn)."),
        (f"{FAKE}\nSentenceTransformer.encode = lambda *_, **__: 1 / 0", "ZeroDivisionError"),
        ("import time; time.sleep(60)", "took more than 1 s."),
    ],
)
def test_a_failed_model_falls_back_to_words(
    weights: Path, monkeypatch: pytest.MonkeyPatch, fake: str, said: str
) -> None:
    monkeypatch.setattr(embedding_recall, "_TIMEOUT_S", 1.0 if "sleep" in fake else 60.0)
    (weights.parent / "packages" / "sentence_transformers" / "__init__.py").write_text(fake)
    found = recall_by_embeddings(MANY, [SCOPE], ABOUT, weights)
    assert list(found.lessons) == recall(MANY, [SCOPE], about=ABOUT)
    assert "recalled by words: " in found.how
    assert said in found.how


def test_a_missing_package_or_model_is_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_recall, "PACKAGE", "no_such_package")
    nowhere = recall_by_embeddings(MANY, [SCOPE], ABOUT, weights.parent / "nowhere")
    assert nowhere.how.endswith("and package no_such_package is missing.")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'mars-search[recall]'" in recall_by_embeddings(MANY, [SCOPE], ABOUT, weights).how


@pytest.mark.slow
def test_a_real_model_recalls_by_embeddings(tmp_path: Path) -> None:
    for name in ("sentence_transformers", embedding_recall.PACKAGE):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    old = _saying(1, "Longer clips of sound")
    found = recall_by_embeddings([old, *MANY], [SCOPE], "Which bird is singing?", tmp_path)
    assert found.how.endswith("by embeddings.")
    assert old in found.lessons
    assert old not in recall([old, *MANY], [SCOPE], about="Which bird is singing?")
