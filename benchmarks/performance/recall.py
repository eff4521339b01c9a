"""Measure lesson recall by embeddings, by words, and without a query, on synthetic lessons.

    python benchmarks/performance/recall.py [--seeds 20] [--weights DIR]

The lessons in recalled_lessons.yaml are invented; each belongs to a known competition. All have the same
scope and confidence; their order in memory is random per seed. Prints the recall (share of a competition's
lessons among the 30 recalled ones) and the precision of the first ten recalled lessons.
"""

import argparse
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from agent.core.paths import home
from agent.memory.embedding_recall import EmbeddingsUnavailableError, embedding_similarity, find_model
from agent.memory.lesson import Evidence, Lesson, Scope
from agent.memory.recall import LIMIT, recall
from agent.memory.text_similarity import TextSimilarity, tfidf_similarity

FIRST = 10
SCOPE = Scope(task="classification", family="made-up", magnitude=4)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--weights", type=Path, default=home().weights)
    arguments = parser.parse_args()
    file = Path(__file__).with_name("recalled_lessons.yaml")
    topics = yaml.safe_load(file.read_text(encoding="utf-8"))
    methods: dict[str, TextSimilarity | None] = {"no query": None, "words": tfidf_similarity}
    try:
        model = find_model(arguments.weights)
        methods["embeddings"] = _cached(lambda about, texts: embedding_similarity(model, about, texts))
    except EmbeddingsUnavailableError as error:
        print(f"Recall by embeddings is not available: {error}")
    for method, similarity in methods.items():
        began = time.perf_counter()
        found, first = _measure(topics, similarity, arguments.seeds)
        print(
            f"{method}: {statistics.fmean(found):.0%} of the relevant lessons are among the {LIMIT} recalled "
            f"({LIMIT / sum(len(topic['lessons']) for topic in topics):.0%} by chance), "
            f"{statistics.fmean(first):.0%} of the first {FIRST} are relevant; "
            f"{time.perf_counter() - began:.1f} s"
        )


def _measure(
    topics: Sequence[dict[str, object]], similarity: TextSimilarity | None, seeds: int
) -> tuple[list[float], list[float]]:
    """Return recall and precision of the first ten, for each seed and competition."""
    found, first = [], []
    for seed in range(seeds):
        lessons = [lesson for topic in topics for lesson in _lessons(topic)]
        random.Random(seed).shuffle(lessons)
        for topic in topics:
            about = str(topic["about"]) if similarity else ""
            offered = recall(lessons, [SCOPE], LIMIT, about, similarity or tfidf_similarity)
            own = {lesson.title for lesson in _lessons(topic)}
            found.append(sum(lesson.title in own for lesson in offered) / len(own))
            first.append(sum(lesson.title in own for lesson in offered[:FIRST]) / FIRST)
    return found, first


def _lessons(topic: dict[str, object]) -> list[Lesson]:
    evidence = Evidence(
        run="made-up",
        competition="made-up",
        data_kind="sample",
        parent=1,
        child=2,
        effect=0.1,
        standard_error=0.01,
        time_factor=1.0,
    )
    texts: list[list[str]] = topic["lessons"]  # type: ignore[assignment]
    return [
        Lesson(
            id="00001",
            kind="solution",
            title=title,
            summary="",
            findings="",
            key_lesson=rule,
            scope=SCOPE,
            changes=(),
            evidence=(evidence,),
        )
        for title, rule in texts
    ]


def _cached(similarity: TextSimilarity) -> TextSimilarity:
    """Cache similarities per pair of texts, because an embedding needs a process and seconds."""
    known: dict[tuple[str, str], float] = {}

    def cached(about: str, texts: Sequence[str]) -> list[float]:
        new = [text for text in texts if (about, text) not in known]
        if new:
            known.update(
                {(about, text): value for text, value in zip(new, similarity(about, new), strict=True)}
            )
        return [known[about, text] for text in texts]

    return cached


if __name__ == "__main__":
    main()
