"""Executions under way: one typed value per kind, and the worker threads that run them."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from agent.engine.candidate_reports import thin_curve
from agent.engine.containment import contained
from agent.execution.base import StopReason
from agent.execution.progress import ProgressReader
from agent.record.events import CurvePoint, NodeResult, RefitResult
from agent.record.state import Node

TICK_S = 0.25  # seconds between two readings of the progress

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Watch:
    """Follows the progress of an execution, and stops the execution for a reason."""

    reader: ProgressReader | None = None  # None: the execution reports no progress
    curve: list[CurvePoint] = field(default_factory=list)
    stop: StopReason | None = None
    is_comparable: bool = True
    """Whether the progress is that of a full run. A smoke run or a probe is neither read nor pruned."""

    def stop_check(self, elapsed_s: float) -> StopReason | None:
        """Return the reason to stop, for the executor."""
        stop = self.stop
        return None if stop is not None and stop.kind == "pruned" and not self.is_comparable else stop

    @contextmanager
    def full_run(self) -> Iterator[None]:
        """Mark the block as the full run, whose progress is compared with that of other nodes."""
        self.is_comparable = True
        try:
            yield
        finally:
            self.is_comparable = False

    def apply_stop(self, result: NodeResult) -> NodeResult:
        """Return the result; a failure of a candidate that was being pruned counts as pruned."""
        if self.stop is None or self.stop.kind != "pruned" or result.status != "failed":
            return result
        return result.model_copy(update={"status": "pruned", "reason": self.stop.sentence})

    def read_progress(self) -> None:
        """Add the latest points to the curve; progress that cannot be read is not followed any more."""
        if self.reader is None or not self.is_comparable:
            return
        try:
            self.curve += thin_curve(self.reader.poll())
        except Exception:  # the candidate wrote the file, and its result must not depend on that
            self.reader = None


@dataclass(frozen=True)
class NodeExecution:
    """The execution of a node's complete repository."""

    node: Node
    watch: Watch
    future: Future[NodeResult]
    limit_s: float


@dataclass(frozen=True)
class ModuleTest:
    """The test of a node's latest module; its result is None if it passes."""

    node: Node
    watch: Watch
    future: Future[NodeResult | None]
    limit_s: float


@dataclass(frozen=True)
class RepeatExecution:
    """A repeat of a node with another seed; its result is (score, seconds)."""

    node: Node
    watch: Watch
    future: Future[tuple[float | None, float]]


@dataclass(frozen=True)
class RefitExecution:
    """The refit of the chosen node on all labelled rows."""

    node: Node
    watch: Watch
    future: Future[RefitResult]


Execution = NodeExecution | ModuleTest | RepeatExecution | RefitExecution


class Workers:
    """Worker threads, and the executions that they run."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ThreadPoolExecutor | None = None
        self.under_way: list[Execution] = []

    @contextmanager
    def open(self) -> Iterator[None]:
        """Start the threads. If the block fails, all executions are stopped first."""
        with ThreadPoolExecutor(max_workers=self._count) as self._pool:
            try:
                yield
            except BaseException:
                for execution in self.under_way:
                    execution.watch.stop = StopReason("interrupted", "interrupted")
                raise

    @property
    def has_room(self) -> bool:
        return len(self.under_way) < self._count

    def submit(
        self, failed: Callable[[str], T], work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Call `work` in a thread; the caller adds the execution to `under_way`.

        An error of the execution becomes the result `failed(sentence)`.
        """
        assert self._pool is not None, "the workers are not open"
        return self._pool.submit(contained(work, failed), *args, **kwargs)

    def wait(self, on_tick: Callable[[], None]) -> list[Execution]:
        """Wait until executions end, and return them by the ids of their nodes.

        `on_tick` is called every `TICK_S` seconds meanwhile.
        """
        futures: set[Future[Any]] = {execution.future for execution in self.under_way}
        done, _ = wait(futures, timeout=TICK_S, return_when=FIRST_COMPLETED)
        while not done:
            on_tick()
            done, _ = wait(futures, timeout=TICK_S, return_when=FIRST_COMPLETED)
        ended = [execution for execution in self.under_way if execution.future in done]
        self.under_way = [execution for execution in self.under_way if execution.future not in done]
        return sorted(ended, key=lambda execution: execution.node.id)
