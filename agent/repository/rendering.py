"""Renders a blueprint to files: strict Jinja, one environment per family."""

import hashlib
import json
from pathlib import Path

import jinja2
from jinja2 import meta
from pydantic import BaseModel, ConfigDict, Field

from agent.competition.metric_parameters import MetricParameters
from agent.competition.metrics import MetricSource, Trait, get_metric, metric_of
from agent.competition.pictures.rendering import WHITE
from agent.competition.prepared import Prepared
from agent.competition.spec import FILE_COLUMN, InputColumn, Task
from agent.core.contract import IDEA_FILE, LIBRARY_FOLDER, README_FILE, library_module
from agent.core.errors import MarsError
from agent.core.paths import templates_dir
from agent.repository.checks import CONTRACT_FILES
from agent.repository.citations import citation
from agent.repository.family import Family
from agent.repository.idea import Idea, with_current_defaults
from agent.repository.target_parts import (
    MetricFunction,
    TargetPart,
    metric_functions,
    metric_imports,
    target_parts,
)

CONTRACT_VERSION = (
    1  # the oldest version that the files meet; recorded repositories are compared byte by byte
)


class RenderError(MarsError):
    """A template cannot be rendered: a defect of the family, not of the user's set-up."""


class TaskView(BaseModel):
    """The view of a competition that templates and prompts receive as the variable `competition`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    title: str
    task: Task
    metric: str
    metric_parameters: MetricParameters = MetricParameters()
    metric_code: str | None = Field(
        default=None, description="The competition's own metric.py, if it has one."
    )
    metric_definition: str
    higher_is_better: bool
    prediction: str = Field(description="label, label_set, probability, ranking, value or several.")
    id_column: str
    target_columns: tuple[str, ...]
    submission_columns: tuple[str, ...]
    file_column: str
    inputs: tuple[InputColumn, ...]
    n_classes: int | None
    data_kind: str
    n_train: int
    fold_column: str | None = Field(
        default=None, description="Column of train.csv with the user's own folds, if it holds several."
    )
    own_folds: int = Field(default=0, description="Number of folds in that column, numbered from 0.")
    folds: int = Field(
        default=0, description="Number of folds in folds.csv, numbered from 0; 0: one part is held out."
    )
    folds_executed: int = Field(
        default=1, description="Number of folds, from fold 0, that are held out in turn; 1 without folds."
    )
    folds_forward: bool = Field(
        default=False, description="Whether only rows of higher folds, which are earlier, train for a fold."
    )
    gpus: int = Field(default=1, description="GPUs of a node, which train one network together.")
    picture_ground: int = Field(
        default=WHITE, description="Grey value behind transparent pictures; prepared ones have it already."
    )
    picture_ranges: tuple[tuple[str, float, float], ...] = Field(
        default=(),
        description="Type of pixels and its values of black and white, for pictures with more than 8 bits.",
    )

    targets: tuple[TargetPart, ...] = Field(
        default=(), description="Several targets with types; empty for a competition of one task."
    )

    @property
    def metric_traits(self) -> tuple[Trait, ...]:
        """What the metric rewards; templates ask for traits and never for names of metrics."""
        return (
            ()
            if self.metric_code is not None or self.task == "several"
            else tuple(sorted(get_metric(self.metric, self.metric_parameters).traits))
        )

    @property
    def metric_source(self) -> MetricSource | None:
        """The code of the metric for repositories; None for own metric.py and for several targets.

        Raises:
            SetupError: The metric is unknown, or has no code for repositories.
        """
        if self.metric_code is not None or self.task == "several":
            return None
        return get_metric(self.metric, self.metric_parameters).source_for(self.task, self.n_classes)

    @property
    def metric_imports(self) -> tuple[str, ...]:
        """The import lines of the metric's code."""
        if self.metric_code is None and self.task == "several":
            return metric_imports(self.targets)
        return () if self.metric_source is None else self.metric_source.imports

    @property
    def metric_functions(self) -> tuple[MetricFunction, ...]:
        """The functions that score several targets, each by its own metric."""
        return metric_functions(self.targets)

    def single(self, task: Task) -> "TaskView":
        """Return the view for code of one task, as if the first of several targets of that task were alone.

        `targets` stays, so that templates can tell the difference.
        """
        part = next(target for target in self.targets if target.task == task)
        return self.model_copy(
            update={
                "task": part.task,
                "metric": part.metric,
                "metric_parameters": part.metric_parameters,
                "metric_definition": part.metric_definition,
                "prediction": part.prediction,
                "target_columns": (part.name,),
                "submission_columns": (self.id_column, part.name),
                "n_classes": part.n_classes,
            }
        )

    @classmethod
    def of(cls, prepared: Prepared, gpus: int = 1) -> "TaskView":
        """Return what templates see of prepared data, in a run whose nodes have so many GPUs."""
        spec = prepared.spec
        metric = metric_of(spec)
        several = prepared.train_folds > 1
        return cls(
            id=spec.id,
            title=spec.title,
            task=spec.task,
            metric=metric.name,
            metric_parameters=spec.metric_parameters,
            metric_code=spec.own_metric.code if spec.own_metric else None,
            metric_definition=metric.definition,
            higher_is_better=metric.higher_is_better,
            prediction=metric.prediction_kind(spec.task),
            id_column=spec.id_column,
            target_columns=spec.targets,
            submission_columns=prepared.submission_columns,
            file_column=FILE_COLUMN,
            inputs=spec.inputs,
            n_classes=len(prepared.classes) if prepared.classes is not None else None,
            data_kind=prepared.kind,
            n_train=prepared.rows.train,
            fold_column=spec.fold_column if several else None,
            own_folds=prepared.train_folds if several else 0,
            folds=prepared.folds,
            folds_executed=prepared.folds_executed,
            folds_forward=prepared.folds_forward,
            gpus=gpus,
            picture_ground=WHITE if prepared.rendering is None else prepared.rendering.ground,
            targets=target_parts(prepared),
            picture_ranges=() if prepared.rendering is None else prepared.rendering.ranges,
        )


