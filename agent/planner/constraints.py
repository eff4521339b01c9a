"""The user's constraints: `--set slot=value`, `--forbid move`, `--forbid slot=value`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from agent.core.errors import SetupError
from agent.repository.family import Draft, Family, Move, Value


@dataclass(frozen=True)
class Constraints:
    """Pinned slot values, forbidden slot values and forbidden moves; they hold for every idea."""

    pinned: Mapping[str, Value] = field(default_factory=dict)
    forbidden_values: frozenset[tuple[str, Value]] = frozenset()
    forbidden_moves: frozenset[str] = frozenset()

    def draft_slots(self, family: Family, draft: Draft) -> dict[str, Value]:
        """Return the slots of a draft with the pinned values."""
        return {**family.defaults, **draft.set, **self.pinned}

    def pinned_in(self, family: Family) -> dict[str, Value]:
        """Return the pinned values of a family's slots."""
        return {name: value for name, value in self.pinned.items() if name in family.slots}

    def allows(self, slots: Mapping[str, Value]) -> bool:
        """Return whether an idea may have these slots; absent slots are not tested."""
        kept = all(slots.get(name, value) == value for name, value in self.pinned.items())
        return kept and not any((name, value) in self.forbidden_values for name, value in slots.items())

    def allows_move(self, move: Move) -> bool:
        return move.id not in self.forbidden_moves

    def allows_change(self, family: Family, before: Mapping[str, Value], after: Mapping[str, Value]) -> bool:
        """Return whether a change of slots does nothing that a forbidden move does, whatever it is called."""
        forbidden = (move for move in family.moves if not self.allows_move(move))
        return not any(_does(move, before, after) for move in forbidden)


def _does(move: Move, before: Mapping[str, Value], after: Mapping[str, Value]) -> bool:
    """Return whether a change does at least what a move does."""
    steps = [*((name, 1) for name in move.raise_), *((name, -1) for name in move.lower)]
    return (
        any(after[name] != before[name] for name in (*move.set, *move.raise_, *move.lower))
        and all(after[name] == value for name, value in move.set.items())
        and all(_is_beyond(after[name], before[name], step) for name, step in steps)
    )


def _is_beyond(after: Value, before: Value, step: int) -> bool:
    """Return whether a number rose (step 1) or fell (step -1)."""
    if isinstance(after, str) or isinstance(before, str):
        return False
    return step * (after - before) > 0


def parse_constraints(
    pins: Sequence[str], forbidden: Sequence[str], families: Mapping[str, Family]
) -> tuple[Constraints, dict[str, Family]]:
    """Parse the constraints, and select the families that have every pinned slot and value.

    Args:
        pins: Texts of `--set`.
        forbidden: Texts of `--forbid`.
        families: The families that serve the competition.

    Raises:
        SetupError: No family has a slot, value or move, or no family has everything that is pinned.
    """
    pairs = [_parse_pair(text, "--set", families) for text in pins]
    pinned: dict[str, Value] = {}
    for name, value in pairs:
        if pinned.setdefault(name, value) != value:
            raise SetupError(
                f"--set {name}: the slot is pinned to {pinned[name]!r} and to {value!r}; give one value."
            )
    suitable = {
        name: family
        for name, family in families.items()
        if all(slot in family.slots and family.slots[slot].accepts(value) for slot, value in pairs)
    }
    if not suitable:
        raise SetupError(f"--set: no single family has all of {', '.join(pins)}; pin fewer slots.")
    forbidden_values = frozenset(_parse_pair(text, "--forbid", families) for text in forbidden if "=" in text)
    if clash := forbidden_values & set(pinned.items()):
        name, value = min(clash, key=str)
        raise SetupError(f"--forbid {name}={value}: --set pins the slot to that value.")
    forbidden_moves = frozenset(_parse_move(text, families) for text in forbidden if "=" not in text)
    return Constraints(pinned, forbidden_values, forbidden_moves), suitable


def _parse_pair(text: str, option: str, families: Mapping[str, Family]) -> tuple[str, Value]:
    name, equals, raw = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise SetupError(f"{option} {text}: write slot=value.")
    slots = [family.slots[name] for family in families.values() if name in family.slots]
    if not slots:
        known = sorted({slot for family in families.values() for slot in family.slots})
        raise SetupError(f"{option} {text}: unknown slot '{name}'; the slots are {', '.join(known)}.")
    # Parsed as YAML, like family.yaml; if that value is not accepted, the plain text is tried.
    for value in (_scalar(raw), raw):
        if any(slot.accepts(value) for slot in slots):
            return name, value  # type: ignore[return-value]  # what a slot accepts is a Value
    values = ", ".join(dict.fromkeys(str(value) for slot in slots for value in slot.values))
    raise SetupError(f"{option} {text}: slot '{name}' does not accept '{raw}'; its values are {values}.")


def _scalar(raw: str) -> object:
    try:
        return yaml.safe_load(raw)
    except yaml.YAMLError:
        return raw


def _parse_move(name: str, families: Mapping[str, Family]) -> str:
    known = [move.id for family in families.values() for move in family.moves]
    if name not in known:
        raise SetupError(f"--forbid {name}: unknown move; the moves are {', '.join(known)}.")
    return name
