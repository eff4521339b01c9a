"""Wires the search of one session from its parts; the caller passes in the executor and the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.engine.loop import SearchLoop
from agent.engine.trials.runner import TrialRunner
from agent.execution.base import Executor
from agent.execution.cache_layers import CacheLayers
from agent.execution.gpus import GpuLeases
from agent.memory.store import LessonStore
from agent.record.observer import Observer
from agent.record.opened_run import Run
from agent.record.recorder import Clock, EventRecorder
from agent.repository.assembly import Assembler
from agent.repository.rendering import TaskView
from agent.repository.run_templates import Templates


@dataclass(frozen=True)
class OpenSearch:
    """The search of one session, ready to start, and the parts that its session needs."""

    loop: SearchLoop
    recorder: EventRecorder
    runner: TrialRunner


def open_search(
    run: Run,
    templates: Templates,
    executor: Executor,
    clock: Clock,
    observer: Observer,
    *,
    lessons: LessonStore,
    cache: CacheLayers,
    weights: Path,
    gpus: GpuLeases | None = None,
    heartbeat: Callable[[], None] = lambda: None,
) -> OpenSearch:
    """Return the search of a run whose state has its settings.

    Args:
        run: The run, fresh or opened from its record.
        templates: The templates that render code.
        executor: Runs the candidates.
        clock: Seconds of work of the run, including earlier sessions.
        observer: Receives the events and the progress.
        lessons: Stores what the nodes teach.
        cache: Caches of the candidates.
        weights: Folder of the user's pretrained weights; need not exist.
        gpus: Leases of the GPUs; None: no candidate gets a GPU of its own.
        heartbeat: Called about four times a second while the search runs.

    Raises:
        RenderError: The templates of a family have a defect.
    """
    recorder = EventRecorder(run.journal, run.state, observer, clock)
    lineage = run.lineage
    runner = TrialRunner(
        prepared=run.prepared,
        lineage=lineage,
        executor=executor,
        nodes_root=run.nodes,
        settings=run.state.run,
        cache=cache,
        weights=weights,
        gpus=gpus,
    )
    assembler = Assembler(TaskView.of(run.prepared, run.state.run.gpus_per_node), templates, lineage)
    assembler.check_families()
    loop = SearchLoop(
        run=run.id,
        recorder=recorder,
        lessons=lessons,
        runner=runner,
        assembler=assembler,
        metric=run.metric,
        heartbeat=heartbeat,
    )
    return OpenSearch(loop, recorder, runner)
