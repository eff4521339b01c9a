"""The decisions that each recorded event shows, and how each is made again and compared."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from agent.agents.writer import WritingError
from agent.engine.decider import Action, Decider, End, Refit
from agent.engine.node_source import node_source
from agent.engine.refit import files_blocker
from agent.engine.trials.checkout import Checkout
from agent.record.events import (
    Event,
    FixProposed,
    LessonWorded,
    ModuleWritten,
    NodeFinished,
    NodeProposed,
    NodeResult,
    RefitFinished,
    RefitProposed,
    RepeatProposed,
    RunFinished,
    RunResumed,
)
from agent.record.opened_run import Run
from agent.record.state import Node, RunState
from agent.repository.assembly import Assembler, NodeSource
from agent.repository.idea import WrittenModule
from agent.repository.rendering import TaskView
from agent.repository.run_templates import Templates
from agent.reproduce.recorded_answers import RecordedAnswers
from agent.reproduce.substance import Comparison, compare, completed
from agent.search.ending import end_sentence
from agent.search.scheduler import Propose, Repeat

SAME = Comparison()


@dataclass(frozen=True)
class DecisionCheck:
    """Comparison of a recorded decision with the decision made now from the same state."""

    what: str  # "node 003", "repeat of node 003" or "fix 1 of node 003"
    same: bool
    reason: str = ""  # how the decision or its wording differs, or which prompts have changed


@dataclass(frozen=True)
class RecordedDecision:
    """A decision that an event shows, and the function that makes and compares it again."""

    what: str
    compare: Callable[[Decider], Comparison]
    is_recorded: bool = True
    """False: nothing was done and no model was asked. Such a decision is listed only if it differs now."""

    def check(self, decider: Decider, answers: RecordedAnswers) -> DecisionCheck | None:
        """Make the decision again; None if there is nothing to list."""
        earlier = len(answers.model.changed_prompts)
        found = self.compare(decider)
        if not self.is_recorded and not found.difference:
            return None
        changed = answers.model.changed_prompts[earlier:]
        prompts = f"Prompts have changed since the run ({', '.join(changed)})." if changed else ""
        reason = " ".join(part for part in (found.difference, found.note, prompts) if part)
        return DecisionCheck(self.what, not found.difference, reason)


@dataclass
class RecordedDecisions:
    """Finds the decisions of each event of a run, given the state before the event."""

    run: Run
    state: RunState
    templates: Templates
    _end: Action | None = field(default=None, init=False)  # what ended the search, as decided now
    _blend: int | None = field(default=None, init=False)  # the ensemble after which that was decided
    _has_refit: bool = field(default=False, init=False)  # a refit was decided after the search

    def node_of(self, event: Event) -> int:
        """Return the node that an event's decisions are about: its own, else the next one."""
        match event:
            case NodeProposed() | ModuleWritten() | FixProposed() | NodeFinished() | LessonWorded():
                return event.node
        return len(self.state.nodes) + 1

    def of(self, event: Event, answers: RecordedAnswers) -> list[RecordedDecision]:
        """Return the decisions that an event shows, in the order in which they were made."""
        end = RecordedDecision("end of the search", self._decide_end, is_recorded=False)
        match event:
            case NodeProposed(operator="ensemble"):
                return [end, RecordedDecision(_name(event.node), partial(self._ensemble, event))]
            case NodeProposed():
                self._end = None  # the search goes on after an ensemble
                return [RecordedDecision(_name(event.node), partial(self._node, event))]
            case RepeatProposed():
                self._end = None
                return [RecordedDecision(f"repeat of {_name(event.node)}", partial(self._repeat, event))]
            case ModuleWritten() | FixProposed() | NodeFinished():
                return self._inside_node(event, answers)
            case LessonWorded():
                what = f"words for lesson {event.lesson.id} of {_name(event.node)}"
                return [RecordedDecision(what, self._words)]
            case RefitProposed():
                self._has_refit = True
                return [end, RecordedDecision(f"refit of {_name(event.node)}", partial(self._refit, event))]
            case RefitFinished():
                self._has_refit = True
                return [end]
            case RunFinished():
                none = RecordedDecision("no refit", partial(self._no_refit, event), bool(event.no_refit))
                finish = RecordedDecision("end of the run", partial(self._finish, event))
                return [end, finish] if self._has_refit else [end, none, finish]
            case RunResumed():
                self._end, self._has_refit = None, False
        return []

    def _inside_node(
        self, event: ModuleWritten | FixProposed | NodeFinished, answers: RecordedAnswers
    ) -> list[RecordedDecision]:
        """Return the decisions about a node that runs; no module, no fix and no review were decided too."""
        node, asked = self.state.nodes[event.node], answers.purposes
        name, fix = _name(node.id), f"fix {len(node.attempts) + 1} of {_name(node.id)}"
        match event:
            case ModuleWritten():
                what = f"{event.module.file} of {name}"
                return [RecordedDecision(what, partial(self._module, event, answers))]
            case FixProposed():
                return [RecordedDecision(fix, partial(self._fix, event, answers))]
        result = event.result
        if result.status == "failed" and result.failure is None and node.unwritten_modules:
            what = f"{node.unwritten_modules[0].file} of {name}"
            return [RecordedDecision(what, partial(self._module, event, answers), "module" in asked)]
        is_reviewed = result.review is not None or "review" in asked
        return [
            RecordedDecision(fix, partial(self._fix, event, answers), "debug" in asked),
            RecordedDecision(f"probe of {name}", partial(self._probe, event), result.probe is not None),
            RecordedDecision(f"review of {name}", partial(self._review, event), is_reviewed),
        ]

    # -- actions ---------------------------------------------------------------------------------------

    def _node(self, event: NodeProposed, decider: Decider) -> Comparison:
        now = decider.next_action(self.state)
        if not isinstance(now, Propose) or (now.operator, now.parents) != (event.operator, event.parents):
            return Comparison(self._next(now))
        before = completed(event.idea, self.templates.families)
        return compare(before, completed(now.idea, self.templates.families), self._next(now))

    def _repeat(self, event: RepeatProposed, decider: Decider) -> Comparison:
        now = decider.next_action(self.state)
        return SAME if now == Repeat(event.node) else Comparison(self._next(now))

    def _decide_end(self, decider: Decider) -> Comparison:
        """Decide the end of the search where the record shows it first; compared at the end of the run.

        An ensemble comes after it, and leaves it as it is unless the search may go on after the ensemble.
        """
        blend = self.state.blend
        if self._end is not None and blend is not None and self.state.is_shorter_blend(blend):
            return SAME  # the search does not go on after it
        after = None if blend is None else blend.id
        if self._end is None or (after != self._blend and decider.searches_on(self.state)):
            self._end, self._blend = decider.next_action(self.state), after
        return SAME

    def _ensemble(self, event: NodeProposed, decider: Decider) -> Comparison:
        """The members depend on outputs that are gone, so they are taken from the record."""
        members = [self.state.nodes[parent] for parent in event.parents]
        now = decider.ensemble(self.state, lambda: members) or decider.shorter_ensemble(self.state)
        if now is None:
            return Comparison("Now no ensemble would be started.")
        return compare(event.idea, now.idea, "Now the ensemble would differ.")

    def _refit(self, event: RefitProposed, decider: Decider) -> Comparison:
        now = decider.refit(self.state, event.elapsed_s, lambda node: "")  # no file blocked the refit
        same = now is not None and now.node.id == event.node and not now.blocker
        return SAME if same else Comparison(_refit_now(now))

    def _no_refit(self, event: RunFinished, decider: Decider) -> Comparison:
        checkout = Checkout(self.run.lineage, self.run.nodes)
        now = decider.refit(self.state, event.elapsed_s, lambda node: files_blocker(checkout, node))
        return Comparison(_refit_now(now)) if now is not None and not now.blocker else SAME

    def _finish(self, event: RunFinished, decider: Decider) -> Comparison:
        end, self._end = self._end, None
        if event.end_reason is not None and end is not None and end != End(event.end_reason):
            return Comparison(self._next(end))
        chosen = decider.choice(self.state)
        if (chosen.id if chosen is not None else None) == event.chosen:
            return SAME
        return Comparison(f"Now {_name(chosen.id) if chosen is not None else 'no node'} would be chosen.")

    # -- inside a node ---------------------------------------------------------------------------------

    def _module(
        self, event: ModuleWritten | NodeFinished, answers: RecordedAnswers, decider: Decider
    ) -> Comparison:
        node, now = self.state.nodes[event.node], None
        files = self._assembler().assemble(self._source(node)).files
        with suppress(WritingError):
            now = decider.next_module(self.state, node, files, answers.decided_at_s)
        recorded = event.module if isinstance(event, ModuleWritten) else None
        return compare(recorded, now, _module_now(now))

    def _fix(
        self, event: FixProposed | NodeFinished, answers: RecordedAnswers, decider: Decider
    ) -> Comparison:
        failed = event.failed if isinstance(event, FixProposed) else event.result
        now = decider.fix(self.state, self.state.nodes[event.node], failed, answers.decided_at_s)
        recorded = event.fix if isinstance(event, FixProposed) else None
        return compare(
            recorded, now, f"Now the fix would be: {now.title}." if now else "Now no fix would be made."
        )

    def _probe(self, event: NodeFinished, decider: Decider) -> Comparison:
        result, node = event.result, self.state.nodes[event.node]
        was_scored = result.probe is not None or result.review is not None
        scored = _scored(result) if was_scored else result
        is_due = decider.is_probe_due(self.state, node, scored, result.leakage_findings)
        if is_due == (result.probe is not None):
            return SAME
        if not is_due and self.state.run.workers > 1:
            return SAME  # another node may have become the best during the probe
        return Comparison(f"Now {'a' if is_due else 'no'} probe would be made.")

    def _review(self, event: NodeFinished, decider: Decider) -> Comparison:
        result, node = event.result, self.state.nodes[event.node]
        asked = _scored(result).model_copy(update={"probe": result.probe}) if result.review else result
        now = decider.review(
            self.state, node, asked, lambda: self._assembler().starting_code(self._source(node))
        )
        if now is None:
            return compare(result.review, now, "Now no review would be made.")
        verdict = f"Now the review would be {'sound' if now.sound else 'not sound'}: {now.reason}"
        return compare(result.review, now, verdict)

    def _words(self, decider: Decider) -> Comparison:
        """Lessons of other runs decide the words, so only whether a model is asked can be compared."""
        is_asked = decider.words_from(self.state) is not None
        return SAME if is_asked else Comparison("Now no model would be asked for words.")

    # -- helpers ---------------------------------------------------------------------------------------

    def _assembler(self) -> Assembler:
        return Assembler(
            TaskView.of(self.run.prepared, self.run.state.run.gpus_per_node), self.templates, self.run.lineage
        )

    def _source(self, node: Node) -> NodeSource:
        return node_source(self.state, node, self.run.lineage.read)

    def _next(self, now: Action) -> str:
        match now:
            case Propose(operator="draft", idea=idea):
                return f"Now the decision would be a draft: {idea.title}."
            case Propose(parents=(parent, *_), idea=idea):
                return f"Now the decision would be an improvement of node {parent:03d}: {idea.title}."
            case Repeat(node=node):
                return f"Now node {node:03d} would be repeated."
            case End(reason=reason):
                return f"Now the search would end: {end_sentence(reason, self.state)}."
        return "Now no node would be started."


def _scored(result: NodeResult) -> NodeResult:
    """Return a valid result before its probe and its review."""
    return result.model_copy(update={"status": "valid", "reason": "", "probe": None, "review": None})


def _module_now(now: WrittenModule | None) -> str:
    if now is None:
        return "Now no module would come."
    return f"Now {now.file} would have {len(now.code)} characters."


def _refit_now(now: Refit | None) -> str:
    if now is None or now.blocker:
        return f"Now no refit would start. {now.blocker if now else ''}".strip()
    return f"Now {_name(now.node.id)} would be refitted."


def _name(node: int) -> str:
    return f"node {node:03d}"
