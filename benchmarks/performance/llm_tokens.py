"""Counts prompt tokens of a search, and those of the same prompts with whole files and all lessons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from real_table import write_table
from scripted_model import shared_prefix

from agent.core.database import open_database
from agent.core.paths import Home
from agent.drafting.rules.draft import draft_spec
from agent.drafting.rules.write_draft import write_draft
from agent.engine.run_request import RunRequest
from agent.engine.session import start
from agent.llm.calls import Call
from agent.llm.messages import BYTES_PER_TOKEN
from agent.llm.prompts import render_prompt
from agent.memory.distill import distill
from agent.memory.lesson import Evidence, Lesson, Scope
from agent.memory.store import LessonStore
from agent.planner.llm.editing import own_modules
from agent.record.events import LessonLearned, LlmCallBegan, LlmCallEnded
from agent.record.observer import Observer
from agent.record.opened_run import Run, open_run
from agent.record.state import Node
from agent.repository.family import known_families
from agent.repository.idea import Change

FAMILY = "tabular"
STORED = 100  # lessons in the store, as after three or four searches; a prompt recalls 30
_ROWS = 1437
_LESSONS = "# Relevant lessons\n<data>\n"
_MODULES = "Its modules:\n<data>\n"
_SHOWN = "\n</data>\n\n## "
_END = "</data>"


@dataclass(frozen=True)
class RecordedPrompt:
    """The prompt of one call, and the same prompt with all lessons and whole files."""

    model: str
    text: str
    full_text: str


def run_search(home: Home, nodes: int, observer: Observer) -> Run:
    """Run a search over digits as a table, planned by a scripted model, with many lessons in the store."""
    folder = home.root / "digits-table"
    write_table("digits", folder)
    write_draft(draft_spec(folder), folder)
    LessonStore(open_database(home.database)).import_all(_lessons(home))
    request = RunRequest(
        competition=str(folder),
        minutes=20,
        node_minutes=2,  # twice the need of any node, for busy machines
        max_nodes=nodes,
        planner="llm",
        policy="greedy",  # depends on scores only, so the search is the same on every machine
    )
    return open_run(start(request, home, lambda _: observer).run.id, home)


def _lessons(home: Home) -> list[Lesson]:
    """Return synthetic lessons in the form of real ones: each slot value against its neighbours."""
    scope = Scope(task="classification", family=FAMILY, magnitude=Scope.magnitude_of(_ROWS))
    changes = [
        Change(slot=name, old=old, new=new)
        for name, slot in known_families(home)[FAMILY].slots.items()
        for pair in pairwise(slot.values)
        for old, new in (pair, pair[::-1])
    ][:STORED]
    return [
        distill(scope, change.slot, (change,), _evidence(number), "0.9410 against 0.9382")
        for number, change in enumerate(changes)
    ]


def _evidence(number: int) -> Evidence:
    effect = (number % 9 - 4) / 40
    pair = {"run": "made-up", "competition": "digits-table", "data_kind": "full", "parent": 1, "child": 2}
    return Evidence.model_validate({**pair, "effect": effect, "standard_error": 0.02, "time_factor": 1.1})


def recorded_prompts(run: Run) -> list[RecordedPrompt]:
    """Return the prompt of every call of the run, in order."""
    stored = {lesson.id: lesson for lesson in LessonStore(run.journal.engine).all()}
    own = {event.lesson.id for event in run.journal.events() if isinstance(event, LessonLearned)}
    known = {name: lesson for name, lesson in stored.items() if name not in own}
    found = []
    for event in run.journal.events():
        if isinstance(event, LessonLearned):
            known[event.lesson.id] = event.lesson
        if isinstance(event, LlmCallEnded):
            node = run.state.nodes[event.node]
            text = "".join(run.journal.text(name) or "" for name in event.call.prompt)
            full = _full_text(run, node, event.call, text, known)
            found.append(RecordedPrompt(event.call.model, text, full))
    return found


def schema_tokens(run: Run, answer_limits: Mapping[str, int]) -> int:
    """Return the tokens of the schemas sent with the prompts, as the client estimates them.

    Args:
        run: A finished run.
        answer_limits: Largest number of answer tokens by purpose.
    """
    return sum(
        event.call.tokens
        - answer_limits[event.call.purpose]
        - sum(tokens(run.journal.text(name) or "") for name in event.call.prompt)
        for event in run.journal.events()
        if isinstance(event, LlmCallBegan) and event.call.purpose in answer_limits
    )


def _full_text(run: Run, node: Node, call: Call, text: str, lessons: Mapping[str, Lesson]) -> str:
    """Return a prompt with every lesson, and for improvements with all modules of the parent.

    Other prompts (reviews, texts of lessons) are returned unchanged.
    """
    if call.purpose not in ("draft", "improve", "edit"):
        return text
    if node.parent is None:
        return _between(text, _LESSONS, _END, _lesson_lines(run, list(lessons.values())))
    files = run.lineage.read(run.state.nodes[node.parent].commit)
    whole = "\n".join(f"## {name}\n<data>\n{files[name]}</data>\n" for name in own_modules(files))
    if call.purpose == "edit":
        lines = "\n".join(
            f"{lesson.id} ({lesson.verdict}): {lesson.key_lesson}" for lesson in lessons.values()
        )
        text = _between(text, _LESSONS, _END, f"{lines}\n")
        return _between(text, _SHOWN, _LESSONS, f"\n{whole}\n")
    text = _between(text, _LESSONS, _END, _lesson_lines(run, list(lessons.values())))
    return _between(text, _MODULES, _END, whole)


def _lesson_lines(run: Run, lessons: Sequence[Lesson]) -> str:
    """Return lessons as the planner's prompts list them."""
    from agent.repository.rendering import TaskView

    prompt = render_prompt(
        "_search", competition=TaskView.of(run.prepared), nodes=[], left_out=0, lessons=lessons
    )
    return prompt.partition(_LESSONS)[2].partition(_END)[0]


def _between(text: str, begin: str, end: str, instead: str) -> str:
    """Replace the text between two marks; exit if a mark is missing."""
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise SystemExit(f"The prompts have changed: {begin!r} to {end!r} not found; update llm_tokens.py.")
    return before + opened + instead + closed + after


def tokens(text: str) -> int:
    """Return the client's estimate of the number of tokens, which tends to be too high."""
    return len(text.encode()) // BYTES_PER_TOKEN


def in_stable_prefix(calls: Sequence[tuple[str, str]]) -> int:
    """Return the tokens of (model, prompt) pairs in a prefix shared with an earlier prompt to that model."""
    earlier: dict[str, list[str]] = {}
    found = 0
    for model, prompt in calls:
        previous = earlier.setdefault(model, [])
        found += tokens(prompt[: max((shared_prefix(other, prompt) for other in previous), default=0)])
        previous.append(prompt)
    return found