def template_environment(folder: Path, bundled: Path | None = None) -> jinja2.Environment:
    """Return a strict Jinja environment over a folder of templates, its siblings and the bundled templates.

    A family outside the bundled folder includes the bundled `_shared/...` in this way. `bundled` is the
    present folder of bundled templates unless it is given.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, folder.parent, bundled or templates_dir()]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def template_names(folder: Path) -> list[str]:
    """Return the templates that become files; names that begin with an underscore are partials."""
    files = [file.relative_to(folder) for file in folder.rglob("*.j2")]
    return sorted(str(file) for file in files if not any(map(_is_partial, file.parts)))


def _is_partial(name: str) -> bool:
    return name.startswith("_") and name != "__init__.py.j2"


def template_sources(folder: Path, name: str) -> list[Path]:
    """Return the source files of a template: its own file and those that it includes or imports."""
    environment = template_environment(folder)
    assert environment.loader is not None
    found: dict[str, Path] = {}
    pending = [name]
    while pending:
        current = pending.pop()
        if current in found:
            continue
        try:
            source, file, _ = environment.loader.get_source(environment, current)
        except jinja2.TemplateNotFound:
            continue
        found[current] = Path(file or current)
        parsed = environment.parse(source)
        pending += [other for other in meta.find_referenced_templates(parsed) if other is not None]
    return list(found.values())


class Renderer:
    """Renders repositories of one family for one competition; keeps compiled templates."""

    def __init__(self, family: Family, competition: TaskView) -> None:
        self._family = family
        self._competition = competition
        self._environment = template_environment(family.folder, family.bundled)
        self._names = template_names(family.folder)
        self._check_variables()

    def render(self, idea: Idea) -> dict[str, str]:
        """Render all files of an idea.

        Templates see `competition` (TaskView), `slots` (values by name, with defaults for slots that the
        family gained after the recording), `idea` (Idea) and `cite(slot)`. `cite(slot)` gives
        `  # Cite Lesson 00003` for a slot with cited lessons, and "" for other slots. A module of the library
        that renders to blanks is left out unless the contract requires it.

        Returns:
            File contents by relative path, including `idea.json` with the idea as passed.

        Raises:
            RenderError: The idea has no blueprint, or a template fails.
        """
        if idea.blueprint is None:
            raise RenderError(
                f"Idea '{idea.title}' has no blueprint, so family {self._family.id} cannot render it."
            )
        context = {
            "competition": self._competition,
            "slots": with_current_defaults(idea.blueprint, {self._family.id: self._family}).slots,
            "idea": idea,
            "cite": lambda slot: citation(idea.cites.get(slot, ())),
        }
        files = {}
        for name in self._names:
            try:
                text = self._environment.get_template(name).render(context)
            except jinja2.TemplateError as error:
                raise RenderError(f"{self._family.id}/{name}: {error}") from error
            file = name.removesuffix(".j2")
            if text.strip() or file in CONTRACT_FILES or not _is_module(file):
                files[file] = text
        files[IDEA_FILE] = idea_json(idea)
        return files | own_metric_file(self._competition)

    def _check_variables(self) -> None:
        known = {"competition", "slots", "idea", "cite"}
        missing = []
        for name in self._names:
            source = self._environment.loader.get_source(self._environment, name)[0]  # type: ignore[union-attr]
            unknown = meta.find_undeclared_variables(self._environment.parse(source)) - known
            missing += [f"{name}: {variable}" for variable in sorted(unknown)]
        if missing:
            raise RenderError(f"Templates of {self._family.id} use unknown variables: {'; '.join(missing)}.")


def _is_module(file: str) -> bool:
    """Whether a file is a module of the library, which is not its `__init__.py`."""
    return file.startswith(f"{LIBRARY_FOLDER}/") and file.endswith(".py") and not file.endswith("__init__.py")


def own_metric_file(competition: TaskView) -> dict[str, str]:
    """Return the competition's own metric as a module of the repository, or nothing."""
    return {} if competition.metric_code is None else {library_module("metric"): competition.metric_code}


def idea_json(idea: Idea) -> str:
    """Return the content of `idea.json`."""
    content = {"contract_version": CONTRACT_VERSION, **idea.model_dump(mode="json")}
    for name in ("edits", "plan", "scouted"):  # keeps the file as it was before these fields existed
        if not content[name]:
            del content[name]
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def tree_hash(files: dict[str, str]) -> str:
    """Return the hex SHA-256 over paths and contents, without `idea.json` and the README."""
    digest = hashlib.sha256()
    for path in sorted(set(files) - {IDEA_FILE, README_FILE}):
        digest.update(f"{path}\0{files[path]}\0".encode())
    return digest.hexdigest()


def write_tree(files: dict[str, str], folder: Path) -> None:
    """Write rendered files below a folder."""
    for parent in {(folder / name).parent for name in files}:
        parent.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
