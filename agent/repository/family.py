"""Families: templates for one kind of task, with slots, moves and drafts, read from `family.yaml`."""

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Literal

from pydantic import Field, model_validator

from agent.competition.spec import Role, Task
from agent.core.errors import SetupError
from agent.core.paths import Home, templates_dir
from agent.core.registry import BUILT_IN, Registry
from agent.core.yaml_files import read_yaml
from agent.repository.family_parts import CachedWork, Frozen, JointCost, PretrainedWeights, SearchRange
from agent.repository.family_parts import Condition as Condition
from agent.repository.family_parts import Value as Value

# A package names its folder with family.yaml: "package", or "package.module:FOLDER" for a `Path`.
FAMILIES: Registry[ModuleType | Path] = Registry("mars.families", {})

Stage = Literal["baseline", "structural", "refinement", "finish"]


class Need(Frozen):
    """Tasks, packages and weights of one value of a slot, where the family itself asks for less."""

    packages: tuple[str, ...] = Field(default=(), description="Names of distributions.")
    tasks: tuple[Task, ...] = Field(default=(), description="Tasks that the value serves; empty: all.")
    extra: str | None = Field(default=None, description="Extra of mars-search that installs them.")
    weights: dict[Task, str] = Field(
        default_factory=dict,
        description="By task, the pattern of the name of a file that the user puts into MARS_HOME/weights.",
    )


class Slot(Frozen):
    """One named choice that a family offers."""

    values: tuple[Value, ...] = Field(min_length=1, description="Every value, in ladder order: cheap first.")
    default: Value
    description: str
    modules: tuple[str, ...] = Field(description="Library modules whose code the slot touches.")
    cost: dict[str, float] = Field(
        default_factory=dict, description="Run time relative to 1.0, by str(value); a missing value counts 1."
    )
    sampled: bool = Field(
        default=True,
        description="Whether the search samples values; not for a limit that training itself decides on.",
    )
    range: tuple[float, float] | None = Field(
        default=None, description="Numbers only: bounds within which other values are accepted too."
    )
    search_ranges: tuple[SearchRange, ...] = Field(
        default=(),
        description="Numbers only: bounds of what the search tries, within `range`; the first that applies.",
    )
    scale: Literal["linear", "log"] = Field(
        default="linear", description="Numbers only: whether equal steps are differences or ratios."
    )
    when: Condition = Field(
        default=Condition(),
        description="Where the slot has an effect; elsewhere it keeps its default. It names earlier slots.",
    )
    needs: dict[str, Need] = Field(
        default_factory=dict, description="Packages and weights that single values need, by str(value)."
    )

    @model_validator(mode="after")
    def _default_is_a_value(self) -> "Slot":
        if not self.accepts(self.default):
            raise ValueError(f"default {self.default!r} is not one of {list(self.values)}")
        return self

    @model_validator(mode="after")
    def _log_scale_is_positive(self) -> "Slot":
        if self.scale == "log" and (self.range is None or self.range[0] <= 0):
            raise ValueError("scale: log needs a `range` above 0")
        return self

    @model_validator(mode="after")
    def _needs_name_values(self) -> "Slot":
        for value in self.needs:
            if value not in map(str, self.values):
                raise ValueError(f"needs: {value!r} is not one of {list(self.values)}")
        return self

    def accepts(self, value: object) -> bool:
        """Return whether a blueprint may hold the value; True and 1 are different values."""
        if any(type(value) is type(known) and value == known for known in self.values):
            return True
        if self.range is None or isinstance(value, bool) or not isinstance(value, int | float):
            return False
        integral = all(isinstance(known, int) for known in self.values)
        return self.range[0] <= value <= self.range[1] and (isinstance(value, int) or not integral)

    def neighbour(self, value: Value, step: int) -> Value | None:
        """Return the next value up (step 1) or down (step -1) the ladder; None at the end."""
        if value in self.values:
            position = self.values.index(value) + step
            return self.values[position] if 0 <= position < len(self.values) else None
        numbers = [known for known in self.values if isinstance(known, int | float)]
        beyond = [known for known in numbers if (known > value if step > 0 else known < value)]  # type: ignore[operator]
        if not beyond:
            return None
        return min(beyond) if step > 0 else max(beyond)

    def cost_of(self, value: Value) -> float:
        """Return the relative run time; a number between two declared values gets a time between theirs."""
        if str(value) in self.cost or value in self.values or isinstance(value, bool | str):
            return self.cost.get(str(value), 1.0)
        known = sorted(
            (float(known), self.cost_of(known)) for known in self.values if not isinstance(known, str)
        )
        below = max((one for one in known if one[0] < value), default=known[0])
        above = min((one for one in known if one[0] > value), default=known[-1])
        if below[0] == above[0]:
            return below[1]
        share = (value - below[0]) / (above[0] - below[0])
        return float(below[1] ** (1 - share) * above[1] ** share)


class Gain(Frozen):
    """Normal prior of a move's effect, as relative error reduction."""

    mean: float
    sd: float = Field(gt=0)


