"""One question improves own or edited code: diagnosis, plan, and edits or new texts of several files."""

from collections.abc import Sequence

from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.llm.calls import Prompt
from agent.llm.prompts import render_prompt
from agent.memory.lesson import Lesson
from agent.planner.base import Proposal, Request
from agent.planner.library.idea_text import PARTS, idea_of
from agent.planner.llm.answers import (
    EDITS,
    PLAN_LENGTH,
    TITLE_LENGTH,
    EditAnswer,
    cites_by_slot,
    cites_schema,
    closed_object,
    merge_cites,
    one_line,
    parse_answer,
    text_schema,
)
from agent.planner.llm.briefing import Briefing, curve, node_rows
from agent.planner.llm.editing import (
    FILE_LENGTH,
    MODULE_LENGTH,
    Files,
    apply_checked_edits,
    cited_in_code,
    edits_schema,
)
from agent.planner.llm.idea_formats import EditPlan
from agent.planner.llm.task_facts import coder_rules
from agent.planner.search_space import inherited_cites
from agent.record.state import Node, RunState
from agent.repository.edits import LONGEST_BLOCK, MOST_EDITS, Edit, is_own_module

DIAGNOSIS_LENGTH = 3000
EARLIER_LENGTH = 3000  # of the parent's words about training that a child keeps
REWRITES = 14  # files
NODES = 40
SIBLINGS = 12


class ReworkAnswer(EditAnswer):
    diagnosis: str = ""
    plan: str = ""


def rework_prompt(
    briefing: Briefing,
    request: Request,
    parent: Node,
    files: Files,
    wish: EditPlan | None,
    lessons: Sequence[Lesson],
) -> Prompt:
    """Return the prompt. What changes least comes first, so that a provider's cache knows it.

    Args:
        briefing: The briefing, with the facts of the run.
        request: The search's request.
        parent: The node to improve.
        files: The parent's repository.
        wish: What the model wished to edit, if it was asked before; else None.
        lessons: The lessons to show.
    """
    state = request.state
    rows = node_rows(state, NODES)
    best = state.best_single
    asked = render_prompt(
        "rework",
        competition=briefing.competition,
        files={name: text for name, text in files.items() if is_own_module(name)},
        parent=parent,
        score=score(parent),
        curve=curve(parent),
        result=parent.result,
        best=best if best is not None and best.id != parent.id else None,
        best_score=score(best) if best is not None else "",
        siblings=[_outcome(state, state.nodes[child], parent) for child in parent.children[-SIBLINGS:]],
        nodes=rows,
        left_out=len(state.nodes) - len(rows),
        lessons=lessons,
        wish=wish,
        limit_s=round(request.limit_s),
        left=_left(request),
    )
    return Prompt(coder_rules(briefing.competition, briefing.facts), asked)


def rework_form(
    request: Request, parent: Node, files: Files, wish: EditPlan | None, lessons: Sequence[Lesson]
) -> AnswerFormat[Proposal]:
    """Return the form of the answer. Edits and rewrites apply together, or none of them does."""
    rewrite = closed_object({"file": text_schema(FILE_LENGTH), "code": text_schema(MODULE_LENGTH)})
    schema = closed_object(
        {
            "diagnosis": text_schema(DIAGNOSIS_LENGTH),
            "plan": text_schema(PLAN_LENGTH),
            "title": text_schema(TITLE_LENGTH),
            "edits": edits_schema(0, MOST_EDITS, LONGEST_BLOCK),
            "rewrites": {"type": "array", "maxItems": REWRITES, "items": rewrite},
            **cites_schema(lessons),
        }
    )
    blueprint = parent.blueprint
    slots = blueprint.slots if blueprint else {}

    def read(answer: object) -> Proposal:
        rework = parse_answer(ReworkAnswer, answer)
        edits = (*rework.edits, *_rewritten(rework, files))
        if edits and any(request.state.nodes[child].idea.edits == edits for child in parent.children):
            raise AnswerError("These edits were tried before; change something else.")
        apply_checked_edits(files, edits)
        title = one_line(rework.title, TITLE_LENGTH) or (wish.title if wish else "") or "A change of the code"
        plan = one_line(rework.plan or rework.reason, PLAN_LENGTH) or (wish.reason if wish else "")
        said = " ".join(part for part in (one_line(rework.diagnosis, DIAGNOSIS_LENGTH), plan) if part)
        parts = {part: getattr(parent.idea, part) for part in PARTS}
        earlier = one_line(parts["training"], EARLIER_LENGTH)
        parts["training"] = f"{earlier} Edited: {title}. {said}".strip()
        in_answer = cites_by_slot(rework.cites, lessons, slots, ())
        in_code = cited_in_code(edits, files, lessons)
        cites = merge_cites(inherited_cites(parent, slots), in_answer, {EDITS: in_code} if in_code else {})
        idea = idea_of(title, parts, blueprint, cites=cites)
        return Proposal(idea.model_copy(update={"edits": edits}), parent.seconds)

    return AnswerFormat("rework", schema, read)


def _rewritten(answer: ReworkAnswer, files: Files) -> list[Edit]:
    """Return each whole text as one edit: of the whole file, or of a new file."""
    edited = {edit.file for edit in answer.edits}
    found = []
    for rewrite in answer.rewrites:
        if rewrite.file in edited:
            name = one_line(rewrite.file, FILE_LENGTH)
            raise AnswerError(f"{name}: give edits or a new text of a file, not both.")
        text = f"{rewrite.code.strip()}\n"
        if files.get(rewrite.file) != text:
            found.append(Edit(file=rewrite.file, find=files.get(rewrite.file, ""), replace=text))
    return found


def score(node: Node) -> str:
    """Return a node's validation score with its standard error; "no score" without one."""
    if node.metric is None:
        return "no score"
    error = node.result.metric_se if node.result else None
    return f"{node.metric:.5g}" + (f" ± {error:.2g}" if error is not None else "")


def _outcome(state: RunState, child: Node, parent: Node) -> dict[str, str]:
    """Return what became of a child: its score beside the parent's, or why it failed, without values."""
    result = child.result
    reason = ""
    if result is not None and result.failure is not None:
        reason = f"failed in {result.failure.stage}: {result.failure.redacted_message}"
    elif result is not None and result.review is not None and not result.review.sound:
        reason = f"refused by the reviewer: {result.review.reason}"
    compared = ""
    if child.metric is not None and parent.metric is not None:
        compared = "better than its parent" if state.better(child.metric, parent.metric) else "not better"
    return {
        "name": child.name,
        "status": child.status,
        "score": score(child),
        "seconds": f"{child.seconds:.0f}",
        "compared": compared,
        "title": child.idea.title,
        "words": child.idea.training.rpartition("Edited: ")[2],
        "reason": reason,
    }


def _left(request: Request) -> str:
    """Return what the run still has: time and nodes."""
    parts = [f"about {request.left_s / 60:.0f} minutes"] if request.left_s < float("inf") else []
    most = request.state.run.max_nodes
    if most is not None:
        parts.append(f"{max(most - len(request.state.nodes), 0)} nodes, this one included")
    return " and ".join(parts) or "some time"
