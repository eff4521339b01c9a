"""The toy competition as planners see it, and the toy family's plain blueprint."""

from agent.planner.base import TaskContext
from agent.repository.family import Value

TOY_CONTEXT = TaskContext("classification", "accuracy", frozenset({"embedding"}), 1440, "cpu")
TOY_SLOTS: dict[str, Value] = {"depth": 1, "width": 1, "breadth": 1, "finish": 1, "kind": "plain"}
