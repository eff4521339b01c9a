"""Settings of a run, as its first event records them."""

from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from agent.llm.calls import Role
from agent.repository.git_source import GitSource
from agent.repository.idea import Blueprint, Idea

CURRENT_RULES = 3
"""Version of the rules of a new run; see `RunSettings.rules`."""


def formerly(name: str, before: str) -> AliasChoices:
    """The names of a field in records: today's, and the one in records of former versions."""
    return AliasChoices(name, before)


class Frozen(BaseModel):
    """A value of the record: unknown fields are errors, and nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ImportedRepository(Frozen):
    """Imported repository that the run starts from."""

    commit: str = Field(description="Commit in the run's git repository.")
    idea: Idea
    source: GitSource | None = Field(
        default=None, description="Revision that was imported; None for a folder."
    )


class ReplaySource(Frozen):
    """The run whose ideas are replayed."""

    run: str
    ideas: int = Field(description="Number of replayed ideas; ideas proposed later are excluded.")


class EarlierNode(Frozen):
    """A valid node of an earlier run on the same data, with code that its blueprint alone renders."""

    node: int
    title: str
    blueprint: Blueprint
    metric: float
    seconds: float


class EarlierDraft(Frozen):
    """A draft of an earlier run on the same data, and the best score of its branch."""

    family: str
    title: str
    metric: float | None = Field(description="None if no node of the branch was valid.")


class WarmStart(Frozen):
    """What a run takes over from the run of the competition's kept solution."""

    run: str
    starts: tuple[EarlierNode, ...] = Field(description="The first nodes of the run, the best first.")
    known: tuple[EarlierNode, ...] = Field(default=(), description="Nodes whose scores are evidence.")
    drafts: tuple[EarlierDraft, ...] = Field(default=(), description="Known to lose: they come last.")


class Machine(Frozen):
    """What candidates find on the machine, as language models see it."""

    device: Literal["cpu", "cuda"]
    gpus: tuple[str, ...] = Field(default=(), description="Name and memory of each GPU.")
    cores: int
    memory_gib: int
    packages: tuple[str, ...] = Field(default=(), description="Installed packages with their versions.")
    weights: tuple[str, ...] = Field(
        default=(), description="Pretrained weights at hand: name, size, and how to load them."
    )


class RunSettings(Frozen):
    """Settings of a run. Only `minutes` may change later, by `mars resume`."""

    competition: str = Field(description="Id of the competition.")
    folder: str = Field(description="Folder of competition.yaml.")
    prepared: str = Field(description="Prepared data folder, relative to the home's prepared folder.")
    data_kind: Literal["full", "sample"]
    fingerprint: str
    minutes: float = Field(gt=0, allow_inf_nan=False)
    node_minutes: float = Field(gt=0, allow_inf_nan=False, description="Limit of one execution.")
    final_node_minutes: float | None = Field(
        default=None, description="Limit near the end of the run, when the best is trained longer."
    )
    max_nodes: int | None = None
    policy: str = "mcts"
    workers: int = 1
    threads: int = Field(default=1, description="CPU threads of one candidate.")
    share_gpus: bool = Field(default=False, description="Several candidates may use one GPU at once.")
    gpus_per_node: int = Field(default=1, ge=1, description="GPUs that one candidate uses together.")
    seed: int = 0
    executor: str = Field(default="warm", description="Name of the executor that runs the candidates.")
    blueprint: Blueprint | None = Field(
        default=None, description="The only blueprint to execute; None: the planner proposes."
    )
    imported: ImportedRepository | None = Field(
        validation_alias=formerly("imported", "given"),
        default=None,
        description="Imported repository that is the first node.",
    )
    pinned: tuple[str, ...] = Field(default=(), description="`slot=value` that every idea must have.")
    forbidden: tuple[str, ...] = Field(
        default=(), description="Moves, or `slot=value`, that no idea may have."
    )
    hint: str = Field(default="", description="The user's hint in words, for language-model planners.")
    offline: bool = Field(default=False, description="Use nothing beyond this machine.")
    planner: str = "library"
    planner_options: dict[str, str] = Field(
        default_factory=dict, description="Values of --planner-option by name."
    )
    models: dict[Role, str] = Field(default_factory=dict, description="Models of the planner llm, by role.")
    machine: Machine | None = Field(
        default=None,
        description="The machine, for the questions to language models. None: a run of a former version or "
        "with a small model, whose questions have their short form.",
    )
    llm_host: str = Field(default="", description="Host that serves the models.")
    max_usd: float | None = Field(default=None, description="Spend limit of the calls, in US dollars.")
    warm_start: WarmStart | None = Field(
        default=None, description="What is known from an earlier run on the same data; None: nothing."
    )
    networks: tuple[str, ...] | None = Field(
        default=None,
        description="Networks whose pretrained weights are at hand; None: not recorded.",
    )
    replay_source: ReplaySource | None = Field(
        validation_alias=formerly("replay_source", "replayed"),
        default=None,
        description="Source of the planner replay.",
    )
    refit_rows: float | None = Field(
        default=None,
        description="Rows of the final refit over training rows; None: no refit.",
    )
    refit_is_needed: bool = Field(
        default=False,
        description="Whether the refit alone learns some classes, so that its time is always reserved.",
    )
    folds_of_all_rows: int = Field(
        default=0,
        description="Number of executed folds whose models have together learned from all labelled rows; "
        "0: a refit adds rows.",
    )
    templates_copied: bool = Field(
        default=False,
        description="Whether the run's folder has a copy of its templates; older runs have none.",
    )
    predict_ms: float | None = Field(
        default=None, description="Most milliseconds in which the solution predicts a row; None: no limit."
    )
    trackers: tuple[str, ...] = Field(
        default=(), description="Names of the trackers that receive the events."
    )
    rules: int = Field(
        default=1,
        description="Version of the rules. 1: eight failed nodes in a row end a search; 2: see "
        "`agent/search/ending.py`, and a smoke run and its full run share the node's limit; 3: structures "
        "come first, then values by a surrogate (`agent/planner/library/`), lessons have structures, the "
        "limit of a node is a share of the time left (`agent/search/limits.py`), nodes that their limit cut "
        "go on, and validation and audit are weighed as they are (`agent/solution/choose.py`).",
    )
    experiment: bool = Field(
        default=False, description="The run verifies a lesson; no solution of it is kept."
    )

    @model_validator(mode="before")
    @classmethod
    def _read_cold(cls, recorded: Any) -> Any:
        """Read the `cold: true|false` of records of former versions."""
        if not isinstance(recorded, dict) or "cold" not in recorded:
            return recorded
        content = dict(recorded)
        executor = "cold" if content.pop("cold") else "warm"
        return {"executor": executor, **content}

    @property
    def node_limit_s(self) -> float:
        return self.node_minutes * 60

    @property
    def caps_nodes(self) -> bool:
        """Whether the user fixed the time limit of a node."""
        return self.final_node_minutes is None

    @property
    def final_node_limit_s(self) -> float:
        return (self.final_node_minutes or self.node_minutes) * 60

    @property
    def budget_s(self) -> float:
        return self.minutes * 60
