"""Where a text is most like a block that it does not hold, told to whoever quoted the block.

What it does depends on the texts alone, never on a clock, and is bounded: a model's answer may be anything.
"""

import heapq
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher

_MOST_LINES = 5_000  # of the text; no module is longer
_MOST_BLOCK_LINES = 200
_LINE_LENGTH = 120  # characters of a line that are compared and shown
_ANCHORS = 4  # the longest lines of the block that are looked for by likeness
_LIKELY = 12  # lines of the text that are compared in full with such a line
_ALIKE = 0.6  # from this ratio on (difflib), two lines are taken for versions of one
_SHOWN = 12


@dataclass(frozen=True)
class Nearest:
    """A part of a sentence about the lines, and the lines themselves with their numbers (may be empty)."""

    sentence: str
    lines: str


def nearest(text: str, block: str) -> Nearest:
    """The lines of the text that are most like the block, which is not in it."""
    have = text.split("\n")[:_MOST_LINES]
    want = block.split("\n")[:_MOST_BLOCK_LINES]
    while len(want) > 1 and not want[-1].strip():
        want.pop()
    while len(want) > 1 and not want[0].strip():
        want.pop(0)
    start = _best_start([_key(line) for line in have], [_key(line) for line in want])
    if start is None:
        return Nearest(f"no line of its {len(have)} is like it, so look at the file again.", "")
    first, last = max(start, 0), min(max(start + len(want), 1), len(have))
    found = have[first:last]
    which = f"line {first + 1}" if last - first == 1 else f"lines {first + 1} to {last}"
    difference = _difference(found, want)
    if difference:
        sentence = f"{which} differ{'s' if last - first == 1 else ''} only in {difference}"
    else:
        sentence = f"nearest {'is' if last - first == 1 else 'are'} {which}"
    return Nearest(f"{sentence}: quote what is there to the character.", numbered(have, first, last))


def numbered(lines: list[str], first: int, last: int) -> str:
    """Lines `first` to `last` (from 0, the end not counted) with their numbers, as many as are readable."""
    first, last = max(first, 0), min(last, len(lines))
    shown = range(first, min(last, first + _SHOWN))
    told = [f"{index + 1:>4} | {_shown(lines[index])}" for index in shown]
    if last - first > _SHOWN:
        told.append(f"     | [{last - first - _SHOWN} further lines]")
    return "\n".join(told)


def line_of(text: str, position: int) -> int:
    """The number, from 1, of the line that a position is in."""
    return text.count("\n", 0, position) + 1


def _key(line: str) -> str:
    """What is compared of a line: models indent blocks differently and drop white space at the ends."""
    return line.strip()[:_LINE_LENGTH]


def _best_start(have: list[str], want: list[str]) -> int | None:
    """The line (from 0) from which on the text is most like the block; None where nothing is.

    Every pair of equal or similar lines votes, with its length, for the start that it would have if the block
    stood there.
    """
    places: dict[str, list[int]] = {}
    for index, line in enumerate(have):
        if line:
            places.setdefault(line, []).append(index)
    votes: Counter[int] = Counter()
    for offset, line in enumerate(want):
        for index in places.get(line, ()):
            votes[index - offset] += len(line)
    unknown = [offset for offset, line in enumerate(want) if line and line not in places]
    for offset in heapq.nlargest(_ANCHORS, unknown, key=lambda at: (len(want[at]), -at)):
        for line, ratio in _similar(want[offset], list(places)):
            for index in places[line]:
                votes[index - offset] += round(ratio * len(line))
    return min(votes, key=lambda start: (-votes[start], start)) if votes else None


def _similar(line: str, others: list[str]) -> list[tuple[str, float]]:
    """The lines that are like the given one; only those with most letters in common are compared in full."""
    matcher = SequenceMatcher(b=line, autojunk=False)
    letters = []
    for number, other in enumerate(others):
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() >= _ALIKE and (ratio := matcher.quick_ratio()) >= _ALIKE:
            letters.append((ratio, -number))
    found = []
    for _, number in heapq.nlargest(_LIKELY, letters):
        matcher.set_seq1(others[-number])
        if (ratio := matcher.ratio()) >= _ALIKE:
            found.append((others[-number], ratio))
    return found


def _difference(found: list[str], want: list[str]) -> str:
    """The kind of white space that alone tells the lines from the block; empty where more does."""
    if [line.rstrip("\r") for line in found] == [line.rstrip("\r") for line in want]:
        return "line endings or blank lines around them"
    if [line.rstrip() for line in found] == [line.rstrip() for line in want]:
        return "white space at the ends of lines"
    if [line.strip() for line in found] == [line.strip() for line in want]:
        return "white space, indentation most likely"
    return ""


def _shown(line: str) -> str:
    kept = line.rstrip("\r")
    text = "".join(
        char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in kept
    )
    return text if len(text) <= _LINE_LENGTH else f"{text[:_LINE_LENGTH]}..."
