"""How well lessons are recalled: by meaning, by words, or by neither, on made-up lessons.

    python benchmarks/performance/recall.py [--seeds 20] [--weights DIR]

The lessons (recalled_lessons.yaml) are invented, and it is known which competition each belongs to. All have
the same scope and confidence; their order in memory is drawn anew for every seed. Printed: which part of the
lessons that belong to the competition that is asked about are among the 30 that are recalled, and how many of
the first ten recalled belong to it.
"""

import argparse
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from agent.memory.lesson import Evidence, Lesson, Scope
from agent.memory.likeness import Likeness, by_words
from agent.memory.meaning import NoMeaningError, embedded, find_model
from agent.memory.recall import LIMIT, recall
from agent.paths import home

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
    ways: dict[str, Likeness | None] = {"neither": None, "words": by_words}
    try:
        model = find_model(arguments.weights)
        ways["meaning"] = _remembering(lambda about, texts: embedded(model, about, texts))
    except NoMeaningError as error:
        print(f"No recall by meaning: {error}")
    for way, likeness in ways.items():
        began = time.perf_counter()
        found, first = _measured(topics, likeness, arguments.seeds)
        print(
            f"{way}: {statistics.fmean(found):.0%} of the relevant lessons are among the {LIMIT} recalled "
            f"(a chance of {LIMIT / sum(len(one['lessons']) for one in topics):.0%}), "
            f"{statistics.fmean(first):.0%} of the first {FIRST} are relevant; "
            f"{time.perf_counter() - began:.1f} s"
        )


def _measured(
    topics: Sequence[dict[str, object]], likeness: Likeness | None, seeds: int
) -> tuple[list[float], list[float]]:
    """By seed and competition: shares of the relevant that are recalled, of the first that are relevant."""
    found, first = [], []
    for seed in range(seeds):
        lessons = [lesson for topic in topics for lesson in _lessons(topic)]
        random.Random(seed).shuffle(lessons)
        for topic in topics:
            about = str(topic["about"]) if likeness else ""
            offered = recall(lessons, [SCOPE], LIMIT, about, likeness or by_words)
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
    told: list[list[str]] = topic["lessons"]  # type: ignore[assignment]
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
        for title, rule in told
    ]


def _remembering(likeness: Likeness) -> Likeness:
    """The same, each pair of texts compared once: embedding takes a process and seconds."""
    known: dict[tuple[str, str], float] = {}

    def remembered(about: str, texts: Sequence[str]) -> list[float]:
        new = [text for text in texts if (about, text) not in known]
        if new:
            known.update({(about, text): how for text, how in zip(new, likeness(about, new), strict=True)})
        return [known[about, text] for text in texts]

    return remembered


if __name__ == "__main__":
    main()
