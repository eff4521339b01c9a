"""Prompts of the planner's questions. They hold statistics of the data, never a row or a value of a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.competition.prepared import Prepared
from agent.llm.calls import Prompt
from agent.llm.endpoint import LOCAL_MODEL
from agent.llm.prompts import render_prompt
from agent.memory.lesson import Lesson
from agent.planner.base import Request
from agent.planner.library.arms import Arm
from agent.planner.llm.aggregates import Aggregates, aggregates
from agent.planner.llm.design import NEEDED, packages, scouted
from agent.planner.llm.editing import outline
from agent.planner.llm.idea_formats import DRAFT_CHANGES, LOOKS, EditPlan, StartingPoint, may_write_own
from agent.planner.llm.task_facts import TaskFacts, coder_rules, read_description
from agent.planner.search_space import SearchSpace
from agent.record.events import RunSettings
from agent.record.state import Node, RunState
from agent.repository.rendering import TaskView

DESCRIPTION_LENGTH = 6000  # characters
ABOUT_LENGTH = 600  # characters; with a title and an idea, an embedding model reads no more
COLUMNS = 200
SHORT_COLUMNS = 20
NODES = 40  # the best and the latest nodes
ARMS = 10
SHORT_NODES = 8
SHORT_LESSONS = 6
SHORT_DESCRIPTION = 600


@dataclass(frozen=True)
class Briefing:
    """Builds the prompts of one session; all share a prefix, which providers cache."""

    competition: TaskView
    search_space: SearchSpace
    description: str
    eda: dict[str, object]
    hint: str
    facts: TaskFacts | None = None
    small_model: bool = False
    """Whether the model is very small: prompts are short and ask for choices without prose."""

    @classmethod
    def of(cls, prepared: Prepared, run: RunSettings, search_space: SearchSpace) -> "Briefing":
        """Return the briefing of a run on prepared data."""
        return cls(
            competition=TaskView.of(prepared),
            search_space=search_space,
            description=read_description(run),
            eda=prepared.eda,
            hint=run.hint,
            facts=TaskFacts.of(prepared, run),
            small_model=LOCAL_MODEL in run.models.values(),
        )

    def about(self, parent: Node | None) -> str:
        """Return the text that lessons are matched against, for a draft or an improvement of `parent`."""
        task = self.competition
        parts = [
            f"{task.title}. {task.task}, {task.metric}. Inputs: "
            f"{', '.join(sorted({column.role for column in task.inputs}))}.",
            self.description[:ABOUT_LENGTH],
            self.hint,
        ]
        if parent is not None:
            idea = parent.idea
            parts += [idea.title, idea.model, idea.data, idea.training, idea.evaluation]
        return "\n".join(part for part in parts if part)

    def draft(self, request: Request, lessons: Sequence[Lesson]) -> list[Prompt]:
        """Return the prompts for a new draft, full and short."""
        more: dict[str, object] = {"may_write": may_write_own(self.search_space, self.small_model)}
        return [self._prompt("draft", full, request, lessons, more) for full in self._lengths]

    def design(self, request: Request, lessons: Sequence[Lesson]) -> list[Prompt]:
        """Return the prompts for a solution whose modules the model writes itself, full and short."""
        more: dict[str, object] = {
            "scouted": scouted(request.state),
            "packages": packages(),
            "needed": NEEDED,
            "has_metric": self.competition.metric_code is not None,
        }
        prompts = [self._prompt("design", full, request, lessons, more) for full in self._lengths]
        if self.facts is None:
            return prompts
        # The first words are those of the questions about the modules, which follow.
        return [Prompt(coder_rules(self.competition, self.facts), prompts[0].asked), *prompts]

    @cached_property
    def _aggregates(self) -> Aggregates:
        return aggregates(self.eda)

    @property
    def aggregates(self) -> str:
        """Statistics of the training rows as text."""
        return self._aggregates.text

    def improve(
        self, request: Request, lessons: Sequence[Lesson], parent: Node, modules: Sequence[str]
    ) -> list[Prompt]:
        """Return the prompts for an improvement of the parent, full and short.

        Args:
            request: The search's request.
            lessons: The lessons to show.
            parent: The node to improve.
            modules: One outline line for each module that may be edited; if empty, only slots may change.
        """
        family = self.search_space.families[parent.blueprint.family] if parent.blueprint else None
        arms: list[Arm] = []
        if family is not None and parent.blueprint is not None:
            arms = list(self.search_space.arms(request, parent, family, parent.blueprint))
            arms.sort(key=lambda arm: -arm.gain)
        return [
            self._prompt(
                "improve",
                full,
                request,
                lessons,
                {
                    "parent": parent,
                    "arms": arms[: ARMS if full else ARMS // 2],
                    "curve": curve(parent),
                    "modules": modules,
                    "looks": LOOKS,
                },
            )
            for full in self._lengths
        ]

    def edit(
        self,
        request: Request,
        parent: Node,
        files: Mapping[str, str],
        look: EditPlan,
        lessons: Sequence[Lesson],
    ) -> Prompt:
        """Return the prompt for the edits of a plan, with the modules that the model asked to see."""
        asked = render_prompt(
            "edit",
            competition=self.competition,
            parent=parent,
            look=look,
            outline=outline(files),
            files={name: files[name] for name in look.files},
            lessons=lessons,
            limit_s=round(request.limit_s),
        )
        return Prompt(self._rules(full=True, choices=False), asked)

    @property
    def _lengths(self) -> tuple[bool, ...]:
        return (False,) if self.small_model else (True, False)

    def _prompt(
        self,
        name: str,
        full: bool,
        request: Request,
        lessons: Sequence[Lesson],
        context: dict[str, object],
    ) -> Prompt:
        rows = node_rows(request.state, NODES if full else SHORT_NODES)
        asked = render_prompt(
            name,
            competition=self.competition,
            nodes=rows,
            left_out=len(request.state.nodes) - len(rows),
            lessons=lessons if full else lessons[:SHORT_LESSONS],
            limit_s=round(request.limit_s),
            draft_changes=DRAFT_CHANGES,
            small_model=self.small_model,
            **context,
        )
        return Prompt(self._rules(full), asked)

    def _rules(self, full: bool, choices: bool = True) -> str:
        """Return the part that all prompts share; without `choices` it leaves out the families."""
        search_space = self.search_space
        described = self._aggregates.columns if full else frozenset()
        return render_prompt(
            "planner_rules",
            inputs=[column for column in self.competition.inputs if column.name not in described],
            competition=self.competition,
            description=_cut(self.description, DESCRIPTION_LENGTH if full else SHORT_DESCRIPTION),
            columns=COLUMNS if full else SHORT_COLUMNS,
            device=search_space.device,
            hint=self.hint,
            eda=self.aggregates if full else f"rows: {self.competition.n_train}",
            families=list(search_space.families.values()),
            choices=choices,
            starts=[StartingPoint(*option) for option in search_space.drafts()],
            pinned=search_space.constraints.pinned,
            moves={name: search_space.moves(family) for name, family in search_space.families.items()},
            full=full,
        )


def node_rows(state: RunState, limit: int) -> list[dict[str, object]]:
    """Return nodes as table rows by number; beyond `limit`, only the best and the latest."""
    nodes = list(state.nodes.values())
    if len(nodes) > limit:
        best = sorted(state.valid, key=state.rank_key)[: limit // 2]
        chosen = {node.id for node in best}
        latest = [node.id for node in nodes if node.id not in chosen][-(limit - len(best)) :]
        nodes = [node for node in nodes if node.id in chosen | set(latest)]
    return [
        {
            "name": node.name,
            "parent": "" if node.parent is None else f"{node.parent:03d}",
            "status": node.status,
            "metric": "" if node.metric is None else f"{node.metric:.5g}",
            "seconds": round(node.seconds),
            "what": _summary(node),
        }
        for node in nodes
    ]


def _summary(node: Node) -> str:
    changes = [f"{one.slot} {one.old} -> {one.new}" for one in node.idea.changes]
    changed = ", ".join([*changes, *(f"{name} edited" for name in node.idea.edited_files)])
    return f"{node.idea.title} ({changed})" if changed else node.idea.title


def curve(node: Node) -> str:
    """Format a few points of the node's training curve: epoch, loss, validation metric."""
    points = [point for point in (node.result.curve if node.result else ()) if point.epoch is not None]
    step = max(len(points) // 6, 1)
    return "; ".join(
        f"epoch {point.epoch}"
        + ("" if point.train_loss is None else f", loss {point.train_loss:.4g}")
        + ("" if point.metric is None else f", metric {point.metric:.4g}")
        for point in points[::step]
    )


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} [{len(text) - limit} further characters left out]"
