"""The code of all nodes in little room: each line is kept once, a file is a list of runs of lines.

Nodes differ from their parents by a few lines, so that a hundred repositories take little more than one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.report import wording

# Places where a line stands that are tried as the start of a run: blank lines stand everywhere.
_CANDIDATES = 16
# A line of fewer characters is cheaper to repeat than to break a run for.
_SHORT = 12


@dataclass
class Pack:
    """Texts by number. `lines[start : start + count]` for each pair of a text's runs, joined by newlines."""

    lines: list[str] = field(default_factory=list)
    texts: list[list[int]] = field(default_factory=list)  # start, count, start, count, ...
    costs: list[int] = field(default_factory=list)  # characters that each text added to the page
    _places: dict[str, list[int]] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def add(self, text: str) -> int:
        """The text's number; a text that is already here adds nothing."""
        number = self._numbers.setdefault(text, len(self.texts))
        if number == len(self.texts):
            before = len(self.lines)
            self.texts.append(self._runs(text.split("\n")))
            written = len(str(self.texts[-1])) + sum(len(line) + 3 for line in self.lines[before:])
            self.costs.append(written)
        return number

    def new_lines(self, text: str) -> set[str]:
        """Lines of a text that stand in none yet."""
        return set(text.split("\n")).difference(self._places)

    def text(self, number: int) -> str:
        runs = self.texts[number]
        pairs = zip(runs[::2], runs[1::2], strict=True)
        return "\n".join(line for start, count in pairs for line in self.lines[start : start + count])

    def _runs(self, lines: Sequence[str]) -> list[int]:
        """Greedy: at each line the longest run of lines that stand somewhere already, else a new line."""
        runs: list[int] = []
        at = 0
        while at < len(lines):
            start, count = self._longest(lines, at)
            goes_on = bool(runs) and runs[-2] + runs[-1] == len(self.lines)
            if not count or (goes_on and count == 1 and len(lines[at]) < _SHORT):
                start, count = self._append(lines[at]), 1
            if runs and runs[-2] + runs[-1] == start:
                runs[-1] += count
            else:
                runs += [start, count]
            at += count
        return runs

    def _longest(self, lines: Sequence[str], at: int) -> tuple[int, int]:
        best, most = 0, 0
        for place in self._places.get(lines[at], ())[-_CANDIDATES:]:
            count, left = 0, min(len(lines) - at, len(self.lines) - place)
            while count < left and self.lines[place + count] == lines[at + count]:
                count += 1
            if count > most:
                best, most = place, count
        return best, most

    def _append(self, line: str) -> int:
        self._places.setdefault(line, []).append(len(self.lines))
        self.lines.append(line)
        return len(self.lines) - 1


def pack_within(texts: Iterable[str], total: int, most: int) -> tuple[Pack, list[int]]:
    """The texts, cleaned, and the number of each; long ones are cut, with a note, to stay within bounds.

    Args:
        total: Characters that all may take together.
        most: Characters of one text.
    """
    given = list(texts)
    distinct = {text: wording.head(wording.clean(text), most) for text in given}
    limit = wording.fair_limit(_sizes(distinct.values()), total, most)
    pack, numbers = _pack(distinct, limit)
    if sum(pack.costs) > total:  # many short runs
        pack, numbers = _pack(distinct, limit * total // sum(pack.costs))
    return pack, [numbers[text] for text in given]


def _sizes(texts: Iterable[str]) -> list[int]:
    """Characters of the lines that stand in no text before."""
    seen: set[str] = set()
    sizes = []
    for text in texts:
        new = set(text.split("\n")) - seen
        sizes.append(sum(map(len, new)) + 3 * len(new))
        seen |= new
    return sizes


def _pack(texts: Mapping[str, str], limit: int) -> tuple[Pack, dict[str, int]]:
    """The values, by their keys; one that would add more than `limit` characters is cut to as many."""
    pack = Pack()
    return pack, {
        key: pack.add(text if len(text) <= limit else _cut(pack, text, limit)) for key, text in texts.items()
    }


def _cut(pack: Pack, text: str, limit: int) -> str:
    new = pack.new_lines(text)
    return wording.head(text, limit) if sum(map(len, new)) + 3 * len(new) > limit else text
