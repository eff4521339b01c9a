"""Ideas: the natural-language plan of one solution, with its blueprint or modules, and edits."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from agent.core.errors import SetupError
from agent.core.yaml_files import read_yaml
from agent.repository.edits import Edit
from agent.repository.family import Family, Value


class Blueprint(BaseModel):
    """A family and a value for every one of its slots."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    family: str
    slots: dict[str, Value]

    @cached_property
    def key(self) -> str:
        """Key that is equal for equal blueprints, whatever the order of their slots."""
        return f"{self.family}:{sorted(self.slots.items())}"


class Change(BaseModel):
    """One slot whose value differs from the parent's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    slot: str
    old: Value
    new: Value


class ModulePlan(BaseModel):
    """A module to write for an idea without a blueprint."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    file: str = Field(description="main.py or library/<name>.py.")
    purpose: str
    names: tuple[str, ...] = Field(description="Names that the module defines for other modules.")
    uses: tuple[str, ...] = Field(default=(), description="Earlier modules that the module imports.")


class WrittenModule(BaseModel):
    """A planned module with its code and its test script."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    file: str
    code: str
    test: str = Field(default="", description="Test script; empty for main.py, which a smoke run tests.")
    cites: tuple[str, ...] = Field(default=(), description="Lessons that the module's comments cite.")

    @property
    def test_file(self) -> str:
        """`tests/test_models.py` for `library/models.py`."""
        return f"tests/test_{Path(self.file).stem}.py"


class Idea(BaseModel):
    """A natural-language plan, its implementation, and the lessons that it cites.

    The implementation is a blueprint, modules to write or the parent's code, plus edits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    title: str
    model: str
    data: str
    training: str
    evaluation: str
    blueprint: Blueprint | None = Field(
        description="None for an ensemble, whose code is its members', and where modules are written."
    )
    plan: tuple[ModulePlan, ...] = Field(
        default=(), description="The modules to write, each after the modules that it uses; main.py is last."
    )
    scouted: tuple[str, ...] = Field(
        default=(),
        description="Candidate models of distinct families that were considered, light ones first.",
    )
    moves: tuple[str, ...] = ()
    changes: tuple[Change, ...] = Field(default=(), description="Against the parent; empty for a draft.")
    edits: tuple[Edit, ...] = Field(
        default=(), description="The idea's own edits, applied to the result of slots and ancestors' edits."
    )
    cites: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Lesson ids by the slot whose value they support."
    )

    @property
    def edited_files(self) -> tuple[str, ...]:
        """The files that the idea's own edits change, in order."""
        return tuple(dict.fromkeys(edit.file for edit in self.edits))

    @property
    def cited_lessons(self) -> tuple[str, ...]:
        return tuple(sorted({lesson for lessons in self.cites.values() for lesson in lessons}))


class Fix(BaseModel):
    """A change of a failed node's code that should correct the failure."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    title: str = Field(description="The change, in a few words.")
    cause: str = Field(description="Why the code failed.")
    signs: str = Field(default="", description="How to recognise the same error elsewhere.")
    edits: tuple[Edit, ...]
    cites: tuple[str, ...] = Field(default=(), description="Debug lessons that the fix cites.")


def with_current_defaults(blueprint: Blueprint, families: Mapping[str, Family]) -> Blueprint:
    """Return the blueprint with defaults for slots that the family gained after the recording.

    The blueprint is returned unchanged if its family is unknown or no longer accepts the blueprint.
    """
    family = families.get(blueprint.family)
    if family is None or family.slots.keys() <= blueprint.slots.keys():
        return blueprint
    try:
        return Blueprint(family=family.id, slots=family.fill(blueprint.slots, "record"))
    except SetupError:
        return blueprint


def placeholder_idea(
    source: str,
    title: str,
    blueprint: Blueprint | None,
    cites: dict[str, tuple[str, ...]] | None = None,
) -> Idea:
    """Return an idea whose parts only refer to a source such as `the blueprint`."""
    text = f"As {source} says."
    return Idea(
        title=title,
        model=text,
        data=text,
        training=text,
        evaluation=text,
        blueprint=blueprint,
        cites=cites or {},
    )


def changes_between(old: dict[str, Value], new: dict[str, Value]) -> tuple[Change, ...]:
    """Return the slots of one family that differ, in the order of `new`."""
    return tuple(
        Change(slot=name, old=old[name], new=value)
        for name, value in new.items()
        if name in old and old[name] != value
    )


def load_blueprint(file: Path, families: dict[str, Family]) -> Blueprint:
    """Read a blueprint file (`family:` and `slots:`) and fill in defaults.

    Raises:
        SetupError: Names the file and the unknown family, slot or value.
    """
    raw = read_yaml(file, Blueprint)
    if raw.family not in families:
        raise SetupError(
            f"{file}: unknown family '{raw.family}'; the installed families are {', '.join(families)}."
        )
    return Blueprint(family=raw.family, slots=families[raw.family].fill(raw.slots, str(file)))
