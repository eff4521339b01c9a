"""Renders the report of a run as one self-contained HTML file."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from agent.competition.metrics import Metric
from agent.core.atomic_files import atomic_file
from agent.memory.lesson import Lesson
from agent.record.lesson_rates import rates
from agent.record.state import Node, RunState
from agent.report import charts, formatting
from agent.report.geometry import PILL_HEIGHT, PILL_WIDTH, lay_out_tree
from agent.report.live_layout import StatusCounts
from agent.report.node_files import NodeFiles
from agent.report.path_redaction import PathRedactor
from agent.report.payload import code_payload, node_payload, script_json

_ASSETS = Path(__file__).parent / "assets"
# In load order: a script that another one uses at load time comes first.
_SCRIPTS = tuple(
    f"{name}.js.j2"
    for name in (
        "elements",
        "data",
        "diff",
        "code",
        "curves",
        "panel",
        "compare",
        "lesson",
        "theme",
        "table",
        "route",
    )
)


@dataclass(frozen=True)
class ReportContext:
    """Facts of a report beyond the state of the run."""

    run: str  # id of the run
    title: str  # title of the competition
    metric: Metric
    load_files: Callable[[Node], NodeFiles]  # `RunFiles.load`
    kept: Path | None = None  # folder of the kept solution, if this run provided it
    home: Path | None = None  # MARS_HOME; the page shows `$MARS_HOME` instead of this path


@dataclass(frozen=True)
class _LessonRow:
    lesson: Lesson
    is_new: bool
    interval: charts.Interval | None
    cited_by: tuple[Node, ...]


def write_report(state: RunState, context: ReportContext, file: Path) -> None:
    """Write the page atomically.

    Raises:
        InfrastructureError: The file cannot be written.
    """
    page = render_report(state, context)
    with atomic_file(file, "report") as path:
        path.write_text(page, encoding="utf-8")


def render_report(state: RunState, context: ReportContext) -> str:
    """Return the page. Text of planners and candidates is escaped; scripts are allowed by their hash only."""
    redactor = PathRedactor(context.home)
    environment = _environment(redactor)
    style = environment.get_template("style.css.j2").render()
    script = "\n".join(environment.get_template(name).render() for name in _SCRIPTS)
    node_files = {node.id: context.load_files(node) for node in state.nodes.values()}
    code, files = code_payload(node_files)
    return environment.get_template("report.html.j2").render(
        state=state,
        run=state.run,
        context=context,
        status_counts=StatusCounts.of(state),
        rates=rates(state),
        tree=lay_out_tree(state),
        pill={"width": PILL_WIDTH, "height": PILL_HEIGHT},
        timeline=charts.timeline(state, context.metric.name),
        scatter=charts.validation_against_audit(state),
        lessons=_lesson_rows(state),
        kept=redactor.folder(str(context.kept)) if context.kept else None,
        settings=_settings(state, redactor),
        payload=Markup(script_json(redactor.json(node_payload(state, node_files, files)))),
        code=Markup(script_json(code)),
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:",
    )


def _environment(redactor: PathRedactor) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["formatting"] = formatting
    environment.filters["line"] = lambda text: redactor.text(formatting.one_line(text))
    environment.filters["text"] = lambda text: redactor.text(formatting.clean(text))
    return environment


def _hash(text: str) -> str:
    """Return the content security policy source that allows exactly this text."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _lesson_rows(state: RunState) -> list[_LessonRow]:
    """Return the lessons that this run learned or cited, learned ones first."""
    users: dict[str, list[Node]] = {}
    for node in state.nodes.values():
        for lesson_id in node.idea.cited_lessons:
            users.setdefault(lesson_id, []).append(node)
    lessons = [lesson for lesson in state.lessons if lesson.id in state.learned or lesson.id in users]
    lessons.sort(key=lambda lesson: (lesson.id not in state.learned, lesson.id))
    bars = charts.intervals(lessons)
    return [
        _LessonRow(lesson, lesson.id in state.learned, bars.get(lesson.id), tuple(users.get(lesson.id, ())))
        for lesson in lessons
    ]


def _settings(state: RunState, redactor: PathRedactor) -> dict[str, str]:
    excluded = {"blueprint", "imported", "replay_source"}
    content: dict[str, Any] = state.run.model_dump(mode="json", exclude=excluded)
    content["folder"] = redactor.folder(state.run.folder)
    settings = {
        name.replace("_", " "): _setting(value) for name, value in content.items() if value is not None
    }
    if not state.run.models:
        for name in ("models", "llm host"):
            settings.pop(name)
    else:
        settings["models"] = ", ".join(f"{role}: {model}" for role, model in state.run.models.items())
        settings["language model"] = formatting.spend(state.spend)
    if state.run.blueprint is not None:
        slots = ", ".join(f"{name}={value}" for name, value in state.run.blueprint.slots.items())
        settings["blueprint"] = f"{state.run.blueprint.family}: {slots}"
    if state.run.replay_source is not None:
        settings["replays the ideas of"] = f"run {state.run.replay_source.run}"
    if state.run.imported is not None:
        settings["starts from"] = f"the repository given by --from, commit {state.run.imported.commit}"
    return settings


def _setting(value: object) -> str:
    """Format one setting: `yes` and `no` for booleans, `none` for empty values."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        value = [f"{name}={content}" for name, content in value.items()]
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value) or "none"
