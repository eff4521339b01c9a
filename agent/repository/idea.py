"""What one solution is to be: a plan in words and a value for every slot."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from agent.errors import SetupError
from agent.repository.edits import Edit
from agent.repository.family import Family, Value
from agent.userfiles import read_yaml


class Blueprint(BaseModel):
    """A family and a value for every one of its slots."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str
    slots: dict[str, Value]

    @cached_property
    def key(self) -> str:
        """Equal for equal blueprints, whatever the order of their slots."""
        return f"{self.family}:{sorted(self.slots.items())}"


class Change(BaseModel):
    """One slot that differs from the parent's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slot: str
    old: Value
    new: Value


class ModulePlan(BaseModel):
    """A module that is to be written for an idea without a blueprint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(description="main.py or library/<name>.py.")
    purpose: str
    names: tuple[str, ...] = Field(description="What it defines for the others.")
    uses: tuple[str, ...] = Field(default=(), description="Modules before it that it imports.")


class WrittenModule(BaseModel):
    """A planned module with its code, and the script that tries it out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    code: str
    test: str = Field(default="", description="Empty for main.py, which a smoke run tries out.")
    cites: tuple[str, ...] = Field(default=(), description="Lessons that its comments cite.")

    @property
    def test_file(self) -> str:
        """`tests/test_models.py` for `library/models.py`."""
        return f"tests/test_{Path(self.file).stem}.py"


class Idea(BaseModel):
    """A natural-language plan, what carries it out, and the lessons that it rests on.

    What carries it out is a blueprint, the modules that are to be written, or the parent's code; and edits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    model: str
    data: str
    training: str
    evaluation: str
    blueprint: Blueprint | None = Field(
        description="None for an ensemble, whose code is its members', and where modules are written."
    )
    plan: tuple[ModulePlan, ...] = Field(
        default=(), description="The modules to write, each after those that it uses; main.py is the last."
    )
    scouted: tuple[str, ...] = Field(
        default=(), description="Candidate models of distinct families, light ones first, that were weighed."
    )
    moves: tuple[str, ...] = ()
    changes: tuple[Change, ...] = Field(default=(), description="Against the parent; empty for a draft.")
    edits: tuple[Edit, ...] = Field(
        default=(), description="Of its own, made to what the slots and the parent's line give."
    )
    cites: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Lesson ids by the slot whose value they speak for."
    )

    @property
    def edited_files(self) -> tuple[str, ...]:
        """The files that its own edits change, in their order."""
        return tuple(dict.fromkeys(edit.file for edit in self.edits))

    @property
    def cited_lessons(self) -> tuple[str, ...]:
        return tuple(sorted({lesson for lessons in self.cites.values() for lesson in lessons}))


class Fix(BaseModel):
    """A change of a failed node's code that is to mend it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(description="What is changed, in a few words.")
    cause: str = Field(description="Why the code failed.")
    signs: str = Field(default="", description="How the same error can be recognised elsewhere.")
    edits: tuple[Edit, ...]
    cites: tuple[str, ...] = Field(default=(), description="Debug lessons that it rests on.")


def completed(blueprint: Blueprint, families: Mapping[str, Family]) -> Blueprint:
    """The blueprint with the defaults of slots that its family has gained since it was recorded.

    As it is where the family is not among those given, or does not take the blueprint any more.
    """
    family = families.get(blueprint.family)
    if family is None or family.slots.keys() <= blueprint.slots.keys():
        return blueprint
    try:
        return Blueprint(family=family.id, slots=family.fill(blueprint.slots, "record"))
    except SetupError:
        return blueprint


def idea_told_by(
    teller: str,
    title: str,
    blueprint: Blueprint | None,
    cites: dict[str, tuple[str, ...]] | None = None,
) -> Idea:
    """An idea without words of its own: each part says that something else (`the blueprint`) tells it."""
    words = f"As {teller} says."
    return Idea(
        title=title,
        model=words,
        data=words,
        training=words,
        evaluation=words,
        blueprint=blueprint,
        cites=cites or {},
    )


def changes_between(old: dict[str, Value], new: dict[str, Value]) -> tuple[Change, ...]:
    """The slots of the same family that differ, in the order of the new blueprint."""
    return tuple(
        Change(slot=name, old=old[name], new=value)
        for name, value in new.items()
        if name in old and old[name] != value
    )


def load_blueprint(file: Path, families: dict[str, Family]) -> Blueprint:
    """Reads a file (`family:` and `slots:`) and fills in defaults; SetupError names what is wrong."""
    raw = read_yaml(file, Blueprint)
    if raw.family not in families:
        raise SetupError(f"{file}: no family is called '{raw.family}'; there are {', '.join(families)}.")
    return Blueprint(family=raw.family, slots=families[raw.family].fill(raw.slots, str(file)))
