"""Events of a run. The state of a search is rebuilt by applying them in order."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from agent.llm.calls import Call, CallBegun
from agent.memory.lesson import Lesson, readable_lessons
from agent.record.settings import CURRENT_RULES as CURRENT_RULES
from agent.record.settings import Frozen, formerly
from agent.record.settings import ImportedRepository as ImportedRepository
from agent.record.settings import ReplaySource as ReplaySource
from agent.record.settings import RunSettings as RunSettings
from agent.repository.idea import Fix, Idea, WrittenModule

Operator = Literal["draft", "improve", "debug", "ensemble"]
Status = Literal["running", "valid", "suspect", "failed", "pruned"]
EndReason = Literal[
    "blueprint_tried", "budget_used", "too_many_failures", "replay_done", "nothing_fits", "nothing_new"
]
"""Why a search ended: nothing_fits means that no new idea fits the time left."""


class CurvePoint(Frozen):
    """One line of a candidate's progress file, after thinning."""

    stage: str
    fraction: float = Field(description="Finished share of the stage, 0..1.")
    member: str | None = None
    fold: int | None = None
    epoch: int | None = None
    elapsed_s: float
    train_loss: float | None = None
    metric: float | None = None


Stage = Literal["idea", "check", "test", "smoke", "run", "score"]
"""Stage in which a node failed: idea (edits do not apply), check (contract), test (of a module), ..."""


class Failure(Frozen):
    """A failure as language models may see it, without values from the data."""

    stage: Stage
    redacted_message: str = Field(
        validation_alias=formerly("redacted_message", "told"),
        description="A sentence, or an exception's type and its redacted message.",
    )
    frames: tuple[str, ...] = Field(
        default=(), description="Frames of the candidate's code, e.g. `library/train.py line 12 in fit`."
    )
    report: str = Field(
        default="",
        description="What else a language model sees, on several lines: the traceback with source lines and "
        "frames of libraries; of a test on made-up data the whole output.",
    )
    out_of_time: bool = Field(default=False, description="Whether the time limit ended the execution.")

    @property
    def place(self) -> tuple[str, ...]:
        """Key that is equal for the same error in the same function, independent of line numbers."""
        files = (frame.partition(" line ")[0] + frame.partition(" in ")[2] for frame in self.frames[-1:])
        return (self.stage, self.redacted_message, *files)


class Cut(Frozen):
    """What a candidate left out because of its time limit, as it reports itself."""

    what: str = Field(description="What it used a part of, e.g. `training rows`, `epochs`, `rounds`.")
    share: float = Field(gt=0, lt=1, description="The part that it used.")
    anew: bool = Field(default=False, description="Whether more time cannot build on what this time did.")


class LeakageProbe(Frozen):
    """Result of a label permutation test on a candidate: validation labels shuffled among their rows."""

    verdict: Literal["passed", "follows", "none"] = Field(
        description="follows: the predictions fit the shuffled labels, which proves a leak; none: the test "
        "failed or is inconclusive."
    )
    reason: str = Field(description="The finding, or why there is none, in one sentence.")
    seconds: float = Field(description="Time of the test, not part of the node's own time.")


class Review(Frozen):
    """A language model's judgement of a valid score, after reading the code."""

    sound: bool
    reason: str = Field(description="One sentence; may be empty for a sound score.")


