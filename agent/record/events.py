"""What can happen in a run; the state of a search is folded from these, in order."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from agent.llm.calls import Call, CallBegun, Role
from agent.memory.lesson import Lesson
from agent.repository.idea import Blueprint, Fix, Idea, WrittenModule

Operator = Literal["draft", "improve", "debug", "ensemble"]
PlannerName = Literal["library", "llm", "replay"]
Status = Literal["running", "valid", "suspect", "failed", "pruned"]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Given(_Frozen):
    """A repository of the user's that the run starts from."""

    commit: str = Field(description="In the run's git repository.")
    idea: Idea


class Replayed(_Frozen):
    """The run whose ideas are given back."""

    run: str
    ideas: int = Field(description="So many of them; what it proposed later came too late.")


class RunSettings(_Frozen):
    """What was asked of a run; never changes but for the minutes, which `mars resume` may extend."""

    competition: str = Field(description="Id of the competition.")
    folder: str = Field(description="Where its competition.yaml was found.")
    prepared: str = Field(description="Prepared data folder, relative to the home's prepared folder.")
    data_kind: Literal["full", "sample"]
    fingerprint: str
    minutes: float = Field(gt=0)
    node_minutes: float = Field(gt=0, description="Limit of one execution.")
    final_node_minutes: float | None = Field(
        default=None, description="Limit near the end of the run, when the best is trained at more length."
    )
    max_nodes: int | None = None
    policy: str = "mcts"
    workers: int = 1
    threads: int = Field(default=1, description="CPU threads of one candidate.")
    share_gpus: bool = Field(default=False, description="Several candidates may use one GPU at once.")
    seed: int = 0
    cold: bool = False
    blueprint: Blueprint | None = Field(
        default=None, description="Execute this one blueprint and nothing else."
    )
    given: Given | None = Field(default=None, description="The first node, as the user's own code.")
    pinned: tuple[str, ...] = Field(default=(), description="`slot=value` that every idea keeps.")
    forbidden: tuple[str, ...] = Field(default=(), description="Moves, or `slot=value`, that no idea has.")
    hint: str = Field(default="", description="What the user said in words; for planners that can read.")
    offline: bool = Field(default=False, description="Nothing beyond this machine is asked.")
    planner: PlannerName = "library"
    models: dict[Role, str] = Field(default_factory=dict, description="Of the planner llm, by role.")
    llm_host: str = Field(default="", description="Where its models are asked.")
    max_usd: float | None = Field(default=None, description="The most that its calls may cost.")
    replayed: Replayed | None = Field(default=None, description="Of the planner replay.")
    refit_rows: float | None = Field(
        default=None,
        description="At the end the chosen node learns from all labelled rows, so many times its training "
        "rows; None: it does not.",
    )
    experiment: bool = Field(
        default=False, description="It puts a lesson to the test; nothing of it is kept."
    )

    @property
    def node_limit_s(self) -> float:
        return self.node_minutes * 60

    @property
    def final_node_limit_s(self) -> float:
        return (self.final_node_minutes or self.node_minutes) * 60

    @property
    def budget_s(self) -> float:
        return self.minutes * 60


class CurvePoint(_Frozen):
    """One line of a candidate's progress file, thinned out."""

    stage: str
    fraction: float = Field(description="Of the stage that is done, 0..1.")
    member: str | None = None
    fold: int | None = None
    epoch: int | None = None
    elapsed_s: float
    train_loss: float | None = None
    metric: float | None = None


Stage = Literal["idea", "check", "test", "smoke", "run", "score"]
"""Where a node failed: its edits cannot be made, it breaks the contract, a module's test, ..."""


class Failure(_Frozen):
    """What may be told of a failure to a language model: nothing that comes from the data."""

    stage: Stage
    told: str = Field(description="A sentence, or an exception's type and what of its message is no value.")
    frames: tuple[str, ...] = Field(
        default=(), description="Of the candidate's own code, e.g. `library/train.py line 12 in fit`."
    )

    @property
    def place(self) -> tuple[str, ...]:
        """Equal for the same error in the same place, wherever the lines have moved to."""
        files = (frame.partition(" line ")[0] + frame.partition(" in ")[2] for frame in self.frames[-1:])
        return (self.stage, self.told, *files)


class Probe(_Frozen):
    """What a candidate made of validation answers that were shuffled among their rows."""

    verdict: Literal["passed", "follows", "none"] = Field(
        description="follows: its predictions fit the shuffle that it saw, as no honest ones can; none: the "
        "probe could not be made or says nothing."
    )
    reason: str = Field(description="What was found, or why nothing was, in a sentence.")
    seconds: float = Field(description="Of the execution; no part of the node's own.")


class Review(_Frozen):
    """What a language model thinks of a valid score, having read the code."""

    sound: bool
    reason: str = Field(description="In a sentence of its own; may be empty where it is sound.")