class Move(Frozen):
    """A named change of one or more slots."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str = Field(description="What it does, as a planner says it in an idea.")
    set: dict[str, Value] = Field(default_factory=dict, description="Slots that get this value.")
    raise_: tuple[str, ...] = Field(default=(), alias="raise", description="Slots that go one rung up.")
    lower: tuple[str, ...] = Field(default=(), description="Slots that go one rung down.")
    stage: Stage
    gain: Gain
    cost: float = Field(gt=0, description="Run time of the child relative to its parent's.")
    when: Condition = Condition()
    reason: str
    source: str = Field(description="Paper, repository or experience the prior comes from.")

    def applied_to(self, slots: dict[str, Value], family: "Family") -> dict[str, Value] | None:
        """Return the changed slots; None if the move changes nothing or would leave a ladder."""
        changed = {**slots, **self.set}
        for names, step in ((self.raise_, 1), (self.lower, -1)):
            for name in names:
                value = family.slots[name].neighbour(slots[name], step)
                if value is None:
                    return None
                changed[name] = value
        return changed if changed != slots else None


class Draft(Frozen):
    """A starting point; drafts of one family differ in structure, and the cheaper ones come first."""

    id: str
    title: str
    set: dict[str, Value]
    rank: int = Field(default=0, description="Drafts of a lower rank come first, of equal rank the cheaper.")
    first: bool = Field(
        default=False,
        description="A strong and cheap baseline: the first node of a run, whatever its budget.",
    )
    when: Condition = Condition()
    model: str = Field(description="The four parts of an idea, in a sentence each.")
    data: str
    training: str
    evaluation: str


class Serves(Frozen):
    """The tasks and inputs that a family supports."""

    tasks: tuple[Task, ...]
    targets: tuple[Task, ...] = Field(
        default=(), description="Tasks that each of several targets may have; empty: those of `tasks`."
    )
    requires: tuple[Role, ...] = Field(default=(), description="Roles that some input must have.")
    reads: tuple[Role, ...] = Field(description="Roles that the family makes use of.")


CUT_GAIN = 0.5  # of a family that says nothing else, and of code without a family


class Family(Frozen):
    """The content of `family.yaml` and the folder of the templates."""

    id: str
    title: str
    serves: Serves
    preload: tuple[str, ...] = Field(description="Modules that the warm parent process imports.")
    preload_later: tuple[str, ...] = Field(
        default=(),
        description="Modules that it imports after some seconds, while a candidate runs, if they are "
        "installed: those of some models only.",
    )
    packages: tuple[str, ...] = Field(description="Distributions that a rendered repository needs.")
    extra: str | None = Field(
        default=None,
        description="Extra of mars-search that installs `packages`; None for a user's own family.",
    )
    deterministic: dict[str, tuple[Value, ...]] = Field(
        default_factory=dict,
        description="Slot values whose training has no randomness; repeats with other seeds teach nothing.",
    )
    refits_folds: bool = Field(
        default=False,
        description="Whether a refit trains the same executed folds again. Without audit rows it would then "
        "change nothing.",
    )
    structure: tuple[str, ...] = Field(
        default=(),
        description="Slots that name the model or the way of training. What one structure taught says little "
        "about another; improvements keep these slots.",
    )
    cut_gain: float = Field(
        default=CUT_GAIN,
        ge=0,
        le=1,
        description="Part of the best error that a node cut short by its time limit may still gain, times "
        "the share of its work that is left.",
    )
    slots: dict[str, Slot]
    shrink: dict[str, float] = Field(
        default_factory=dict,
        description="Slots of numbers that go down their ladders, in this order, where an idea does not fit "
        "the time; each with its least value.",
    )
    joint_costs: tuple[JointCost, ...] = Field(default=(), description="Beside the costs of single values.")
    cached: tuple[CachedWork, ...] = Field(
        default=(), description="Work that later nodes find in the cache; the first that applies."
    )
    weights: PretrainedWeights | None = Field(
        default=None,
        description="Where some of its weights are at hand, the search tries no network without weights.",
    )
    drafts: tuple[Draft, ...] = Field(min_length=1)
    moves: tuple[Move, ...]
    folder: Path = Field(exclude=True)
    bundled: Path = Field(
        default_factory=templates_dir,
        exclude=True,
        description="Folder of the bundled templates.",
    )

    @model_validator(mode="after")
    def _names_are_known(self) -> "Family":
        owners: list[Draft | Move] = [*self.drafts, *self.moves]
        for owner in owners:
            ladder = (*owner.raise_, *owner.lower) if isinstance(owner, Move) else ()
            for name in (*owner.set, *owner.when.slots, *ladder):
                if name not in self.slots:
                    raise ValueError(f"{owner.id}: unknown slot {name!r}; add it to `slots`")
            for name, value in owner.set.items():
                if not self.slots[name].accepts(value):
                    raise ValueError(f"{owner.id}: slot {name!r} does not accept {value!r}")
        parts = {
            "structure": self.structure,
            "joint_costs": [name for joint in self.joint_costs for name in joint.slots],
            "cached": [name for work in self.cached for name in (*work.slots, *work.when.slots)],
            "weights": self.weights.slots if self.weights else (),
        }
        for part, names in parts.items():
            for name in names:
                if name not in self.slots:
                    raise ValueError(f"{part}: unknown slot {name!r}; add it to `slots`")
        return self

    @model_validator(mode="after")
    def _slots_depend_on_earlier_ones(self) -> "Family":
        earlier: set[str] = set()
        for name, slot in self.slots.items():
            named = [
                (other, values) for one in slot.search_ranges for other, values in one.when.slots.items()
            ]
            for other, values in named:
                if other not in self.slots or not all(map(self.slots[other].accepts, values)):
                    raise ValueError(f"{name}: search_ranges names no slot {other!r} with {list(values)}")
            for other, values in slot.when.slots.items():
                if other not in earlier:
                    raise ValueError(f"{name}: `when` names {other!r}, which is no earlier slot")
                for value in values:
                    if not self.slots[other].accepts(value):
                        raise ValueError(f"{name}: slot {other!r} does not accept {value!r}")
            earlier.add(name)
        return self

    @model_validator(mode="after")
    def _shrinks_numbers(self) -> "Family":
        for name in self.shrink:
            if name not in self.slots or not all(type(v) in (int, float) for v in self.slots[name].values):
                raise ValueError(f"shrink: {name!r} is no slot of numbers; name one of `slots`")
        return self

    @cached_property
    def defaults(self) -> dict[str, Value]:
        return {name: slot.default for name, slot in self.slots.items()}

    def structure_of(self, slots: Mapping[str, Value]) -> str:
        """Return the structure of a blueprint, such as `hist_gradient_boosting`; "" without structures."""
        return ", ".join(str(slots.get(name, self.slots[name].default)) for name in self.structure)

    def is_deterministic(self, slots: Mapping[str, Value]) -> bool:
        """Return whether a training with these slots has no randomness."""
        return any(slots.get(name) in values for name, values in self.deterministic.items())

    def move(self, move_id: str) -> Move:
        return next(move for move in self.moves if move.id == move_id)

    def relative_cost(self, slots: dict[str, Value]) -> float:
        """Return the product of the slots' relative costs; only ratios between blueprints are meaningful."""
        cost = 1.0
        for name, value in slots.items():
            cost *= self.slots[name].cost_of(value)
        return cost * math.prod(joint.cost for joint in self.joint_costs if joint.applies(slots))

    def fill(self, chosen: dict[str, Value], where: str) -> dict[str, Value]:
        """Return the defaults overlaid with the chosen values.

        Args:
            chosen: Values by slot.
            where: The file or option that the values come from, for the error message.

        Raises:
            SetupError: Names an unknown slot or a value that the slot does not accept.
        """
        for name, value in chosen.items():
            if name not in self.slots:
                raise SetupError(
                    f"{where}: family {self.id} has no slot '{name}'; its slots are {', '.join(self.slots)}."
                )
            if not self.slots[name].accepts(value):
                known = ", ".join(str(option) for option in self.slots[name].values)
                raise SetupError(f"{where}: slot '{name}' does not accept {value!r}; its values are {known}.")
        return {**self.defaults, **chosen}


