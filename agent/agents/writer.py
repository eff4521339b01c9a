"""Writes the modules of an idea that no family renders, one after the other (arXiv 2602.02660, Implement)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.core.contract import LIBRARY_FOLDER, MAIN
from agent.core.seeds import SEED_STEP
from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.llm.calls import Prompt
from agent.llm.errors import LlmUnavailableError, ModelDisabledError, UnusableAnswerError
from agent.llm.prompts import render_prompt
from agent.llm.query import LanguageModel, Query
from agent.memory.lesson import Lesson, Scope
from agent.memory.recall import recall, solution_lessons
from agent.planner.llm.answers import (
    EDITS,
    Answer,
    cites_by_slot,
    cites_schema,
    closed_object,
    parse_answer,
    text_schema,
)
from agent.planner.llm.editing import FAULTS_SHOWN, cited_in_code, outline, own_modules
from agent.planner.llm.task_facts import TaskFacts, coder_rules
from agent.record.state import Node, RunState
from agent.repository.edits import LARGEST_MODULE, Edit
from agent.repository.hidden_errors import hidden_errors
from agent.repository.idea import ModulePlan, WrittenModule
from agent.repository.rendering import TaskView
from agent.repository.written_modules import module_faults, test_faults

MODULE_TOKENS = 12_000
CODE_LENGTH = 40_000  # characters of a module
TEST_LENGTH = 6_000
LESSONS = 10


class WritingError(Exception):
    """The model gave no usable module; the message gives the reason."""


class Writer(Protocol):
    """Writes modules; a pure function of the state, the files and the language models' answers."""

    def write(self, state: RunState, node: Node, files: Mapping[str, str]) -> WrittenModule:
        """Return the next module of the node's plan, given the files so far; may raise WritingError."""
        ...


@dataclass(frozen=True)
class LlmWriter:
    """Asks a language model for one module at a time."""

    language_model: LanguageModel
    competition: TaskView
    scopes: Sequence[Scope]
    eda: str
    """Statistics of the training rows as text."""
    facts: TaskFacts | None = None
    """What a strong model is told in full; None: questions have their short form only."""

    def write(self, state: RunState, node: Node, files: Mapping[str, str]) -> WrittenModule:
        module = node.unwritten_modules[0]
        lessons = recall(solution_lessons(state.lessons), self.scopes, LESSONS)
        versions: list[tuple[TaskFacts | None, Sequence[str]]] = [(None, module.uses), (None, ())]
        if self.facts is not None:
            versions.insert(0, (self.facts, own_modules(files)))
        prompts = [
            Prompt(
                coder_rules(self.competition, facts),
                render_prompt(
                    "module",
                    idea=node.idea,
                    module=module,
                    eda=self.eda,
                    outline=outline(files),
                    files={name: files[name] for name in names},
                    lessons=lessons,
                    limit_s=round(state.run.node_limit_s),
                    whole=facts is not None,
                ),
            )
            for facts, names in versions
        ]
        form = module_form(node, module, files, lessons)
        seed = SEED_STEP * state.run.seed + 10 * node.id + len(node.modules)
        try:
            return self.language_model.ask(
                Query("coder", "module", prompts, form, MODULE_TOKENS, seed=seed, node=node.id)
            )
        except (UnusableAnswerError, LlmUnavailableError, ModelDisabledError) as error:
            raise WritingError(f"{module.file} could not be written: {error}") from error


class ModuleAnswer(Answer):
    code: str
    test: str = ""


def module_form(
    node: Node, module: ModulePlan, files: Mapping[str, str], lessons: Sequence[Lesson]
) -> AnswerFormat[WrittenModule]:
    """Return the form of one module: its code and test script, refused if static checks find a fault."""
    has_test = module.file != MAIN
    schema = closed_object(
        {
            "code": text_schema(CODE_LENGTH),
            **({"test": text_schema(TEST_LENGTH)} if has_test else {}),
            **cites_schema(lessons),
        }
    )
    earlier = [name for name in files if name.startswith(f"{LIBRARY_FOLDER}/")]

    def read(answer: object) -> WrittenModule:
        written = parse_answer(ModuleAnswer, answer)
        code, test = f"{written.code.strip()}\n", f"{written.test.strip()}\n" if has_test else ""
        if len(code) > LARGEST_MODULE or len(test) > LARGEST_MODULE:
            raise AnswerError(f"code, test: each may have at most {LARGEST_MODULE} characters.")
        faults = module_faults(module, code, earlier)
        faults += test_faults(module, test) if has_test else []
        faults += hidden_errors(dict(files), {**files, module.file: code})
        if faults:
            raise AnswerError(" ".join(faults[:FAULTS_SHOWN]))
        in_answer = cites_by_slot(written.cites, lessons, {}, ()).get(EDITS, ())
        in_code = cited_in_code([Edit(file=module.file, find="", replace=code)], files, lessons)
        cites = tuple(dict.fromkeys([*in_answer, *in_code]))
        return WrittenModule(file=module.file, code=code, test=test, cites=cites)

    return AnswerFormat("module", schema, read)
