"""Formats the facts of a run as text, the same way on the live screen, in plain lines and on the page."""

import math
from collections.abc import Mapping, Sequence

from agent.core.format import clean as clean
from agent.core.format import clock as clock
from agent.core.format import counted as counted
from agent.core.format import duration as duration
from agent.core.format import one_line as one_line
from agent.llm.calls import Call
from agent.llm.spend import Spend
from agent.memory.lesson import Evidence, Lesson
from agent.record.events import (
    CurvePoint,
    ExpectedScore,
    LeakageProbe,
    NodeResult,
    Operator,
    RefitResult,
    RunSettings,
    Status,
)
from agent.record.state import Node
from agent.repository.edits import Edit

# One sign per status, because a reader may not see colours.
STATUS_SIGN: Mapping[Status, str] = {
    "running": "…",
    "valid": "●",
    "suspect": "▲",
    "failed": "✗",
    "pruned": "◦",
}
STATUS_STYLE: Mapping[Status, str] = {
    "running": "cyan",
    "valid": "green",
    "suspect": "yellow",
    "failed": "red",
    "pruned": "bright_black",
}
OPERATOR_STYLE: Mapping[Operator, str] = {
    "draft": "blue",
    "improve": "green",
    "debug": "yellow",
    "ensemble": "magenta",
}
BEST_SIGN = "★"
ABSENT = "–"
_NO_DIFFERENCE = "no measurable difference"


def tail(text: str, limit: int) -> str:
    """Return the last `limit` characters from a line start, with a note of the number left out."""
    if len(text) <= limit:
        return text
    kept = text[-limit:]
    kept = kept[kept.find("\n") + 1 :]
    return f"[{len(text) - len(kept):,} earlier characters left out]\n{kept}"


def head(text: str, limit: int) -> str:
    """Return the first `limit` characters up to a line end, with a note of the number left out."""
    if len(text) <= limit:
        return text
    kept = text[:limit]
    kept = kept[: kept.rfind("\n") + 1] or kept
    return f"{kept.rstrip()}\n[{len(text) - len(kept):,} further characters left out]"


def fair_limit(sizes: Sequence[int], total: int, most: int) -> int:
    """Return the largest limit per text, at most `most`, that keeps the sum of all texts within `total`."""
    left = total
    for rank, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - rank)
        if size > share:
            return min(share, most)
        left -= size
    return most


def number(value: float | None, like: float | None = None) -> str:
    """Format a score with decimals that suit its size, or the size of `like`: 0.6123, 12.35, 4,321.0."""
    if value is None or not math.isfinite(value):
        return ABSENT
    size = abs(value if like is None else like)
    decimals = 4 if size < 10 else 2 if size < 1000 else 1
    return f"{value:,.{decimals}f}"


def score(value: float | None, standard_error: float | None = None) -> str:
    """Format a score and its standard error as `0.6123 ± 0.0081`; a missing score is a dash."""
    if value is None or standard_error is None:
        return number(value)
    return f"{number(value)} ± {number(standard_error, like=value)}"


def permutation_test(found: LeakageProbe) -> str:
    """Format the outcome of the label permutation test: `passed: ...`."""
    verdict = {"passed": "passed", "follows": "failed", "none": "no verdict"}[found.verdict]
    return f"{verdict}: {found.reason}"


def direction(higher_is_better: bool) -> str:
    return "higher is better" if higher_is_better else "lower is better"


def changes(node: Node) -> str:
    """List the changes against the parent: `image_size 96 → 128, epochs 5 → 8, edits of library/train.py`."""
    parts = [f"{change.slot} {change.old} → {change.new}" for change in node.idea.changes]
    if node.idea.edits:
        parts.append(f"edits of {' and '.join(node.idea.edited_files)}")
    if node.attempts:
        parts.append(f"{len(node.attempts)} {'fix' if len(node.attempts) == 1 else 'fixes'}")
    return ", ".join(parts)


def edited_lines(edit: Edit) -> tuple[int, int]:
    """Return the number of lines that an edit removes and adds."""
    return len(edit.find.splitlines()), len(edit.replace.splitlines())


def what_changed(node: Node) -> str:
    """Return the title of the idea, with its changes in parentheses, or `node 002 with more time`."""
    title, detail = one_line(node.idea.title), one_line(changes(node))
    if node.continues is not None:
        title = f"node {node.continues:03d} with more time"
    return f"{title} ({detail})" if detail else title


