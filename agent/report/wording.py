"""How facts of a run are said: the same words and signs on the screen, in lines and on the page."""

import math
import re
from collections.abc import Mapping, Sequence

from agent.llm.calls import Call
from agent.llm.spend import Spend
from agent.memory.lesson import Lesson
from agent.record.events import CurvePoint, NodeResult, Operator, Probe, RefitResult, RunSettings, Status
from agent.record.state import Node
from agent.repository.edits import Edit

# One sign per status, so that nothing is told by colour alone.
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

# Control characters steer a terminal, bidirectional overrides reorder what is read.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Text of a candidate or a planner without what could steer a terminal or forge a line."""
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """The text, clean, with every run of white space turned into one space."""
    return " ".join(clean(text).split())


def tail(text: str, limit: int) -> str:
    """The last `limit` characters, from the start of a line on, with a note of what was left out."""
    if len(text) <= limit:
        return text
    kept = text[-limit:]
    kept = kept[kept.find("\n") + 1 :]
    return f"[{len(text) - len(kept):,} earlier characters left out]\n{kept}"


def head(text: str, limit: int) -> str:
    """The first `limit` characters, up to the end of a line, with a note of what was left out."""
    if len(text) <= limit:
        return text
    kept = text[:limit]
    kept = kept[: kept.rfind("\n") + 1] or kept
    return f"{kept.rstrip()}\n[{len(text) - len(kept):,} further characters left out]"


def fair_limit(sizes: Sequence[int], total: int, most: int) -> int:
    """The largest limit of one text, `most` at most, that keeps all texts together within `total`."""
    left = total
    for rank, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - rank)
        if size > share:
            return min(share, most)
        left -= size
    return most


def number(value: float | None, like: float | None = None) -> str:
    """A score with decimals that suit its size, or the size of `like`: 0.6123, 12.35, 4,321.0."""
    if value is None or not math.isfinite(value):
        return ABSENT
    size = abs(value if like is None else like)
    decimals = 4 if size < 10 else 2 if size < 1000 else 1
    return f"{value:,.{decimals}f}"


def score(value: float | None, standard_error: float | None = None) -> str:
    """`0.6123 ± 0.0081`, or a dash where there is none."""
    if value is None or standard_error is None:
        return number(value)
    return f"{number(value)} ± {number(standard_error, like=value)}"


