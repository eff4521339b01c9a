"""The state of a search, rebuilt from its events and never stored."""

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from agent.competition.metrics.direction import Direction
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
    RefitFinished,
    RefitProposed,
    RepeatFinished,
    RepeatProposed,
    RunFinished,
    RunResumed,
    RunSettings,
    RunStarted,
)
from agent.record.node import Attempt as Attempt
from agent.record.node import Node as Node
from agent.record.node import family_of, is_deterministic, structure_of
from agent.record.node import variant_key as variant_key
from agent.record.ranking import comparable_score, estimated_score, is_reference
from agent.repository.family import CUT_GAIN, Family
from agent.repository.idea import with_current_defaults

LEADERS = 4  # largest number of members of an ensemble


class RunState:
    """Everything that decisions depend on.

    Frequently used aggregates are updated with each event, so that a decision costs the same with 500 nodes
    as with 5.
    """

    def __init__(self, higher_is_better: bool, families: Mapping[str, Family] | None = None) -> None:
        """Start with no events; `families` add new slots to the blueprints of a run that continues."""
        self.direction = Direction(higher_is_better)
        self._families = families or {}
        self.settings: RunSettings | None = None
        self.missing_guarantees: tuple[str, ...] = ()
        self.packages: Mapping[str, str] = {}  # versions in the present session; may be empty
        self.offered: dict[str, Lesson] = {}
        self.learned: dict[str, Lesson] = {}
        self.nodes: dict[int, Node] = {}
        self.roots: list[Node] = []  # drafts
        self.searched_nodes = 0  # number of nodes without ensembles
        self.elapsed_s = 0.0
        self.decisions = 0
        self.best: Node | None = None
        self.leaders: list[Node] = []  # the best valid nodes without ensembles, best first
        self.valid_since_best = 0
        self.repeat_seconds = 0.0
        self.finished: RunFinished | None = None
        self.spend = Spend()
        self.calls: dict[int, list[Call]] = {}  # calls to language models, by node
        self._running: dict[int, Node] = {}
        self._valid: list[Node] = []
        self._reference: NodeResult | None = None  # the best result among those with the most folds
        self._has_mixed_folds = False  # whether valid nodes executed different numbers of folds
        self._by_slots: dict[frozenset[str], dict[str, Lesson]] = {}
        self._proven: dict[str, Lesson] = {}
        self.variants: set[str] = set()  # keys of all proposed variants; none is tried twice
        self.moves: Counter[str] = Counter()  # number of uses by move
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
        """The valid nodes, by id."""
        return self._valid

    @property
    def lessons(self) -> list[Lesson]:
        """Every usable lesson, oldest first: lessons from memory and lessons of this run."""
        known = {**self.offered, **self.learned}
        return [known[number] for number in sorted(known)]

    @property
    def helpful_lessons(self) -> Iterable[Lesson]:
        """The lessons about a single slot change that helps."""
        return self._proven.values()

    def lessons_about(self, slots: Iterable[str]) -> Iterable[Lesson]:
        """Return the lessons whose change covers exactly these slots."""
        return self._by_slots.get(frozenset(slots), {}).values()

    def _index_lesson(self, lesson: Lesson) -> None:
        slots = frozenset(change.slot for change in lesson.changes)
        self._by_slots.setdefault(slots, {})[lesson.id] = lesson
        self._proven.pop(lesson.id, None)
        if len(lesson.changes) == 1 and lesson.verdict == "helps":
            self._proven[lesson.id] = lesson

    @property
    def best_single(self) -> Node | None:
        """The best valid node that is no ensemble."""
        return self.leaders[0] if self.leaders else None

    @property
    def blend(self) -> Node | None:
        """The latest ensemble; None before the first one."""
        return next((node for node in reversed(self.nodes.values()) if node.operator == "ensemble"), None)

    def is_shorter_blend(self, node: Node) -> bool:
        """Whether a node is an earlier ensemble's blend again, of its members with a weight alone."""
        return any(self._shortens(node, other) for other in self.nodes.values() if other.id < node.id)

    @property
    def replaced_blends(self) -> set[int]:
        """The ensembles in whose place a valid blend of their members with a weight alone stands."""
        blends = [node for node in self.valid if node.operator == "ensemble"]
        return {one.id for one in blends if any(self._shortens(other, one) for other in blends)}

    @staticmethod
    def _shortens(node: Node, other: Node) -> bool:
        both = (node.operator, other.operator) == ("ensemble", "ensemble")
        return both and other.id < node.id and node.parents == other.weighted_members != other.parents

    @property
    def higher_is_better(self) -> bool:
        return self.direction.higher_is_better

    def better(self, a: float, b: float) -> bool:
        return self.direction.better(a, b)

    def is_deterministic(self, node: Node) -> bool:
        """Return whether another seed would change nothing of a node."""
        return is_deterministic(self._families, node)

    def structure(self, node: Node) -> tuple[str, str]:
        """Return the family and the structure of a node: what makes its solution another kind."""
        return structure_of(self._families, node)

    def cut_gain(self, node: Node) -> float:
        """Return which share of the best error a cut node may gain with all its work (`Family.cut_gain`)."""
        family = family_of(self._families, node)
        return CUT_GAIN if family is None else family.cut_gain

    def refits_folds(self, node: Node) -> bool:
        """Return whether a refit of the node trains the models of its folds again (`Family.refits_folds`)."""
        family = family_of(self._families, node)
        return family is not None and family.refits_folds

    def score(self, node: Node) -> float | None:
        """Return the validation score that ranks a node; decisions use it instead of `metric`.

        It differs from `metric` only for a node that executed fewer folds than others.
        """
        return None if node.result is None else comparable_score(node.result, self._reference)

    def estimate(self, node: Node) -> float | None:
        """Return the score that a pruned node would have reached; None for other nodes, or if unknown."""
        if node.result is None or node.result.status != "pruned":
            return None
        return estimated_score(node.result, self._reference)

    def rank_key(self, node: Node) -> float:
        """Return a key that is lower for a better node."""
        return self.direction.key(self.score(node))

    def has_most_folds(self, node: Node) -> bool:
        """Whether a node executed as many folds as any valid node, so that an ensemble may blend it."""
        most = 1 if self._reference is None else self._reference.folds
        return node.result is not None and node.result.folds == most

    def ancestors(self, node: Node) -> list[Node]:
        """Return the ancestors, from the parent up to the draft."""
        line = []
        while node.parent is not None:
            node = self.nodes[node.parent]
            line.append(node)
        return line

    def is_imported(self, node: Node) -> bool:
        """Whether the node is the imported repository."""
        return self.run.imported is not None and node.id == 1

    def is_rendered(self, node: Node) -> bool:
        """Whether the node's code equals its rendered blueprint: no edit in the node or its ancestors."""
        line = [node, *self.ancestors(node)]
        edited = node.last_edited is not None or any(one.idea.blueprint is None for one in line)
        return not edited and not self.is_imported(line[-1])

    def apply(self, event: Event) -> None:
        """Apply an event; the state changes in no other way."""
        self.elapsed_s = max(self.elapsed_s, event.elapsed_s)
        match event:
            case RunStarted():
                self.settings = event.settings
                self.missing_guarantees = event.missing_guarantees
                self.packages = event.packages
                self.offered = {lesson.id: lesson for lesson in event.lessons}
                for lesson in event.lessons:
                    self._index_lesson(lesson)
            case RunResumed():
                moved = {"llm_host": event.llm_host} if event.llm_host else {}
                self.settings = self.run.model_copy(update={"minutes": event.minutes, **moved})
                self.packages = event.packages
                self.finished = None
                self.spend.mark_lost()
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
                self._index_lesson(event.lesson)
                taught = self.nodes[event.node].lessons
                if event.lesson.id not in taught:  # two fixes of a node may teach the same lesson
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
        node = Node(
            *about,
            note=event.note,
            replays=event.replays,
            continues=event.continues,
            last_edited=edited,
        )
        self.nodes[event.node] = self._running[event.node] = node
        self.searched_nodes += event.operator != "ensemble"
        self.moves.update(event.idea.moves)
        if event.idea.blueprint is not None:
            node.blueprint = with_current_defaults(event.idea.blueprint, self._families)
            self.variants.add(variant_key(node.blueprint, node))
        if event.parents:
            self.nodes[event.parents[0]].children.append(event.node)
        else:
            self.roots.append(node)

    def _finish(self, event: NodeFinished) -> None:
        node = self.nodes[event.node]
        node.result, node.finished_at_s = event.result, event.elapsed_s
        node.packages = self.packages
        self._running.pop(node.id, None)
        if node.is_valid:
            insort(self._valid, node, key=lambda valid: valid.id)
        if not node.is_valid or node.metric is None:
            return
        if node.result is not None:
            self._update_reference(node.result)
        former = self.best
        self._rank(node)
        self.valid_since_best = 0 if self.best is node else self.valid_since_best + 1
        if self.best is not None and self.best is not former:
            self.best_history.append((event.elapsed_s, self.best.id))

    def _update_reference(self, result: NodeResult) -> None:
        former = self._reference
        self._has_mixed_folds |= former is not None and former.folds != result.folds
        if is_reference(self.direction, result, former):
            self._reference = result

    def _rank(self, node: Node) -> None:
        """Update the best node and the leaders with a valid node; on a tie the earlier node is better."""
        if self._has_mixed_folds:  # a new reference moves the scores of all nodes with fewer folds
            ranked = sorted(self._valid, key=lambda valid: (self.rank_key(valid), valid.id))
            self.best = ranked[0]
            self.leaders = [valid for valid in ranked if valid.operator != "ensemble"][:LEADERS]
            return
        if node.operator != "ensemble":
            insort(self.leaders, node, key=self.rank_key)
            del self.leaders[LEADERS:]
        if self.best is None or self.rank_key(node) < self.rank_key(self.best):
            self.best = node

    def _reword(self, event: LessonWorded) -> None:
        self.learned[event.lesson.id] = event.lesson
        self._index_lesson(event.lesson)
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
