"""The state of a search, folded from its events; never stored."""

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.llm.calls import Call
from agent.llm.spend import Spend
from agent.memory.lesson import Lesson
from agent.record.events import (
    Event,
    FixProposed,
    LessonLearned,
    LessonWorded,
    LlmCallBegan,
    LlmCallEnded,
    ModuleWritten,
    NodeFinished,
    NodeProposed,
    NodeResult,
    Operator,
    RefitFinished,
    RefitProposed,
    RefitResult,
    RepeatFinished,
    RepeatProposed,
    RunFinished,
    RunResumed,
    RunSettings,
    RunStarted,
    Status,
)
from agent.repository.edits import Edit
from agent.repository.family import Family
from agent.repository.idea import Blueprint, Fix, Idea, ModulePlan, WrittenModule, completed


@dataclass(frozen=True)
class Attempt:
    """A revision of a node that failed, and the fix that was made to it."""

    failed: NodeResult
    fix: Fix
    modules: int = 0  # how many were written when it failed


@dataclass
class Node:
    """One solution in the tree."""

    id: int
    operator: Operator
    parents: tuple[int, ...]
    idea: Idea
    expected_s: float | None
    proposed_at_s: float
    note: str = ""  # how the planner came by the idea
    replays: int | None = None  # the node of the replayed run whose idea it is
    last_edited: int | None = None  # the last in its line, itself included, whose code was edited
    blueprint: Blueprint | None = None  # the idea's, with the slots that its family gained since
    finished_at_s: float | None = None
    modules: list[WrittenModule] = field(
        default_factory=list
    )  # of the idea's plan, as far as they are written
    attempts: list[Attempt] = field(default_factory=list)  # revisions that failed before it got its result
    result: NodeResult | None = None
    repeats: list[float] = field(default_factory=list)
    repeating: bool = False
    refit: RefitResult | None = None
    refitting: bool = False
    children: list[int] = field(default_factory=list)
    lessons: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Three digits, as in folder and branch names."""
        return f"{self.id:03d}"

    @property
    def parent(self) -> int | None:
        """The node it grew from; None for a draft. An ensemble hangs below its first member."""
        return self.parents[0] if self.parents else None

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Made to what its slots and its parent's line give: its idea's own, then its fixes'."""
        return (*self.idea.edits, *(edit for attempt in self.attempts for edit in attempt.fix.edits))

    @property
    def unwritten(self) -> tuple[ModulePlan, ...]:
        """The modules of its plan that are still to be written, in their order."""
        return self.idea.plan[len(self.modules) :]

    @property
    def cited_lessons(self) -> tuple[str, ...]:
        """By its idea, and in the code that was written for it."""
        written = (lesson for module in self.modules for lesson in module.cites)
        return tuple(sorted({*self.idea.cited_lessons, *written}))

    @property
    def status(self) -> Status:
        return self.result.status if self.result else "running"

    @property
    def metric(self) -> float | None:
        return self.result.metric if self.result else None

    @property
    def commit(self) -> str:
        """The revision that gave its result."""
        assert self.result is not None
        return self.result.commit

    @property
    def seconds(self) -> float:
        return self.result.seconds if self.result else 0.0

    @property
    def own_seconds(self) -> float:
        """Without what built caches: the next node of its kind finds them."""
        return self.result.own_seconds if self.result else 0.0

    @property
    def refit_kept(self) -> bool:
        """Whether the submission that stands for the node is its refit's."""
        return self.refit is not None and self.refit.status == "kept"

    @property
    def is_valid(self) -> bool:
        return self.status == "valid"


def variant(blueprint: Blueprint, node: Node | None) -> str:
    """Equal for equal code: a blueprint on top of the edits that a node holds (None: of none)."""
    edited = node.last_edited if node is not None else None
    return blueprint.key if edited is None else f"{blueprint.key} after the edits of {edited}"


LEADERS = 4  # An ensemble blends at most so many.