def duration(seconds: float) -> str:
    """`4.2 s`, `42 s`, `3:05`, `1:02:33`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else clock(whole)


def clock(seconds: float) -> str:
    """`0:07`, `3:05`, `1:02:33`."""
    minutes, second = divmod(max(int(seconds), 0), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour else f"{minute}:{second:02d}"


def probe(found: Probe) -> str:
    """What came of shuffled validation answers: `passed: ...`."""
    verdict = {"passed": "passed", "follows": "not passed", "none": "says nothing"}[found.verdict]
    return f"{verdict}: {found.reason}"


def direction(higher_is_better: bool) -> str:
    return "higher is better" if higher_is_better else "lower is better"


def changes(node: Node) -> str:
    """What differs from the parent: `image_size 96 → 128, epochs 5 → 8, edits of library/train.py`."""
    said = [f"{one.slot} {one.old} → {one.new}" for one in node.idea.changes]
    if node.idea.edits:
        said.append(f"edits of {' and '.join(node.idea.edited_files)}")
    if node.attempts:
        said.append(f"{len(node.attempts)} {'fix' if len(node.attempts) == 1 else 'fixes'}")
    return ", ".join(said)


def edited_lines(edit: Edit) -> tuple[int, int]:
    """How many lines an edit replaces, and by how many."""
    return len(edit.find.splitlines()), len(edit.replace.splitlines())


def what_changed(node: Node) -> str:
    """The idea's title; an improvement's title already says its moves, the changed slots follow it."""
    title, detail = one_line(node.idea.title), one_line(changes(node))
    return f"{title} ({detail})" if detail else title


def origin(node: Node) -> str:
    """The nodes that it grew from, `003` or `003 + 007`; a dash for a draft."""
    return " + ".join(f"{parent:03d}" for parent in node.parents) or ABSENT


def effect(lesson: Lesson) -> str:
    """What was measured: `helps: 12.0 ± 3.0 % less error`, `hurts: 40.0 ± 5.0 % less error without it`."""
    if lesson.fixes:
        mended = sum(tried.mended for tried in lesson.fixes)
        return f"mended the error {mended} of {len(lesson.fixes)} times"
    if not lesson.evidence:
        return "no comparison yet"
    share = 100 * lesson.effect
    side = "" if share >= 0 else " without it"
    return f"{lesson.verdict}: {abs(share):.1f} ± {100 * lesson.standard_error:.1f} % less error{side}"


def scores(node: Node, result: NodeResult) -> dict[str, str]:
    """All scores that a finished node has, by their names, in the order in which they are read."""
    named = {
        "validation": score(result.metric, result.metric_se),
        "audit": score(result.audit_metric, result.audit_se),
    }
    if node.repeats:
        named["other seeds"] = ", ".join(number(metric) for metric in node.repeats)
    if node.refit is not None:
        named["refit"] = refit(node.refit)
    return named


def refit(result: RefitResult) -> str:
    """`audit 0.6012 ± 0.0121, kept, 1:12`, or why it is not kept."""
    said = [f"audit {score(result.audit_metric, result.audit_se)}"] if result.audit_metric is not None else []
    said += ["kept" if result.status == "kept" else "not kept", duration(result.seconds)]
    return ", ".join(said) + (f": {one_line(result.reason)}" if result.reason else "")


def call(ended: Call) -> str:
    """`gpt-x answered (draft): 3,120 tokens in (2,816 cached), 412 out, $0.0021, 4.2 s`."""
    cached = f" ({ended.tokens_cached:,} cached)" if ended.tokens_cached else ""
    about = "about " if ended.estimated else ""
    tokens = f"{about}{ended.tokens_in or 0:,} tokens in{cached}, {ended.tokens_out or 0:,} out"
    said = f"{one_line(ended.model)} {ended.status} ({ended.purpose}): {tokens}, {dollars(ended.usd)}"
    said += f", {duration(ended.seconds)}"
    return f"{said}: {one_line(ended.reason)}" if ended.reason else said


def dollars(usd: float | None) -> str:
    """`$0.0021`; an unknown price is said to be unknown."""
    if usd is None:
        return "price unknown"
    return f"${usd:.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"


def spend(used: Spend) -> str:
    """What the calls of a run took: `14 calls (1 without use), 41,000 tokens in (82 % cached), ...`."""
    failed = f" ({used.failed} without use)" if used.failed else ""
    lost = f", {used.lost} lost with the process that made them" if used.lost else ""
    cached = f" ({used.tokens_cached / used.tokens_in:.0%} cached)" if used.tokens_cached else ""
    known = f"{dollars(used.usd)} and calls of unknown price" if used.usd else dollars(None)
    money = dollars(used.usd) if used.is_priced else known
    return (
        f"{used.calls} calls{failed}{lost}, {used.tokens_in:,} tokens in{cached}, "
        f"{used.tokens_out:,} out, {money}, {duration(used.seconds)}"
    )


def progress(point: CurvePoint) -> str:
    """`train fold 1 epoch 3 42 %, metric 0.5812`."""
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
    """Which data the scores are about; a sample is always called a sample."""
    return "SAMPLE data" if settings.data_kind == "sample" else "full data"


def wishes(settings: RunSettings) -> str:
    """Whose ideas, what was pinned, forbidden and hinted, to be put behind a sentence; empty without any."""
    parts = [
        f"; the ideas of run {settings.replayed.run} once more" if settings.replayed else "",
        f"; pinned {', '.join(settings.pinned)}" if settings.pinned else "",
        f"; forbidden {', '.join(settings.forbidden)}" if settings.forbidden else "",
        f"; hint: {one_line(settings.hint)}" if settings.hint else "",
    ]
    return "".join(parts)
