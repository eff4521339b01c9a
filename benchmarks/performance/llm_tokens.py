"""What the prompts of a search hold, and what they would hold with whole files and all lessons in each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from real_table import write_table
from scripted_model import shared

from agent.competition.init import draft_spec, write_draft
from agent.database import open_database
from agent.llm.calls import Call
from agent.llm.prompts import render_prompt
from agent.llm.wording import BYTES_PER_TOKEN
from agent.memory.distill import distill
from agent.memory.lesson import Evidence, Lesson, Scope
from agent.memory.store import LessonStore
from agent.paths import Home
from agent.planner.editing import own_modules
from agent.record.events import LessonLearned, LlmCallBegan, LlmCallEnded
from agent.record.state import Node
from agent.report.observer import Observer
from agent.repository.family import known_families
from agent.repository.idea import Change
from agent.request import RunRequest
from agent.session import Run, open_run, start

FAMILY = "tabular"
STORED = 100  # lessons at hand, as three or four searches leave; a prompt recalls 30
_ROWS = 1437
_LESSONS = "# Relevant lessons\n<data>\n"
_MODULES = "Its modules:\n<data>\n"
_SHOWN = "\n</data>\n\n## "
_END = "</data>"


@dataclass(frozen=True)
class Asked:
    """The words of one call, in order, and of the same call with nothing left to recall or to ask for."""

    model: str
    said: str
    lavish: str


def searched(home: Home, nodes: int, observer: Observer) -> Run:
    """A finished search over digits as a table, each idea asked of a scripted model, many lessons at hand."""
    folder = home.root / "digits-table"
    write_table("digits", folder)
    write_draft(draft_spec(folder), folder)
    LessonStore(open_database(home.database)).import_all(_lessons(home))
    request = RunRequest(
        competition=str(folder),
        minutes=20,
        node_minutes=2,  # none of them needs half of it; a busy machine may
        max_nodes=nodes,
        planner="llm",
        policy="greedy",  # which goes by scores alone, so that the search is the same on any machine
    )
    return open_run(start(request, home, lambda _: observer).run.id, home)


def _lessons(home: Home) -> list[Lesson]:
    """Made up, in the words of real ones: of every slot each value against its neighbours."""
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
    about = {"run": "made-up", "competition": "digits-table", "data_kind": "full", "parent": 1, "child": 2}
    return Evidence.model_validate({**about, "effect": effect, "standard_error": 0.02, "time_factor": 1.1})


def asked(run: Run) -> list[Asked]:
    """Every call of the run, in order."""
    stored = {lesson.id: lesson for lesson in LessonStore(run.journal.engine).all()}
    own = {event.lesson.id for event in run.journal.events() if isinstance(event, LessonLearned)}
    known = {name: lesson for name, lesson in stored.items() if name not in own}
    found = []
    for event in run.journal.events():
        if isinstance(event, LessonLearned):
            known[event.lesson.id] = event.lesson
        if isinstance(event, LlmCallEnded):
            node = run.state.nodes[event.node]
            said = "".join(run.journal.text(name) or "" for name in event.call.prompt)
            found.append(Asked(event.call.model, said, _lavish(run, node, event.call, said, known)))
    return found


def schema_tokens(run: Run, rooms: Mapping[str, int]) -> int:
    """Tokens of the schemas that went beside the prompts, as the client estimates them.

    `rooms` are the tokens that an answer might have, by purpose.
    """
    return sum(
        event.call.tokens
        - rooms[event.call.purpose]
        - sum(tokens(run.journal.text(name) or "") for name in event.call.prompt)
        for event in run.journal.events()
        if isinstance(event, LlmCallBegan) and event.call.purpose in rooms
    )


def _lavish(run: Run, node: Node, call: Call, said: str, lessons: Mapping[str, Lesson]) -> str:
    """The same words with every lesson, and where a parent is improved, with all of its modules.

    Questions of other kinds (a review, the words of a lesson) stay as they are.
    """
    if call.purpose not in ("draft", "improve", "edit"):
        return said
    if node.parent is None:
        return _between(said, _LESSONS, _END, _told(run, list(lessons.values())))
    files = run.lineage.read(run.state.nodes[node.parent].commit)
    whole = "\n".join(f"## {name}\n<data>\n{files[name]}</data>\n" for name in own_modules(files))
    if call.purpose == "edit":
        lines = "\n".join(f"{one.id} ({one.verdict}): {one.key_lesson}" for one in lessons.values())
        said = _between(said, _LESSONS, _END, f"{lines}\n")
        return _between(said, _SHOWN, _LESSONS, f"\n{whole}\n")
    said = _between(said, _LESSONS, _END, _told(run, list(lessons.values())))
    return _between(said, _MODULES, _END, whole)


def _told(run: Run, lessons: Sequence[Lesson]) -> str:
    """Lessons as the prompts about ideas tell them."""
    from agent.repository.render import TaskView

    told = render_prompt(
        "_search", competition=TaskView.of(run.prepared), nodes=[], left_out=0, lessons=lessons
    )
    return told.partition(_LESSONS)[2].partition(_END)[0]


def _between(text: str, begin: str, end: str, instead: str) -> str:
    """The text with something else between two marks; they must be there."""
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise SystemExit(f"The prompts changed: {begin!r} to {end!r} is not in them; mend llm_tokens.py.")
    return before + opened + instead + closed + after


def tokens(text: str) -> int:
    """By the client's own estimate, which is rather too high."""
    return len(text.encode()) // BYTES_PER_TOKEN


def in_stable_prefix(calls: Sequence[tuple[str, str]]) -> int:
    """Tokens of prompts (model, words) with which an earlier one to the same model began too."""
    earlier: dict[str, list[str]] = {}
    found = 0
    for model, words in calls:
        before = earlier.setdefault(model, [])
        found += tokens(words[: max((shared(one, words) for one in before), default=0)])
        before.append(words)
    return found