class RunState:
    """Everything that decisions are made from.

    What decisions ask for again and again is kept as events come in: a decision should cost the same with
    500 nodes as with 5.
    """

    def __init__(self, higher_is_better: bool, families: Mapping[str, Family] | None = None) -> None:
        """`families`, if given, complete the blueprints of a run that goes on with them."""
        self.higher_is_better = higher_is_better
        self._families = families or {}
        self.settings: RunSettings | None = None
        self.missing_guarantees: tuple[str, ...] = ()
        self.offered: dict[str, Lesson] = {}
        self.learned: dict[str, Lesson] = {}
        self.nodes: dict[int, Node] = {}
        self.roots: list[Node] = []  # drafts
        self.searched = 0  # nodes, ensembles not counted
        self.elapsed_s = 0.0
        self.decisions = 0
        self.best: Node | None = None
        self.leaders: list[Node] = []  # the best valid nodes but for ensembles, the best first
        self.valid_since_best = 0
        self.repeat_seconds = 0.0
        self.finished: RunFinished | None = None
        self.spend = Spend()
        self.calls: dict[int, list[Call]] = {}  # to language models, by the node that they were about
        self._running: dict[int, Node] = {}
        self._valid: list[Node] = []
        self._by_slots: dict[frozenset[str], dict[str, Lesson]] = {}
        self._proven: dict[str, Lesson] = {}
        self.variants: set[str] = set()  # of all that were proposed: none is tried twice
        self.moves: Counter[str] = Counter()  # how often each was made
        self.best_history: list[tuple[float, int]] = []

    @classmethod
    def replay(
        cls, events: Iterable[Event], higher_is_better: bool, families: Mapping[str, Family] | None = None
    ) -> "RunState":
        state = cls(higher_is_better, families)
        for event in events:
            state.apply(event)
        return state

    @property
    def run(self) -> RunSettings:
        """The settings of a run that has started."""
        assert self.settings is not None
        return self.settings

    @property
    def running(self) -> list[Node]:
        return list(self._running.values())

    @property
    def valid(self) -> Sequence[Node]:
        """By id."""
        return self._valid

    @property
    def lessons(self) -> list[Lesson]:
        """Every lesson that may be used, the oldest first: what memory offered and what this run learned."""
        known = {**self.offered, **self.learned}
        return [known[number] for number in sorted(known)]

    @property
    def proven(self) -> Iterable[Lesson]:
        """The lessons about one single change that helps."""
        return self._proven.values()

    def lessons_about(self, slots: Iterable[str]) -> Iterable[Lesson]:
        """The lessons whose change is of exactly these slots."""
        return self._by_slots.get(frozenset(slots), {}).values()

    def _file(self, lesson: Lesson) -> None:
        slots = frozenset(change.slot for change in lesson.changes)
        self._by_slots.setdefault(slots, {})[lesson.id] = lesson
        self._proven.pop(lesson.id, None)
        if len(lesson.changes) == 1 and lesson.verdict == "helps":
            self._proven[lesson.id] = lesson

    def better(self, a: float, b: float) -> bool:
        return a > b if self.higher_is_better else a < b

    def ancestors(self, node: Node) -> list[Node]:
        """From the parent up to the draft."""
        line = []
        while node.parent is not None:
            node = self.nodes[node.parent]
            line.append(node)
        return line

    def is_given(self, node: Node) -> bool:
        """Whether the node is the user's own repository, whose code no blueprint renders."""
        return self.run.given is not None and node.id == 1

    def is_rendered(self, node: Node) -> bool:
        """Whether the node's code is what its blueprint renders to: nobody has edited it or its line."""
        line = [node, *self.ancestors(node)]
        edited = node.last_edited is not None or any(one.idea.blueprint is None for one in line)
        return not edited and not self.is_given(line[-1])

    def apply(self, event: Event) -> None:
        """The only way the state changes."""
        self.elapsed_s = max(self.elapsed_s, event.elapsed_s)
        match event:
            case RunStarted():
                self.settings = event.settings
                self.missing_guarantees = event.missing_guarantees
                self.offered = {lesson.id: lesson for lesson in event.lessons}
                for lesson in event.lessons:
                    self._file(lesson)
            case RunResumed():
                moved = {"llm_host": event.llm_host} if event.llm_host else {}
                self.settings = self.run.model_copy(update={"minutes": event.minutes, **moved})
                self.finished = None
                self.spend.lose()
            case NodeProposed():
                self._propose(event)
            case ModuleWritten():
                self.nodes[event.node].modules.append(event.module)
            case FixProposed():
                node = self.nodes[event.node]
                node.attempts.append(Attempt(event.failed, event.fix, len(node.modules)))
                node.last_edited = node.id
            case NodeFinished():
                self._finish(event)
            case RepeatProposed():
                self.decisions += 1
                self.nodes[event.node].repeating = True
            case RepeatFinished():
                self._finish_repeat(event)
            case RefitProposed():
                self.nodes[event.node].refitting = True
            case RefitFinished():
                self.nodes[event.node].refitting = False
                self.nodes[event.node].refit = event.result
            case LlmCallBegan():
                self.spend.begin(event.call)
            case LlmCallEnded():
                self.spend.end(event.call)
                self.calls.setdefault(event.node, []).append(event.call)
            case LessonLearned():
                self.learned[event.lesson.id] = event.lesson
                self._file(event.lesson)
                taught = self.nodes[event.node].lessons
                if event.lesson.id not in taught:  # two fixes of a node may teach one and the same
                    taught.append(event.lesson.id)
            case LessonWorded():
                self._reword(event)
            case RunFinished():
                self.finished = event

    def _propose(self, event: NodeProposed) -> None:
        self.decisions += 1
        about = (event.node, event.operator, event.parents, event.idea, event.expected_s, event.elapsed_s)
        above = self.nodes[event.parents[0]] if event.parents else None
        inherited = above.last_edited if above is not None else None
        edited = event.node if event.idea.edits else inherited
        node = Node(*about, note=event.note, replays=event.replays, last_edited=edited)
        self.nodes[event.node] = self._running[event.node] = node
        self.searched += event.operator != "ensemble"
        self.moves.update(event.idea.moves)
        if event.idea.blueprint is not None:
            node.blueprint = completed(event.idea.blueprint, self._families)
            self.variants.add(variant(node.blueprint, node))
        if event.parents:
            self.nodes[event.parents[0]].children.append(event.node)
        else:
            self.roots.append(node)

    def _finish(self, event: NodeFinished) -> None:
        node = self.nodes[event.node]
        node.result, node.finished_at_s = event.result, event.elapsed_s
        self._running.pop(node.id, None)
        if node.is_valid:
            insort(self._valid, node, key=lambda valid: valid.id)
        if not node.is_valid or node.metric is None:
            return
        if node.operator != "ensemble":
            sign = -1.0 if self.higher_is_better else 1.0
            insort(self.leaders, node, key=lambda valid: sign * (valid.metric or 0.0))
            del self.leaders[LEADERS:]
        if self.best is None or self.best.metric is None or self.better(node.metric, self.best.metric):
            self.best = node
            self.valid_since_best = 0
            self.best_history.append((event.elapsed_s, node.id))
        else:
            self.valid_since_best += 1

    def _reword(self, event: LessonWorded) -> None:
        self.learned[event.lesson.id] = event.lesson
        self._file(event.lesson)
        if event.instead_of:
            gone = self.learned.pop(event.instead_of)
            self._by_slots[frozenset(change.slot for change in gone.changes)].pop(gone.id)
            taught = self.nodes[event.node].lessons
            taught[taught.index(gone.id)] = event.lesson.id

    def _finish_repeat(self, event: RepeatFinished) -> None:
        node = self.nodes[event.node]
        node.repeating = False
        self.repeat_seconds += event.seconds
        if event.metric is not None:
            node.repeats.append(event.metric)