def cut(result: NodeResult | None) -> str:
    """Return what the time limit cut short, e.g. `cut short: 43 % of training rows`; "" for nothing."""
    if result is None or result.cut is None:
        return ""
    return f"cut short: {100 * result.cut.share:.0f} % of {one_line(result.cut.what)}"


def speed(result: NodeResult | None) -> str:
    """Return the measured time per row of a prediction; "" if it was not measured."""
    if result is None or result.predict_ms is None:
        return ""
    return f"{result.predict_ms:.3g} ms per row, batch of {result.predict_rows} rows"


def origin(node: Node) -> str:
    """Return the names of the parents, `003` or `003 + 007`; a draft gets a dash."""
    return " + ".join(f"{parent:03d}" for parent in node.parents) or ABSENT


def effect(lesson: Lesson) -> str:
    """Format the measured effect of a lesson: `12.0 % ± 3.0 % less error (4 pairs)`.

    Other forms: `40.0 % ± 5.0 % less error without this change (1 pair)` for a change that hurts,
    `no measurable difference (error -100 % ± 81 %, 1 pair)` for an inconclusive one.
    A debug lesson counts its fixes: `fixed the error in 2 of 3 attempts`.
    """
    if lesson.fixes:
        fixed = sum(fix.mended for fix in lesson.fixes)
        return f"fixed the error in {fixed} of {len(lesson.fixes)} attempts"
    if not lesson.evidence:
        return "not compared yet"
    pairs = "1 pair" if len(lesson.evidence) == 1 else f"{len(lesson.evidence)} pairs"
    if lesson.verdict == "inconclusive":
        return f"{_NO_DIFFERENCE} ({_error_change(lesson)}, {pairs})"
    return f"{_error_reduction(lesson)} ({pairs})"


def short_effect(lesson: Lesson) -> str:
    """Format the effect of a lesson for a table: `-12.0 % ± 3.0 %` of the error, or `2 of 3 fixed`."""
    if lesson.fixes:
        return f"{sum(fix.mended for fix in lesson.fixes)} of {len(lesson.fixes)} fixed"
    return _error_change(lesson).removeprefix("error ") if lesson.evidence else ABSENT


def titled_effect(lesson: Lesson) -> str:
    """Format a lesson as title and effect: `Larger pictures help: 12.0 % ± 3.0 % less error (4 pairs)`."""
    title, measured = one_line(lesson.title), effect(lesson)
    if title.endswith(_NO_DIFFERENCE):
        return title + measured.removeprefix(_NO_DIFFERENCE)
    return f"{title}: {measured}"


def comparison(lesson: Lesson, pair: Evidence) -> str:
    """Format the effect of one pair of nodes: `12.0 % ± 3.0 % less error`."""
    if lesson.verdict_of(pair) == "inconclusive":
        return f"{_NO_DIFFERENCE} ({_error_change(pair)})"
    return _error_reduction(pair)


def _error_reduction(measured: Lesson | Evidence) -> str:
    """Format an effect as a reduction; a change that hurts reduces the error of the pair's other node."""
    size, standard_error = _percentages(abs(measured.effect), measured.standard_error)
    side = "" if measured.effect >= 0 else " without this change"
    return f"{size} ± {standard_error} less error{side}"


def _error_change(measured: Lesson | Evidence) -> str:
    """Format an effect as a signed change of the error, relative to the larger error of the pair."""
    size, standard_error = _percentages(abs(measured.effect), measured.standard_error)
    sign = "-" if measured.effect > 0 else "+"
    return f"error {sign}{size} ± {standard_error}"


def _percentages(*shares: float) -> list[str]:
    """Format shares of one quantity with the same number of decimals: `12.0 %`, or `100 %` and `81 %`."""
    decimals = 1 if max(shares) < 0.9995 else 0
    return [f"{100 * share:.{decimals}f} %" for share in shares]


def out_of_fold(folds: int, rows: int | None = None) -> str:
    """Describe the rows of a score: `out-of-fold over 8 folds, 1,200 rows`."""
    return f"out-of-fold over {folds} folds" + ("" if rows is None else f", {rows:,} rows")


def folds(result: NodeResult | None) -> str:
    """Return the number of executed folds of a scored node; empty if the validation rows were held out."""
    return str(result.folds) if result is not None and result.metric is not None and result.folds > 1 else ""


