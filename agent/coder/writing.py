"""Writes the modules of an idea that no family renders (MARS, Implement), each given the earlier ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.llm.calls import Prompt
from agent.llm.errors import LeftAlone, LlmUnavailable, LlmUnusable
from agent.llm.forms import AnswerError, Form
from agent.llm.prompts import render_prompt
from agent.llm.query import Query, Thinker
from agent.memory.lesson import Lesson, Scope
from agent.memory.recall import recall, solution_lessons
from agent.planner.answers import EDITS, Answer, cited, cites_schema, closed_object, parsed, text_schema
from agent.planner.editing import TOLD, cited_in_code, outline
from agent.record.state import Node, RunState
from agent.repository.edits import LARGEST_MODULE, Edit
from agent.repository.idea import ModulePlan, WrittenModule
from agent.repository.own_code import module_faults, test_faults
from agent.repository.render import TaskView
from agent.repository.silencing import silenced

MODULE_TOKENS = 12_000
CODE_LENGTH = 40_000  # characters of a module
TEST_LENGTH = 6_000
LESSONS = 10
SEED_STEP = 1000


class CannotWrite(Exception):  # noqa: N818 (it says what happened)
    """No usable module came; says why."""


class Writer(Protocol):
    """Writes modules; a pure function of the state, the files and of what language models answered."""

    def write(self, state: RunState, node: Node, files: Mapping[str, str]) -> WrittenModule:
        """The next module of the node's plan, given the files so far; raises CannotWrite."""
        ...


@dataclass(frozen=True)
class LlmWriter:
    """Asks the coder's model for one module at a time."""

    thinker: Thinker
    competition: TaskView
    scopes: Sequence[Scope]
    eda: str
    """Aggregates over the training rows."""

    def write(self, state: RunState, node: Node, files: Mapping[str, str]) -> WrittenModule:
        module = node.unwritten[0]
        lessons = recall(solution_lessons(state.lessons), self.scopes, LESSONS)
        rules = render_prompt("coder_rules", competition=self.competition)
        prompts = [
            Prompt(
                rules,
                render_prompt(
                    "module",
                    idea=node.idea,
                    module=module,
                    eda=self.eda,
                    outline=outline(files),
                    files={name: files[name] for name in names},
                    lessons=lessons,
                    limit_s=round(state.run.node_limit_s),
                ),
            )
            for names in (module.uses, ())  # in full and in short
        ]
        form = module_form(node, module, files, lessons)
        seed = SEED_STEP * state.run.seed + 10 * node.id + len(node.modules)
        try:
            return self.thinker.ask(
                Query("coder", "module", prompts, form, MODULE_TOKENS, seed=seed, node=node.id)
            )
        except (LlmUnusable, LlmUnavailable, LeftAlone) as error:
            raise CannotWrite(f"{module.file} could not be written: {error}") from error


class ModuleAnswer(Answer):
    code: str
    test: str = ""


def module_form(
    node: Node, module: ModulePlan, files: Mapping[str, str], lessons: Sequence[Lesson]
) -> Form[WrittenModule]:
    """The code of one module and the script that tries it out, refused where a look at them shows a fault."""
    has_test = module.file != "main.py"
    schema = closed_object(
        {
            "code": text_schema(CODE_LENGTH),
            **({"test": text_schema(TEST_LENGTH)} if has_test else {}),
            **cites_schema(lessons),
        }
    )
    earlier = [name for name in files if name.startswith("library/")]

    def read(answer: object) -> WrittenModule:
        given = parsed(ModuleAnswer, answer)
        code, test = f"{given.code.strip()}\n", f"{given.test.strip()}\n" if has_test else ""
        if len(code) > LARGEST_MODULE or len(test) > LARGEST_MODULE:
            raise AnswerError(f"A module may have {LARGEST_MODULE} characters.")
        faults = module_faults(module, code, earlier)
        faults += test_faults(module, test) if has_test else []
        faults += silenced(dict(files), {**files, module.file: code})
        if faults:
            raise AnswerError(" ".join(faults[:TOLD]))
        told = cited(given.cites, lessons, {}, ()).get(EDITS, ())
        in_code = cited_in_code([Edit(file=module.file, find="", replace=code)], files, lessons)
        cites = tuple(dict.fromkeys([*told, *in_code]))
        return WrittenModule(file=module.file, code=code, test=test, cites=cites)

    return Form("module", schema, read)
