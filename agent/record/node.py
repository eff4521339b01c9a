"""One solution in the tree of a search."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.record.events import NodeResult, Operator, RefitResult, Status
from agent.repository.edits import Edit
from agent.repository.family import Family
from agent.repository.idea import Blueprint, Fix, Idea, ModulePlan, WrittenModule


@dataclass(frozen=True)
class Attempt:
    """A failed revision of a node, and its fix."""

    failed: NodeResult
    fix: Fix
    modules: int = 0  # number of modules written before the failure


@dataclass
class Node:
    """One solution in the tree."""

    id: int
    operator: Operator
    parents: tuple[int, ...]
    idea: Idea
    expected_s: float | None
    proposed_at_s: float
    note: str = ""  # the planner's note on the origin of the idea
    replays: int | None = None  # the node of the replayed run that had the idea
    continues: int | None = None  # the node that is executed again with more time
    last_edited: int | None = None  # the latest node in the lineage, or itself, whose code was edited
    blueprint: Blueprint | None = None  # the idea's, with slots that its family gained later
    finished_at_s: float | None = None
    modules: list[WrittenModule] = field(default_factory=list)  # modules of the plan written so far
    attempts: list[Attempt] = field(default_factory=list)  # failed revisions before the result
    result: NodeResult | None = None
    repeats: list[float] = field(default_factory=list)
    repeating: bool = False
    refit: RefitResult | None = None
    refitting: bool = False
    children: list[int] = field(default_factory=list)
    lessons: list[str] = field(default_factory=list)
    packages: Mapping[str, str] = field(default_factory=dict)  # versions that scored the node; may be empty

    @property
    def name(self) -> str:
        """The id with three digits, as in names of folders and branches."""
        return f"{self.id:03d}"

    @property
    def parent(self) -> int | None:
        """The parent node; None for a draft. An ensemble's parent is its first member."""
        return self.parents[0] if self.parents else None

    @property
    def weighted_members(self) -> tuple[int, ...]:
        """The members of an ensemble that have a weight; all of them while the weights are unknown."""
        weights = self.result.member_weights if self.result else {}
        return tuple(member for member in self.parents if not weights or member in weights)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits of the idea, then those of the fixes."""
        return (*self.idea.edits, *(edit for attempt in self.attempts for edit in attempt.fix.edits))

    @property
    def unwritten_modules(self) -> tuple[ModulePlan, ...]:
        """The modules of the plan that are not written yet, in order."""
        return self.idea.plan[len(self.modules) :]

    @property
    def cited_lessons(self) -> tuple[str, ...]:
        """Ids of the lessons that the idea or its written modules cite."""
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
        """The revision with the result."""
        assert self.result is not None
        return self.result.commit

    @property
    def seconds(self) -> float:
        return self.result.seconds if self.result else 0.0

    @property
    def own_seconds(self) -> float:
        """Seconds without building caches, which later nodes reuse."""
        return self.result.own_seconds if self.result else 0.0

    @property
    def refit_seconds(self) -> float:
        """Seconds that a refit on as many rows needs. It has caches and choices of a node that is whole."""
        if self.result is None:
            return 0.0
        work_s = self.result.own_seconds if self.result.cut is None else self.result.seconds
        return max(work_s - self.result.choice_seconds, 0.0)

    @property
    def refit_kept(self) -> bool:
        """Whether the refit's submission replaces the node's own."""
        return self.refit is not None and self.refit.status == "kept"

    @property
    def is_valid(self) -> bool:
        return self.status == "valid"


def variant_key(blueprint: Blueprint, node: Node | None) -> str:
    """Return a key that is equal for equal code: a blueprint on top of a node's edits (None: no edits)."""
    edited = node.last_edited if node is not None else None
    return blueprint.key if edited is None else f"{blueprint.key} after the edits of {edited}"


def structure_of(families: Mapping[str, Family], node: Node) -> tuple[str, str]:
    """Return the family and the structure of a node; ("", "") for code without a family."""
    blueprint = node.blueprint
    if blueprint is None:
        return ("", "")
    family = families.get(blueprint.family)
    return (blueprint.family, "" if family is None else family.structure_of(blueprint.slots))


def family_of(families: Mapping[str, Family], node: Node) -> Family | None:
    """Return the family of a node; None for code without a family, or if it is not known any more."""
    return families.get(node.blueprint.family) if node.blueprint is not None else None


def is_deterministic(families: Mapping[str, Family], node: Node) -> bool:
    """Return whether the node's training has no randomness, so that another seed changes nothing."""
    blueprint = node.blueprint
    if blueprint is None or blueprint.family not in families or node.last_edited is not None:
        return False
    return families[blueprint.family].is_deterministic(blueprint.slots)
