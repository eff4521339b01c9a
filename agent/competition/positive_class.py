"""The positive one of two classes: found by words, by numbers, or as the rarer class."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.competition.metrics import metric_of
from agent.competition.prepared import Prepared
from agent.competition.spec import CompetitionSpec
from agent.core.format import listed

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


def guess_positive_class(counts: Mapping[str, int]) -> PositiveGuess | None:
    """Return the positive class among two; None for another number of classes, or if nothing decides.

    Args:
        counts: the number of rows of each class.
    """
    if len(counts) != 2:
        return None
    first, second = sorted(counts)
    if (greater := _greater_number(first, second)) is not None:
        return _guess(greater, first, second, "it is the larger number")
    marks = _mark(first, second), _mark(second, first)
    if marks[0] != marks[1]:
        positive = first if marks[0] > marks[1] else second
        return _guess(positive, first, second, "its name says so")
    total = sum(counts.values())
    rarer = min(first, second, key=lambda name: counts[name])
    if total and counts[rarer] <= _RARE_SHARE * total:
        reason = f"it is the rarer class ({100 * counts[rarer] / total:.0f} % of the rows)"
        return _guess(rarer, first, second, reason)
    return None


def has_one_probability(spec: CompetitionSpec, columns: Sequence[str]) -> bool:
    """Return whether submissions with these columns hold one probability per row."""
    kind = metric_of(spec).prediction_kind(spec.task)
    return kind == "probability" and spec.task == "classification" and len(columns) == 2


def doubt_positive_class(
    spec: CompetitionSpec, counts: Mapping[str, int], columns: Sequence[str]
) -> str | None:
    """Return a warning if another class than the second seems to be the positive one.

    Args:
        spec: the specification. With `positive_class`, there is no doubt.
        counts: the number of rows of each class, in class order.
        columns: the columns of submissions.
    """
    if spec.task != "classification" or spec.positive_class is not None or len(counts) != 2:
        return None
    metric, (_, second) = metric_of(spec), counts
    guess = guess_positive_class(counts)
    if guess is None or guess.positive == second:
        return None
    if not (has_one_probability(spec, columns) or metric.binary_only):
        return None
    what = (
        f"The metric '{metric.name}' scores" if metric.binary_only else "Predictions are the probability of"
    )
    return (
        f"{what} the class '{second}', the last in order, but '{guess.positive}' seems to be the positive "
        f"class: {guess.reason}. Set positive_class in competition.yaml to '{guess.positive}' or '{second}'."
    )


def describe_positive_class(prepared: Prepared) -> str | None:
    """Return a sentence on the class that one probability or the metric means; None if all classes count."""
    spec, names = prepared.spec, prepared.class_names
    if spec.task == "several":
        return _describe_positive_classes(prepared)
    if spec.task != "classification" or names is None or len(names) != 2:
        return None
    metric, (negative, positive) = metric_of(spec), names
    if has_one_probability(spec, prepared.submission_columns):
        filled = prepared.final.filled if prepared.final is not None else ()
        name = filled[0].name if filled else prepared.submission_columns[1]
        return f"Probability column '{name}' is the probability of '{positive}', not of '{negative}'."
    if metric.binary_only:
        return f"The metric '{metric.name}' scores the class '{positive}', not '{negative}'."
    return None


def _describe_positive_classes(prepared: Prepared) -> str | None:
    """Return a sentence on the positive classes of several targets; None if all classes count."""
    named = []
    for view, classes in prepared.views:
        metric = metric_of(view)
        if classes is not None and (
            metric.binary_only or has_one_probability(view, (view.id_column, *view.targets))
        ):
            named.append(f"'{classes[-1]}' of '{view.targets[0]}'")
    return f"Positive classes: {listed(named, 10)}." if named else None


def _guess(positive: str, first: str, second: str, reason: str) -> PositiveGuess:
    return PositiveGuess(positive, second if positive == first else first, reason)


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