def load_family(folder: Path, bundled: Path | None = None) -> Family:
    """Read `family.yaml` in the folder; raise SetupError with the file and the key if it is wrong."""
    return read_yaml(folder / "family.yaml", Family, folder=folder, bundled=bundled or templates_dir())


def load_families(*roots: Path, bundled: Path | None = None) -> dict[str, Family]:
    """Return every family below the folders by id; a later folder's family replaces an earlier one.

    Args:
        roots: Folders of families.
        bundled: Folder of the bundled templates that the families may include; None: the present ones.
    """
    folders = [file.parent for root in roots for file in sorted(root.glob("*/family.yaml"))]
    families = (load_family(folder, bundled) for folder in folders)
    return {family.id: family for family in families}


def installed_families() -> dict[str, Family]:
    """Return the families of installed packages.

    Raises:
        SetupError: two packages add the same name, a package cannot be imported, a folder holds no valid
            family, or the names differ.
    """
    found = {}
    for name in FAMILIES.names():
        source = FAMILIES.source(name)
        family = load_family(_folder_of(FAMILIES.load(name)))
        if family.id != name:
            raise SetupError(
                f"The family '{name}' of the package {source.package} has the id '{family.id}' in "
                f"{family.folder / 'family.yaml'}; give both the same name."
            )
        found[name] = family
    return found


def _folder_of(entry: ModuleType | Path) -> Path:
    """Return the folder of a family: the entry itself, or the folder of a package."""
    return Path(str(entry.__file__)).parent if isinstance(entry, ModuleType) else entry


def known_families(home: Home) -> dict[str, Family]:
    """Return the bundled families, those of installed packages, and the user's own, which replace others.

    Raises:
        SetupError: a family is invalid, or a package adds a family of the same name as a bundled one.
    """
    bundled, installed = load_families(templates_dir()), installed_families()
    for name in bundled.keys() & installed.keys():
        package = FAMILIES.source(name).package
        raise SetupError(f"{BUILT_IN} and {package} each add a family called '{name}'; uninstall {package}.")
    return {**bundled, **installed, **load_families(home.families)}
