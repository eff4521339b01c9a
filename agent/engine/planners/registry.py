"""The planners by name. Packages add planners by entry points of the group `mars.planners`.

A planner is a file with an instance of a `PlannerPlugin` subclass, and an entry here.
"""

from typing import TYPE_CHECKING

from agent.core.registry import Registry

if TYPE_CHECKING:
    from agent.engine.planners.plugin import PlannerPlugin


def _missing(found: object) -> str:
    from agent.engine.planners.plugin import PlannerPlugin  # slow to import, and most commands load none

    return "" if isinstance(found, PlannerPlugin) else "an instance of a subclass of PlannerPlugin"


PLANNERS: "Registry[PlannerPlugin]" = Registry(
    "mars.planners",
    {
        "library": "agent.engine.planners.library:PLUGIN",
        "llm": "agent.engine.planners.llm:PLUGIN",
        "replay": "agent.engine.planners.replay:PLUGIN",
    },
    _missing,
)
