"""Terminal views of one node, its language model calls, and diffs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from agent.llm.calls import Call
from agent.record.events import NodeResult
from agent.record.state import Node, RunState
from agent.report import formatting
from agent.report.live_layout import status

LOG_CHARACTERS = 4_000
_ANALYSIS_LINES = 40


def render_node(
    state: RunState, node: Node, files: Path, log_tail: str, analysis: Mapping[str, object]
) -> RenderableType:
    """Return the full view of a node: idea, scores, lessons, failure, and the folder of its files.

    Args:
        state: State of the run.
        node: Node to show.
        files: Workspace of the node.
        log_tail: End of the log from `RunFiles.log`; shown for nodes that are not valid.
        analysis: Content of `working/analysis.json`, empty when the file is missing.
    """
    parts: list[RenderableType] = [_headline(state, node), _facts(state, node, files), *_idea(node)]
    if node.idea.changes:
        parts += [_section("changes against the parent"), _changes(node)]
    if node.idea.edits:
        parts += [_section("edits"), _edits(node)]
    if node.idea.plan:
        parts += [_section("modules"), _modules(node)]
    if node.attempts:
        parts += [_section("fixes"), _fixes(node)]
    parts += _lessons(state, node)
    if node.id in state.calls:
        parts += [_section("language model calls")]
        parts += [Text(formatting.call(call)) for call in state.calls[node.id]]
    if analysis:
        parts += [_section("failure analysis"), Text("\n".join(_outline(analysis)[:_ANALYSIS_LINES]))]
    if node.result and not node.is_valid and log_tail:
        parts += [
            _section("end of the log"),
            Text(formatting.tail(formatting.clean(log_tail), LOG_CHARACTERS).rstrip()),
        ]
    return Group(*parts)


def render_calls(calls: Sequence[Call], text_of: Callable[[str], str | None]) -> RenderableType:
    """Return every call with its messages and its answer; a repeated message is shown once.

    Args:
        calls: Calls in order.
        text_of: Returns a recorded text by its id, or None.
    """
    if not calls:
        return Text("No language model calls are recorded for this node.")
    parts: list[RenderableType] = []
    shown: set[str] = set()
    for call in calls:
        parts.append(_section(formatting.call(call)))
        for title, name in (*(("message", name) for name in call.prompt), ("answer", call.answer)):
            if not name:
                continue
            text = "(same text as above)" if name in shown else text_of(name) or "(not recorded)"
            shown.add(name)
            parts += [
                Text(f"{title} {name[:12]}", style="bright_black"),
                Text(formatting.clean(text).rstrip()),
            ]
    return Group(*parts)


def print_diff(console: Console, diff: str) -> None:
    """Print a unified diff in colour on a terminal; elsewhere unchanged, ready to apply as a patch."""
    if console.is_terminal:
        text = formatting.clean(diff) or "no difference"
        console.print(Syntax(text, "diff", theme="ansi_dark", background_color="default", word_wrap=True))
    else:
        console.file.write(diff)
        console.file.flush()


def _headline(state: RunState, node: Node) -> Text:
    is_best = state.best is not None and state.best.id == node.id
    text = Text(f"node {node.name} ", style="bold")
    text.append(node.operator, style=formatting.OPERATOR_STYLE[node.operator])
    text.append("  ").append_text(status(node, is_best))
    return text.append(f"\n{formatting.one_line(node.idea.title)}", style="bold")


def _facts(state: RunState, node: Node, files: Path) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bright_black", no_wrap=True)
    grid.add_column(overflow="fold")
    if node.result and node.result.reason:
        grid.add_row("reason", Text(formatting.one_line(node.result.reason), style="bold"))
    if node.note:
        grid.add_row("note", Text(formatting.one_line(node.note)))
    grid.add_row("parents", formatting.origin(node))
    imported = state.run.imported
    if state.is_imported(node) and imported is not None and imported.source is not None:
        grid.add_row("imported from", Text(formatting.one_line(str(imported.source))))
    children = ", ".join(f"{child:03d}" for child in node.children)
    grid.add_row("children", children or formatting.ABSENT)
    scores = formatting.scores(node, node.result) if node.result else {"validation": "not scored yet"}
    for name, value in scores.items():
        grid.add_row(name, Text(value))
    grid.add_row("time", _timing(node, node.result))
    if speed := formatting.speed(node.result):
        grid.add_row("prediction", Text(speed))
    if cut := formatting.cut(node.result):
        grid.add_row("time limit", Text(cut))
    for warning in node.result.leakage_findings if node.result else ():
        grid.add_row("leakage warning", Text(formatting.one_line(warning)))
    if node.result and node.result.probe:
        test = formatting.permutation_test(node.result.probe)
        grid.add_row("label permutation test", Text(formatting.one_line(test)))
    for name, value in node.result.facts.items() if node.result else ():
        grid.add_row(Text(formatting.one_line(name)), Text(formatting.one_line(value)))
    if node.result and (review := node.result.review):
        verdict = "sound" if review.sound else "not sound"
        grid.add_row("review", Text(formatting.one_line(f"{verdict}: {review.reason}")))
    grid.add_row("files", Text(str(files)))
    if node.result:
        grid.add_row("commit", Text(node.result.commit))
    return Padding(grid, (1, 0))


def _timing(node: Node, result: NodeResult | None) -> str:
    expected = f"expected {formatting.duration(node.expected_s)}" if node.expected_s is not None else ""
    began = f"proposed at {formatting.clock(node.proposed_at_s)}"
    if result is None:
        return ", ".join(part for part in (began, expected) if part)
    smoke = f"smoke run {formatting.duration(result.smoke_seconds)}" if result.smoke_seconds else ""
    caches = (
        f"{formatting.duration(result.cache_seconds)} cache building" if result.cache_seconds >= 1 else ""
    )
    parts = (formatting.duration(result.seconds), caches, expected, smoke, began)
    return ", ".join(part for part in parts if part)


def _idea(node: Node) -> list[RenderableType]:
    idea = node.idea
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bright_black", no_wrap=True)
    grid.add_column()
    for name, text in (
        ("model", idea.model),
        ("data", idea.data),
        ("training", idea.training),
        ("evaluation", idea.evaluation),
    ):
        grid.add_row(name, Text(formatting.clean(text)))
    if idea.moves:
        grid.add_row("moves", Text(", ".join(idea.moves)))
    if idea.blueprint:
        slots = ", ".join(f"{slot}={value}" for slot, value in idea.blueprint.slots.items())
        grid.add_row("slots", Text(formatting.one_line(f"{slots} ({idea.blueprint.family})")))
    return [_section("idea"), grid]


def _changes(node: Node) -> Table:
    grid = Table.grid(padding=(0, 2))
    for change in node.idea.changes:
        cited = ", ".join(node.idea.cites.get(change.slot, ()))
        grid.add_row(
            Text(change.slot),
            Text(formatting.one_line(f"{change.old} → {change.new}"), style="bold"),
            Text(f"cites lesson {cited}" if cited else "", style="bright_black"),
        )
    return grid


def _edits(node: Node) -> Table:
    grid = Table.grid(padding=(0, 2))
    for edit in node.idea.edits:
        old, new = formatting.edited_lines(edit)
        size = f"{old} {'line' if old == 1 else 'lines'} → {new}" if edit.find else f"new, {new} lines"
        grid.add_row(Text(formatting.one_line(edit.file)), Text(size, style="bold"))
    return grid


def _modules(node: Node) -> Table:
    """Return the planned modules with the length of their first version, or `not written`."""
    grid = Table.grid(padding=(0, 2))
    written = {module.file: len(module.code.splitlines()) for module in node.modules}
    for module in node.idea.plan:
        lines = written.get(module.file)
        size = "not written" if lines is None else f"{lines} lines"
        grid.add_row(module.file, Text(size, style="bold"), Text(formatting.one_line(module.purpose)))
    return grid


def _fixes(node: Node) -> Table:
    """Return each failed revision and its fix."""
    grid = Table.grid(padding=(0, 2))
    for number, attempt in enumerate(node.attempts, start=1):
        reason = Text(formatting.one_line(attempt.failed.reason))
        grid.add_row(Text(f"{number}"), reason, Text(attempt.failed.commit[:12], style="bright_black"))
        grid.add_row("", Text(f"fix: {formatting.one_line(attempt.fix.title)}", style="bold"))
        if attempt.fix.cause:
            grid.add_row("", Text(formatting.one_line(attempt.fix.cause)))
    return grid


def _lessons(state: RunState, node: Node) -> list[RenderableType]:
    known = {**state.offered, **state.learned}
    parts: list[RenderableType] = []
    for title, ids in (
        ("lessons cited", node.idea.cited_lessons),
        ("lessons learned from this node", tuple(node.lessons)),
    ):
        if not ids:
            continue
        parts.append(_section(title))
        for lesson_id in ids:
            lesson = known.get(lesson_id)
            text = formatting.titled_effect(lesson) if lesson else "not in this run's record"
            parts.append(Text(f"{lesson_id}  {text}"))
    return parts


def _section(title: str) -> Padding:
    return Padding(Rule(Text(title), style="bright_black", align="left"), (1, 0, 0, 0))


def _outline(content: Mapping[str, object], indent: str = "") -> list[str]:
    """Return a mapping as indented lines; levels below the second stay on one line."""
    lines = []
    for key, value in content.items():
        name = formatting.one_line(str(key)).replace("_", " ")
        if isinstance(value, Mapping) and len(indent) < 4:
            lines += [f"{indent}{name}", *_outline(value, indent + "  ")]
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            lines += [f"{indent}{name}", *(f"{indent}  {_in_line(item)}" for item in value)]
        else:
            lines.append(f"{indent}{name}: {_in_line(value)}")
    return lines


def _in_line(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"[{', '.join(map(_in_line, value))}]"[:200]
    if isinstance(value, Mapping):
        return ", ".join(f"{formatting.one_line(str(key))} {_in_line(item)}" for key, item in value.items())[
            :200
        ]
    return formatting.one_line(str(value))[:200]