class NodeResult(_Frozen):
    """What executing and scoring a node gave."""

    status: Status
    reason: str = Field(default="", description="Why it is not valid, in one sentence.")
    failure: Failure | None = Field(default=None, description="Of one that failed, for who mends it.")
    commit: str
    seconds: float = Field(description="Execution without smoke run.")
    cache_seconds: float = Field(default=0.0, description="Of these, what built caches for later nodes.")
    smoke_seconds: float = 0.0
    metric: float | None = Field(default=None, description="Validation score, recomputed by the harness.")
    metric_se: float | None = None
    audit_metric: float | None = None
    audit_se: float | None = None
    curve: tuple[CurvePoint, ...] = ()
    facts: dict[str, str] = Field(
        default_factory=dict,
        description="What the candidate reported about itself, e.g. the weights it used.",
    )
    doubts: tuple[str, ...] = Field(
        default=(), description="What its code, read, seems to leak, a sentence each; a probe clears it."
    )
    probe: Probe | None = Field(
        default=None, description="Of a candidate that nobody's templates alone wrote, before it leads."
    )
    review: Review | None = Field(
        default=None, description="A veto makes it suspect; nothing makes it valid."
    )

    @property
    def is_doubted(self) -> bool:
        """Whether it ran and scored well and became suspect on a closer look."""
        vetoed = self.review is not None and not self.review.sound
        return self.status == "suspect" and (self.probe is not None or vetoed)

    @property
    def own_seconds(self) -> float:
        return self.seconds - self.cache_seconds


class RefitResult(_Frozen):
    """What executing a node once more, on all labelled rows, gave. Only audit rows can score it."""

    status: Literal["kept", "worse", "failed"] = Field(description="kept: its submission is the solution's.")
    reason: str = Field(default="", description="Why its submission is not kept, in one sentence.")
    seconds: float
    audit_metric: float | None = None
    audit_se: float | None = None


class _Event(_Frozen):
    elapsed_s: float = Field(description="Seconds the run has been at work when it happened.")


class RunStarted(_Event):
    kind: Literal["run_started"] = "run_started"
    settings: RunSettings
    missing_guarantees: tuple[str, ...]
    lessons: tuple[Lesson, ...] = Field(description="What memory offered; later decisions use these.")


class RunResumed(_Event):
    """A later session; `elapsed_s` includes the attempt that was lost."""

    kind: Literal["run_resumed"] = "run_resumed"
    minutes: float
    llm_host: str = Field(default="", description="Where its models are asked from now on; empty: as before.")


class NodeProposed(_Event):
    kind: Literal["node_proposed"] = "node_proposed"
    node: int
    operator: Operator
    parents: tuple[int, ...]
    idea: Idea
    expected_s: float | None = None
    note: str = Field(default="", description="How the planner came by the idea, where that is worth a word.")
    replays: int | None = Field(default=None, description="The node of the replayed run whose idea it is.")


class ModuleWritten(_Event):
    """A planned module was written; its test is executed next, or, after main.py, the node."""

    kind: Literal["module_written"] = "module_written"
    node: int
    module: WrittenModule


class FixProposed(_Event):
    """A revision of a node that failed; the node goes on with it."""

    kind: Literal["fix_proposed"] = "fix_proposed"
    node: int
    failed: NodeResult = Field(description="What the revision before came to.")
    fix: Fix


class NodeFinished(_Event):
    kind: Literal["node_finished"] = "node_finished"
    node: int
    result: NodeResult


class RepeatProposed(_Event):
    """A valid node is run once more with another seed, to measure the variance between seeds."""

    kind: Literal["repeat_proposed"] = "repeat_proposed"
    node: int


class RepeatFinished(_Event):
    kind: Literal["repeat_finished"] = "repeat_finished"
    node: int
    metric: float | None = Field(description="None when the repeat failed.")
    seconds: float


class RefitProposed(_Event):
    """The node that the run will keep is executed once more, on all labelled rows."""

    kind: Literal["refit_proposed"] = "refit_proposed"
    node: int
    expected_s: float


class RefitFinished(_Event):
    kind: Literal["refit_finished"] = "refit_finished"
    node: int
    result: RefitResult


class LlmCallBegan(_Event):
    """A language model is about to be asked; what that may cost is committed."""

    kind: Literal["llm_call_began"] = "llm_call_began"
    node: int = Field(description="The node that is being thought of.")
    call: CallBegun


class LlmCallEnded(_Event):
    kind: Literal["llm_call_ended"] = "llm_call_ended"
    node: int
    call: Call


class LessonLearned(_Event):
    kind: Literal["lesson_learned"] = "lesson_learned"
    node: int
    lesson: Lesson


class LessonWorded(_Event):
    """A language model has told what a node taught, or found that a known lesson says it already."""

    kind: Literal["lesson_worded"] = "lesson_worded"
    node: int
    lesson: Lesson = Field(description="With the words, and with all the evidence.")
    instead_of: str = Field(default="", description="Id of the lesson that has gone into this one.")


class RunFinished(_Event):
    kind: Literal["run_finished"] = "run_finished"
    reason: str
    chosen: int | None = Field(description="The node that was kept as this run's solution.")
    no_refit: str = Field(default="", description="Why it was not refitted though that was asked for.")


Event = Annotated[
    RunStarted
    | RunResumed
    | NodeProposed
    | ModuleWritten
    | FixProposed
    | NodeFinished
    | RepeatProposed
    | RepeatFinished
    | RefitProposed
    | RefitFinished
    | LlmCallBegan
    | LlmCallEnded
    | LessonLearned
    | LessonWorded
    | RunFinished,
    Field(discriminator="kind"),
]
event_adapter: TypeAdapter[Event] = TypeAdapter(Event)


def is_experiment(events: Sequence[Event]) -> bool:
    """Whether a run puts a lesson to the test, which is begun again rather than resumed."""
    return bool(events) and isinstance(events[0], RunStarted) and events[0].settings.experiment


def has_ended(events: Sequence[Event]) -> bool:
    """Whether a run came to its end and was not resumed since."""
    last = next((item for item in reversed(events) if isinstance(item, RunFinished | RunResumed)), None)
    return isinstance(last, RunFinished)
