"""Assembles the files of an idea. Every search, replay and check gets a node's code from here."""

from dataclasses import dataclass

from agent.core.contract import IDEA_FILE, README_FILE, REQUIREMENTS_FILE
from agent.repository import written_modules
from agent.repository.edits import Edit, EditError, apply_edits
from agent.repository.ensemble_code import MemberSource, ensemble_files
from agent.repository.idea import Idea, ModulePlan, WrittenModule
from agent.repository.imported import merge_into_edited
from agent.repository.lineage import Lineage
from agent.repository.rendering import Renderer, RenderError, TaskView, idea_json
from agent.repository.run_templates import Templates


@dataclass(frozen=True)
class ParentSource:
    """The revision that an idea changes."""

    commit: str
    idea: Idea
    is_rendered: bool
    """Whether templates alone wrote the parent's code."""


@dataclass(frozen=True)
class FixSource:
    """The edits of one fix."""

    edits: tuple[Edit, ...]
    modules: int
    """Number of modules that were written before the fix."""


@dataclass(frozen=True)
class NodeSource:
    """Everything that the files of a node follow from, together with the competition and the families."""

    idea: Idea
    parent: ParentSource | None = None
    imported: str | None = None
    """Commit of the imported repository, if the node is that repository."""
    members: tuple[MemberSource, ...] = ()
    """The members, if the node is an ensemble."""
    predict_ms: float | None = None
    """Most milliseconds in which an ensemble predicts a row; None: no limit."""
    plan: tuple[ModulePlan, ...] = ()
    """The module plan of the draft at the root of the node's branch."""
    modules: tuple[WrittenModule, ...] = ()
    fixes: tuple[FixSource, ...] = ()


@dataclass(frozen=True)
class NodeCode:
    """Files of a node, with one sentence per fault that keeps them from implementing the idea."""

    files: dict[str, str]
    faults: tuple[str, ...] = ()


class Assembler:
    """Assembles the files of the nodes of one run.

    Args:
        competition: The view of the competition that templates receive.
        templates: The templates that render code.
        lineage: The revisions of the run.
    """

    def __init__(self, competition: TaskView, templates: Templates, lineage: Lineage) -> None:
        self._competition = competition
        self._templates = templates
        self._lineage = lineage
        self._renderers: dict[str, Renderer] = {}

    def check_families(self) -> None:
        """Compile the templates of every family, so that a defect of a family shows before the search.

        Raises:
            RenderError: A template uses an unknown variable.
        """
        for name in self._templates.families:
            self._renderer(name)

    def render(self, idea: Idea) -> dict[str, str]:
        """Return the rendered blueprint of an idea; without a blueprint, the frame of written modules.

        Raises:
            RenderError: The family is unknown, or a template fails.
        """
        if idea.blueprint is None:
            return written_modules.frame(idea, self._competition, self._templates.bundled)
        return self._renderer(idea.blueprint.family).render(idea)

    def starting_code(self, source: NodeSource) -> dict[str, str]:
        """Return the code that a node started from: its parent's, else its rendered blueprint, else none."""
        if source.parent is not None:
            return self._lineage.read(source.parent.commit)
        return self.render(source.idea) if source.idea.blueprint is not None else {}

    def assemble(self, source: NodeSource) -> NodeCode:
        """Return a node's code with its modules and fixes so far.

        Fixes that no longer apply, because the fixed code is rendered differently now, are all omitted and
        give a fault.

        Raises:
            RenderError: The family is unknown, or a template fails.
        """
        if source.members:
            return NodeCode(
                ensemble_files(
                    source.members,
                    self._competition,
                    source.idea,
                    self._templates.bundled,
                    source.predict_ms,
                )
            )
        code = self._idea_code(source)
        try:
            files = _with_modules_and_fixes(code.files, source)
        except EditError as error:
            return NodeCode(code.files, code.faults or (f"An earlier fix cannot be made: {error.sentence}",))
        if source.plan:
            files[REQUIREMENTS_FILE] = written_modules.requirements_of(files)
        return NodeCode(files, code.faults)

    def _idea_code(self, source: NodeSource) -> NodeCode:
        """Return the code of the idea: its blueprint merged with the parent's edits, then its own edits.

        Edits that do not apply are all omitted and give a fault.
        """
        if source.imported is not None:
            return NodeCode(self._lineage.read(source.imported))
        code = self._code_before_edits(source)
        if code.faults or not source.idea.edits:
            return code
        try:
            return NodeCode(apply_edits(code.files, source.idea.edits))
        except EditError as error:
            return NodeCode(code.files, (error.sentence,))

    def _code_before_edits(self, source: NodeSource) -> NodeCode:
        """Return the code before the idea's own edits, including the edits of the parent's branch."""
        idea, parent = source.idea, source.parent
        if parent is None:
            return NodeCode(self.render(idea))
        if idea.blueprint is None:  # only edits change the parent's code
            files = self._lineage.read(parent.commit) | {IDEA_FILE: idea_json(idea)}
            if source.plan:
                planned = idea.model_copy(update={"plan": source.plan})
                files[README_FILE] = self.render(planned)[README_FILE]
            return NodeCode(files)
        if parent.idea.blueprint is None or parent.is_rendered:
            return NodeCode(self.render(idea))
        found = merge_into_edited(self._lineage, self.render(parent.idea), parent.commit, self.render(idea))
        faults = (f"The change conflicts with what was edited before in {name}." for name in found.conflicts)
        return NodeCode(found.files, tuple(faults))

    def _renderer(self, family: str) -> Renderer:
        if family not in self._renderers:
            if family not in self._templates.families:
                raise RenderError(f"no family is called '{family}' here.")
            self._renderers[family] = Renderer(self._templates.families[family], self._competition)
        return self._renderers[family]


def _with_modules_and_fixes(files: dict[str, str], source: NodeSource) -> dict[str, str]:
    """Return the files with the written modules and the fixes, in the order they came."""
    files = _with_fixes(files, source, written=0)
    for number, module in enumerate(source.modules, start=1):
        tests = {module.test_file: module.test} if module.test else {}
        files = _with_fixes({**files, module.file: module.code, **tests}, source, written=number)
    return files


def _with_fixes(files: dict[str, str], source: NodeSource, written: int) -> dict[str, str]:
    """Return the files after the fixes that were made when `written` modules existed."""
    for fix in source.fixes:
        if fix.modules == written:
            files = apply_edits(files, fix.edits)
    return files
