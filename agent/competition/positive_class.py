"""The positive one of two classes: found by words, by numbers, or as the rarer class."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_YES_WORDS = (
    "yes y true t positive pos present bad churn churned churner leave leaves leaver left exited exit "
    "lost cancelled canceled unsubscribed default defaulted delinquent fraud fraudulent spam phishing "
    "toxic malignant malware sick ill disease diseased cancer tumor tumour infected abnormal anomaly "
    "anomalous outlier defect defective faulty fault fail failed failure broken damaged crack cracked "
    "attack attacked died dead death deceased click clicked bought buy purchase purchased converted "
    "subscribed responder won win success successful relapse recurrence readmitted stroke event target "
    "high risky unhealthy dissatisfied late delayed ja oui si vrai wahr on"
)
_NO_WORDS = (
    "no n false f negative neg absent good stay stayed stays stayer retained remained active kept "
    "current paid repaid legit legitimate genuine ham clean benign harmless normal healthy control "
    "regular ordinary usual ok okay fine intact pass passed sound whole survived alive living ignored "
    "none nothing lost low safe satisfied punctual ontime nein non faux falsch off"
)
_YES, _NO = frozenset(_YES_WORDS.split()), frozenset(_NO_WORDS.split())
# A word of both lists, such as "lost" (a lost customer, a lost game), decides nothing alone.
_NEGATIONS = ("not", "no", "non", "un", "in", "without")
_RARE_SHARE = 0.4  # of the rows, at most, for a class that counts as the rarer one


@dataclass(frozen=True)
class PositiveGuess:
    """The class that one probability probably belongs to, and why."""

    positive: str
    negative: str
    reason: str  # completes "'yes' is the positive class: ..."
    is_certain: bool  # words or numbers decided, not the numbers of rows


def guess_positive_class(counts: Mapping[str, int]) -> PositiveGuess | None:
    """Return the positive class among two; None for another number of classes, or if nothing decides.

    Args:
        counts: the number of rows of each class.
    """
    if len(counts) != 2:
        return None
    first, second = sorted(counts)
    if (greater := _greater_number(first, second)) is not None:
        return _guess(greater, first, second, "it is the larger number", is_certain=True)
    marks = _mark(first, second), _mark(second, first)
    if marks[0] != marks[1]:
        positive = first if marks[0] > marks[1] else second
        return _guess(positive, first, second, "its name says so", is_certain=True)
    total = sum(counts.values())
    rarer = min(first, second, key=lambda name: counts[name])
    if total and counts[rarer] <= _RARE_SHARE * total:
        reason = f"it is the rarer class ({100 * counts[rarer] / total:.0f} % of the rows)"
        return _guess(rarer, first, second, reason, is_certain=False)
    return None


def _guess(positive: str, first: str, second: str, reason: str, *, is_certain: bool) -> PositiveGuess:
    return PositiveGuess(positive, second if positive == first else first, reason, is_certain)


def _greater_number(first: str, second: str) -> str | None:
    try:
        numbers = float(first), float(second)
    except ValueError:
        return None
    if numbers[0] == numbers[1] or any(number != number for number in numbers):
        return None
    return first if numbers[0] > numbers[1] else second


def _mark(name: str, other: str) -> int:
    """Return 1 for a name that says yes beside the other name, -1 for one that says no, else 0."""
    words, others = _words(name), _words(other)
    own = [word for word in words if word not in others]
    if _negates(name, other):
        return -1
    if _negates(other, name):
        return 1
    if name.lstrip().startswith(">") or other.lstrip().startswith("<"):
        return 1
    if name.lstrip().startswith("<") or other.lstrip().startswith(">"):
        return -1
    says_yes = any(word in _YES and word not in _NO for word in own)
    says_no = any(word in _NO and word not in _YES for word in own)
    return int(says_yes) - int(says_no)


def _words(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W\d_]+", spaced.casefold())


def _negates(name: str, other: str) -> bool:
    """Return whether `name` is `other` with a negation before it, such as `not churned` or `nonsmoker`."""
    bare, positive = "".join(_words(name)), "".join(_words(other))
    return bool(positive) and any(bare == negation + positive for negation in _NEGATIONS)