class NodeResult(Frozen):
    """Result of executing and scoring a node."""

    status: Status
    reason: str = Field(
        default="", description="Why the node is not valid, or which node it duplicates, in one sentence."
    )
    failure: Failure | None = Field(default=None, description="Details of a failure, for the debugger.")
    commit: str
    seconds: float = Field(description="Time of the execution without the smoke run.")
    cache_seconds: float = Field(default=0.0, description="Part of `seconds` that built caches.")
    choice_seconds: float = Field(
        default=0.0, description="Part of `seconds` that chose what a refit takes over, such as a penalty."
    )
    smoke_seconds: float = 0.0
    metric: float | None = Field(default=None, description="Validation score, recomputed by the harness.")
    metric_se: float | None = None
    folds: int = Field(default=1, description="Number of folds that `metric` covers, from fold 0.")
    fold_metrics: tuple[float | None, ...] = Field(
        default=(),
        description="Score of folds 0 to j together for each fold j, None where undefined.",
    )
    audit_metric: float | None = None
    audit_se: float | None = None
    target_metrics: dict[str, float | None] = Field(
        default_factory=dict,
        description="Of several targets, the validation score of each by its own metric; None: undefined.",
    )
    target_parts: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="Of targets with a novel class: accuracy on all rows, on seen and on unseen classes, and "
        "the share of seen rows that are called novel.",
    )
    curve: tuple[CurvePoint, ...] = ()
    analysis: str = Field(
        default="", description="The candidate's failure analysis without values of the data, as JSON."
    )
    log_end: str = Field(default="", description="The end of its log without values of the data.")
    cut: Cut | None = Field(default=None, description="What the time limit cut short; None: nothing.")
    member_weights: dict[int, float] = Field(
        default_factory=dict, description="An ensemble's own report: the weight of each member that has one."
    )
    predict_ms: float | None = Field(
        default=None,
        description="Milliseconds per row of predicting with the saved model, if measured.",
    )
    predict_rows: int | None = Field(default=None, description="Rows of the batch that was timed.")
    facts: dict[str, str] = Field(
        default_factory=dict,
        description="The candidate's own reports, e.g. the pretrained weights it used.",
    )
    leakage_findings: tuple[str, ...] = Field(
        validation_alias=formerly("leakage_findings", "doubts"),
        default=(),
        description="Possible leaks found in the code, one sentence each; a probe may refute them.",
    )
    probe: LeakageProbe | None = Field(
        default=None, description="Test of a leading candidate whose code is not purely rendered."
    )
    outputs_hash: str = Field(
        default="", description="SHA-256 of the outputs for the validation rows; empty if unknown."
    )
    duplicate_of: int | None = Field(
        default=None,
        description="The first valid node with the same outputs; a duplicate teaches nothing and joins no "
        "ensemble.",
    )
    review: Review | None = Field(
        default=None, description="A veto makes the node suspect; no review makes a node valid."
    )

    @property
    def was_flagged(self) -> bool:
        """Whether a probe or a review made a well-scored node suspect."""
        vetoed = self.review is not None and not self.review.sound
        return self.status == "suspect" and (self.probe is not None or vetoed)

    @property
    def failed_in_smoke_run(self) -> bool:
        """Whether the run on few rows failed, so that the full run did not start."""
        return self.status == "failed" and self.failure is not None and self.failure.stage == "smoke"

    @property
    def own_seconds(self) -> float:
        return self.seconds - self.cache_seconds

    def metric_of_folds(self, folds: int) -> float | None:
        """Return the score of the first `folds` folds together; None if they were not all executed."""
        if folds == self.folds:
            return self.metric
        return self.fold_metrics[folds - 1] if folds <= len(self.fold_metrics) else None


class RefitResult(Frozen):
    """Result of a refit on all labelled rows, the audit rows too; no row is left to score it.

    Earlier versions left the audit rows out, and `audit_metric` is their score.
    """

    status: Literal["kept", "worse", "failed"] = Field(description="kept: the solution uses its submission.")
    reason: str = Field(default="", description="Why the refit's submission is not kept, in one sentence.")
    seconds: float
    audit_metric: float | None = None
    audit_se: float | None = None
    on_audit_rows: bool = Field(default=False, description="Whether the audit rows were training rows.")
    agreement: float | None = Field(
        default=None, description="Correlation of the predictions for the test rows with those before."
    )
    members: tuple[int, ...] = Field(
        default=(),
        description="Members of an ensemble that were refitted; the others keep their predictions.",
    )


class ExpectedScore(Frozen):
    """Estimate of a chosen node's score on new rows, corrected for the choice among many nodes."""

    value: float
    standard_error: float
    lower: float = Field(description="Lower end of the 95 % interval.")
    upper: float = Field(description="Upper end of the 95 % interval.")
    method: Literal["repeated_choice", "shrinkage"] = Field(
        description="repeated_choice: the choice was made on two thirds of the rows, and the others scored "
        "it; shrinkage: validation and audit scores, the node's lead over the others shrunk."
    )
    choices: int = Field(default=0, description="Number of choices that were made again.")
    nodes: int = Field(description="Number of nodes that were chosen among.")

    @property
    def how(self) -> str:
        """How the score was estimated, as a clause."""
        if self.method == "shrinkage":
            return f"from validation and audit, the lead over {self.nodes - 1} other nodes shrunk"
        return (
            f"the choice among {self.nodes} {'node' if self.nodes == 1 else 'nodes'} was made again "
            f"{self.choices} times on two thirds of the rows, and the other rows scored it"
        )


