"""The order of classes that are grades in words, such as low, medium, high (`mars init`)."""

import re
from collections.abc import Collection

_SCALES = (
    "lowest; very low|verylow; low; medium|moderate|average|mid|normal; high; very high|veryhigh; "
    "highest|extreme",
    "terrible|awful|worst; very poor|very bad; poor|bad|po; fair|fa|acceptable; "
    "average|ta|typical|okay|ok|medium; good|gd; very good; premium; "
    "excellent|great|ex|ideal|best|outstanding",
    "strongly disagree|completely disagree; disagree; somewhat disagree|slightly disagree; "
    "neutral|undecided|neither agree nor disagree|neither; somewhat agree|slightly agree; agree; "
    "strongly agree|completely agree",
    "very dissatisfied|very unsatisfied|extremely dissatisfied; dissatisfied|unsatisfied; neutral; "
    "satisfied; very satisfied|extremely satisfied",
    "very unlikely; unlikely; neutral|possible; likely; very likely",
    "extra small|xs; small|s; medium|m; large|l; extra large|xl; xxl",
    "tiny; small; medium; large|big; huge",
    "never; rarely|seldom; sometimes|occasionally; often|frequently; usually; always",
    "none|no|absent|normal|healthy; minimal|trace; mild|slight; moderate; severe; "
    "proliferative|critical|extreme",
    "beginner|novice; elementary; intermediate; advanced; expert",
    "bronze; silver; gold; platinum; diamond",
    "negative; neutral; positive",
    "very negative; negative|somewhat negative; neutral; positive|somewhat positive; very positive",
    "cold; cool; mild; warm; hot",
    "young|child; teen|teenager; adult; middle aged; senior|elderly|old",
    "primary|primary school|elementary school; secondary|high school|middle school; "
    "bachelor|bachelors|college; master|masters; doctorate|phd",
    "first; second; third; fourth; fifth",
)
_LEADING_NUMBER = re.compile(
    r"\s*(?:(?:grade|level|stage|step|score|class|category|group|rank)\W*)?[<>=≤≥]*\s*(\d+)"
)
_STARS = re.compile(r"\s*\D{0,3}(\d+)\s*stars?\s*", re.IGNORECASE)
_MIN_CLASSES, _MAX_CLASSES = 3, 20


def order_of_grades(labels: Collection[str]) -> tuple[str, ...] | None:
    """Return the labels from the lowest to the highest grade; None if they are no grades in words.

    Labels that are numbers alone need no order: their values give it.
    """
    if not _MIN_CLASSES <= len(labels) <= _MAX_CLASSES or all(_is_number(label) for label in labels):
        return None
    for scale in _SCALES:
        ranks = {
            word.strip(): rank for rank, words in enumerate(scale.split(";")) for word in words.split("|")
        }
        found = {label: ranks.get(_plain(label)) for label in labels}
        if None not in found.values() and len(set(found.values())) == len(labels):
            return tuple(sorted(labels, key=lambda label: ranks[_plain(label)]))
    return _by_leading_number(labels)


def _by_leading_number(labels: Collection[str]) -> tuple[str, ...] | None:
    """Return labels such as '1 - low', '2 stars' or '18-25' in the order of their first numbers."""
    numbers: dict[str, tuple[int, int]] = {}
    for label in labels:
        match = _STARS.fullmatch(label) or _LEADING_NUMBER.match(label.lower())
        if match is None:
            return None
        side = -1 if label.lstrip().startswith(("<", "≤")) else int(label.lstrip().startswith((">", "≥")))
        numbers[label] = int(match[1]), side
    if len(set(numbers.values())) < len(labels):
        return None
    return tuple(sorted(labels, key=lambda label: numbers[label]))


def _plain(label: str) -> str:
    return " ".join(re.findall(r"\w+", label.replace("_", " ").casefold()))


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