def scores(node: Node, result: NodeResult) -> dict[str, str]:
    """Return every score of a finished node by name, in reading order."""
    over = f", {out_of_fold(result.folds)}" if result.folds > 1 and result.metric is not None else ""
    named = {"validation": score(result.metric, result.metric_se) + over}
    if result.folds > 1 and result.metric is not None:
        parts = (ABSENT if one is None else number(one, result.metric) for one in result.fold_metrics)
        named["after each fold"] = ", ".join(parts)
    for name, value in result.target_metrics.items():
        shares = [f"{part} {number(one)}" for part, one in result.target_parts.get(name, {}).items()]
        named[f"target {one_line(name)}"] = number(value) + (f" ({', '.join(shares)})" if shares else "")
    named["audit"] = score(result.audit_metric, result.audit_se)
    if node.repeats:
        named["other seeds"] = ", ".join(number(metric) for metric in node.repeats)
    if node.refit is not None:
        named["refit"] = refit(node.refit)
    return named


def expected(found: ExpectedScore, like: float | None = None) -> str:
    """Format an expected score as `0.8012 on new rows, 95 % interval 0.7701 to 0.8304`."""
    value, lower, upper = (number(one, like) for one in (found.value, found.lower, found.upper))
    return f"{value} on new rows, 95 % interval {lower} to {upper}"


def refit(result: RefitResult) -> str:
    """Format a refit as `agreement 0.98, kept, 1:12`; a rejected refit adds its reason.

    The audit rows score the refits of earlier versions, which did not train on them.
    """
    parts = (
        [f"audit {score(result.audit_metric, result.audit_se)}"] if result.audit_metric is not None else []
    )
    parts += [f"agreement {result.agreement:.2f}"] if result.agreement is not None else []
    parts += [f"{len(result.members)} members"] if result.members else []
    parts += ["kept" if result.status == "kept" else "not kept", duration(result.seconds)]
    return ", ".join(parts) + (f": {one_line(result.reason)}" if result.reason else "")


def call(ended: Call) -> str:
    """Format a call as `gpt-x answered (draft): 3,120 tokens in (2,816 cached), 412 out, $0.0021, 4.2 s`."""
    cached = f" ({ended.tokens_cached:,} cached)" if ended.tokens_cached else ""
    about = "about " if ended.estimated else ""
    tokens = f"{about}{ended.tokens_in or 0:,} tokens in{cached}, {ended.tokens_out or 0:,} out"
    text = f"{one_line(ended.model)} {ended.status} ({ended.purpose}): {tokens}, {dollars(ended.usd)}"
    text += f", {duration(ended.seconds)}"
    return f"{text}: {one_line(ended.reason)}" if ended.reason else text


def dollars(usd: float | None) -> str:
    """Format a cost in USD as `$0.0021`; None is `price unknown`."""
    if usd is None:
        return "price unknown"
    return f"${usd:.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"


def spend(used: Spend) -> str:
    """Format the calls of a run as `14 calls (1 failed), 41,000 tokens in (82 % cached), ...`."""
    failed = f" ({used.failed} failed)" if used.failed else ""
    lost = f", {used.lost} lost when a process was killed" if used.lost else ""
    cached = f" ({100 * used.tokens_cached / used.tokens_in:.0f} % cached)" if used.tokens_cached else ""
    known = f"{dollars(used.usd)} and calls of unknown price" if used.usd else dollars(None)
    money = dollars(used.usd) if used.is_priced else known
    calls = "1 call" if used.calls == 1 else f"{used.calls:,} calls"
    return (
        f"{calls}{failed}{lost}, {used.tokens_in:,} tokens in{cached}, "
        f"{used.tokens_out:,} out, {money}, {duration(used.seconds)}"
    )


def progress(point: CurvePoint) -> str:
    """Format a point of progress as `train fold 1 epoch 3 42 %, metric 0.5812`."""
    where = [one_line(point.stage)]
    if point.member is not None:
        where.append(one_line(point.member))
    if point.fold is not None:
        where.append(f"fold {point.fold}")
    if point.epoch is not None:
        where.append(f"epoch {point.epoch}")
    parts = [f"{' '.join(where)} {100 * min(max(point.fraction, 0.0), 1.0):.0f} %"]
    if point.train_loss is not None:
        parts.append(f"loss {number(point.train_loss)}")
    if point.metric is not None:
        parts.append(f"metric {number(point.metric)}")
    return ", ".join(parts)


def data_kind(settings: RunSettings) -> str:
    """Name the data behind the scores; a sample is always called `SAMPLE data`."""
    return "SAMPLE data" if settings.data_kind == "sample" else "full data"