class _Event(Frozen):
    elapsed_s: float = Field(description="Seconds of work of the run before the event.")


class RunStarted(_Event):
    kind: Literal["run_started"] = "run_started"
    settings: RunSettings
    missing_guarantees: tuple[str, ...]
    lessons: Annotated[tuple[Lesson, ...], BeforeValidator(readable_lessons)] = Field(
        description="Lessons from memory that later decisions use; damaged ones are left out."
    )
    preparation_s: float = Field(
        default=0.0,
        description="Seconds from the command to this event. `elapsed_s` has the part that counts.",
    )
    packages: dict[str, str] = Field(
        default_factory=dict,
        description="Versions of the installed distributions by normalised name; empty in older records.",
    )


class RunResumed(_Event):
    """A later session started; `elapsed_s` includes the lost attempt."""

    kind: Literal["run_resumed"] = "run_resumed"
    minutes: float
    llm_host: str = Field(default="", description="Host of the models from now on; empty: unchanged.")
    packages: dict[str, str] = Field(
        default_factory=dict,
        description="Versions of the installed distributions by normalised name; empty in older records.",
    )


class NodeProposed(_Event):
    kind: Literal["node_proposed"] = "node_proposed"
    node: int
    operator: Operator
    parents: tuple[int, ...]
    idea: Idea
    expected_s: float | None = None
    note: str = Field(default="", description="The planner's note on the origin of the idea; may be empty.")
    replays: int | None = Field(default=None, description="The node of the replayed run that had the idea.")
    continues: int | None = Field(
        default=None,
        description="The node, cut short by its time limit, that is executed again with more time.",
    )


class ModuleWritten(_Event):
    """A planned module was written; next its test is executed, or the node after main.py."""

    kind: Literal["module_written"] = "module_written"
    node: int
    module: WrittenModule


class FixProposed(_Event):
    """A fix for the failed revision of a node; the node continues with it."""

    kind: Literal["fix_proposed"] = "fix_proposed"
    node: int
    failed: NodeResult = Field(description="Result of the revision before the fix.")
    fix: Fix


class NodeFinished(_Event):
    kind: Literal["node_finished"] = "node_finished"
    node: int
    result: NodeResult


class RepeatProposed(_Event):
    """A valid node will run again with another seed, to measure the variance between seeds."""

    kind: Literal["repeat_proposed"] = "repeat_proposed"
    node: int


class RepeatFinished(_Event):
    kind: Literal["repeat_finished"] = "repeat_finished"
    node: int
    metric: float | None = Field(description="None when the repeat failed.")
    seconds: float


class RefitProposed(_Event):
    """The chosen node will be executed again on all labelled rows."""

    kind: Literal["refit_proposed"] = "refit_proposed"
    node: int
    expected_s: float


class RefitFinished(_Event):
    kind: Literal["refit_finished"] = "refit_finished"
    node: int
    result: RefitResult


class LlmCallBegan(_Event):
    """A call to a language model is about to start; its largest possible cost is committed."""

    kind: Literal["llm_call_began"] = "llm_call_began"
    node: int = Field(description="The node that the call is about.")
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
    """A language model has worded a node's lesson, or merged it into a known lesson."""

    kind: Literal["lesson_worded"] = "lesson_worded"
    node: int
    lesson: Lesson = Field(description="The lesson with its new words and all its evidence.")
    instead_of: str = Field(default="", description="Id of the lesson that was merged into this one.")


class RunFinished(_Event):
    kind: Literal["run_finished"] = "run_finished"
    reason: str = Field(description="Why the search ended, as a sentence.")
    end_reason: EndReason | None = Field(default=None, description="None in records of former versions.")
    chosen: int | None = Field(description="The node that is this run's solution.")
    no_refit: str = Field(default="", description="Why the requested refit did not happen.")
    expected: ExpectedScore | None = Field(
        default=None, description="Expected score of the chosen node on new rows; None: no estimate."
    )


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
    """Whether a run verifies a lesson; such a run cannot be resumed."""
    return bool(events) and isinstance(events[0], RunStarted) and events[0].settings.experiment


def has_ended(events: Sequence[Event]) -> bool:
    """Whether a run has finished and was not resumed since."""
    last = next((item for item in reversed(events) if isinstance(item, RunFinished | RunResumed)), None)
    return isinstance(last, RunFinished)
