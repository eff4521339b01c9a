"""Compact storage of the code of all nodes: each line is stored once, a file is a list of line runs.

A node differs from its parent by a few lines, so a hundred repositories take little more space than one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.report import formatting

# Occurrences of a line that are tried as the start of a run; blank lines have very many.
_CANDIDATES = 16
# Repeating a line shorter than this costs less than a new run.
_SHORT = 12


@dataclass
class Pack:
    """Numbered texts. A text is `lines[start : start + count]` for each of its runs, joined by newlines."""

    lines: list[str] = field(default_factory=list)
    texts: list[list[int]] = field(default_factory=list)  # start, count, start, count, ...
    costs: list[int] = field(default_factory=list)  # characters that each text added to the page
    _positions: dict[str, list[int]] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def add(self, text: str) -> int:
        """Store a text and return its number; a text already stored costs nothing."""
        number = self._numbers.setdefault(text, len(self.texts))
        if number == len(self.texts):
            before = len(self.lines)
            self.texts.append(self._runs(text.split("\n")))
            written = len(str(self.texts[-1])) + sum(len(line) + 3 for line in self.lines[before:])
            self.costs.append(written)
        return number

    def new_lines(self, text: str) -> set[str]:
        """Return the lines of a text that no stored text contains."""
        return set(text.split("\n")).difference(self._positions)

    def text(self, number: int) -> str:
        """Return a stored text by its number."""
        runs = self.texts[number]
        pairs = zip(runs[::2], runs[1::2], strict=True)
        return "\n".join(line for start, count in pairs for line in self.lines[start : start + count])

    def _runs(self, lines: Sequence[str]) -> list[int]:
        """Return the runs of a text, greedily: the longest stored run at each line, else a new line."""
        runs: list[int] = []
        at = 0
        while at < len(lines):
            start, count = self._longest(lines, at)
            extends_last = bool(runs) and runs[-2] + runs[-1] == len(self.lines)
            if not count or (extends_last and count == 1 and len(lines[at]) < _SHORT):
                start, count = self._append(lines[at]), 1
            if runs and runs[-2] + runs[-1] == start:
                runs[-1] += count
            else:
                runs += [start, count]
            at += count
        return runs

    def _longest(self, lines: Sequence[str], at: int) -> tuple[int, int]:
        best, most = 0, 0
        for position in self._positions.get(lines[at], ())[-_CANDIDATES:]:
            count, left = 0, min(len(lines) - at, len(self.lines) - position)
            while count < left and self.lines[position + count] == lines[at + count]:
                count += 1
            if count > most:
                best, most = position, count
        return best, most

    def _append(self, line: str) -> int:
        self._positions.setdefault(line, []).append(len(self.lines))
        self.lines.append(line)
        return len(self.lines) - 1


def pack_within(texts: Iterable[str], total: int, most: int) -> tuple[Pack, list[int]]:
    """Clean and store texts; return the pack and the number of each text. Long texts are cut, with a note.

    Args:
        texts: Texts to store.
        total: Largest number of characters of all texts together.
        most: Largest number of characters of one text.
    """
    all_texts = list(texts)
    distinct = {text: formatting.head(formatting.clean(text), most) for text in all_texts}
    limit = formatting.fair_limit(_sizes(distinct.values()), total, most)
    pack, numbers = _pack(distinct, limit)
    if sum(pack.costs) > total:  # many short runs cost more than their characters
        pack, numbers = _pack(distinct, limit * total // sum(pack.costs))
    return pack, [numbers[text] for text in all_texts]


def _sizes(texts: Iterable[str]) -> list[int]:
    """Return per text the number of characters in lines that no earlier text contains."""
    seen: set[str] = set()
    sizes = []
    for text in texts:
        new = set(text.split("\n")) - seen
        sizes.append(sum(map(len, new)) + 3 * len(new))
        seen |= new
    return sizes


def _pack(texts: Mapping[str, str], limit: int) -> tuple[Pack, dict[str, int]]:
    """Store the values and return their numbers by key; a text adds at most `limit` characters."""
    pack = Pack()
    return pack, {
        key: pack.add(text if len(text) <= limit else _cut(pack, text, limit)) for key, text in texts.items()
    }


def _cut(pack: Pack, text: str, limit: int) -> str:
    new = pack.new_lines(text)
    return formatting.head(text, limit) if sum(map(len, new)) + 3 * len(new) > limit else text
