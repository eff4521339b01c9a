"""Which networks have pretrained weights on this machine. Candidates have no network access."""

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path

from agent.execution.hardware import hub_cache
from agent.repository.family import Family, Value
from agent.repository.family_parts import PretrainedWeights

_ENDINGS = (".safetensors", ".pth")
SENTENCE_MODEL_FILE = "modules.json"  # each folder of a sentence-transformers model has it


def networks_at_hand(families: Iterable[Family], folder: Path) -> tuple[str, ...]:
    """Return the values of network slots whose weights are at hand, sorted. Nothing is imported.

    Args:
        families: The families.
        folder: The user's own weights.
    """
    found = {
        str(value)
        for family in families
        if (weights := family.weights) is not None
        for name in weights.slots
        for value in family.slots[name].values
        if value not in weights.without and _is_at_hand(weights, str(value), folder)
    }
    return tuple(sorted(found))


def lacks_weights(
    family: Family,
    slots: Mapping[str, Value],
    at_hand: Iterable[str] | None,
    pinned: Mapping[str, Value],
) -> bool:
    """Return whether a blueprint has a network without weights although the family has some at hand.

    Args:
        family: The family.
        slots: The values of the slots that have an effect.
        at_hand: Networks whose weights are at hand; None: unknown.
        pinned: Values that the user fixed, which stay.
    """
    weights = family.weights
    if weights is None or at_hand is None:
        return False
    known = set(at_hand)
    if not any(str(value) in known for name in weights.slots for value in family.slots[name].values):
        return False
    return any(
        slots[name] not in weights.without and str(slots[name]) not in known
        for name in weights.slots
        if name in slots and name not in pinned
    )


def _is_at_hand(weights: PretrainedWeights, value: str, folder: Path) -> bool:
    package = weights.packages.get(value)
    if package is not None and importlib.util.find_spec(package.replace("-", "_")) is not None:
        return True
    if any((folder / f"{value}{ending}").is_file() for ending in _ENDINGS):
        return True
    if (folder / value / SENTENCE_MODEL_FILE).is_file():
        return True
    patterns = (f"models--{weights.hub}--{value}{tag}/snapshots/*/model.safetensors" for tag in ("", ".*"))
    return weights.hub is not None and any(any(hub_cache().glob(pattern)) for pattern in patterns)
