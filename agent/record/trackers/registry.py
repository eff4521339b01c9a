"""The trackers by name. Packages add trackers by entry points of the group `mars.trackers`."""

from agent.core.registry import Registry
from agent.record.trackers.base import TrackerFactory

TRACKERS: Registry[TrackerFactory] = Registry(
    "mars.trackers", {"jsonl": "agent.record.trackers.jsonl:JsonlTracker"}
)
