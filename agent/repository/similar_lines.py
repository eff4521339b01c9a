"""Finds the lines of a text that are most similar to a block that the text does not contain.

The message helps the author of a failed edit to quote the right lines. The work is bounded and depends on the
texts alone, because a model's answer may be anything.
"""

import heapq
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher

_MOST_LINES = 5_000  # of the text; no module is longer
_MOST_BLOCK_LINES = 200
_LINE_LENGTH = 120  # characters of a line that are compared and shown
_ANCHORS = 4  # the longest lines of the block that are searched for by similarity
_LIKELY = 12  # lines of the text that are compared in full with each anchor
_ALIKE = 0.6  # lowest difflib ratio of two versions of one line
_SHOWN = 12  # lines in a message


@dataclass(frozen=True)
class Nearest:
    """The end of a message about the nearest lines, and the numbered lines (may be empty)."""

    sentence: str
    lines: str


def nearest(text: str, block: str) -> Nearest:
    """Return the lines of the text that are most similar to the block.

    The text must not contain the block.
    """
    have = text.split("\n")[:_MOST_LINES]
    want = block.split("\n")[:_MOST_BLOCK_LINES]
    while len(want) > 1 and not want[-1].strip():
        want.pop()
    while len(want) > 1 and not want[0].strip():
        want.pop(0)
    start = _best_start([_key(line) for line in have], [_key(line) for line in want])
    if start is None:
        return Nearest(f"none of the file's {len(have)} lines is similar, so read the file again.", "")
    first, last = max(start, 0), min(max(start + len(want), 1), len(have))
    found = have[first:last]
    which = f"line {first + 1}" if last - first == 1 else f"lines {first + 1} to {last}"
    difference = _difference(found, want)
    if difference:
        sentence = f"{which} differ{'s' if last - first == 1 else ''} only in {difference}"
    else:
        sentence = f"nearest {'is' if last - first == 1 else 'are'} {which}"
    return Nearest(f"{sentence}: quote the text exactly as it is.", numbered(have, first, last))


def numbered(lines: list[str], first: int, last: int) -> str:
    """Return lines `first` to `last` (from 0, end excluded) with numbers, at most `_SHOWN` of them."""
    first, last = max(first, 0), min(last, len(lines))
    shown = range(first, min(last, first + _SHOWN))
    rows = [f"{index + 1:>4} | {_shown(lines[index])}" for index in shown]
    if last - first > _SHOWN:
        rows.append(f"     | [{last - first - _SHOWN} further lines]")
    return "\n".join(rows)


def line_of(text: str, position: int) -> int:
    """Return the line number, from 1, of a position."""
    return text.count("\n", 0, position) + 1


def _key(line: str) -> str:
    """Return the compared part of a line, without outer white space, which models often change."""
    return line.strip()[:_LINE_LENGTH]


def _best_start(have: list[str], want: list[str]) -> int | None:
    """Return the line (from 0) where the most similar part of the text starts, or None.

    Every pair of equal or similar lines votes, weighted by its length, for the start that would align the two
    lines.
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
    """Return similar lines with their ratios; only those with the most letters in common are compared."""
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
    """Return the kind of white space that is the only difference, or "" if there are other differences."""
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
