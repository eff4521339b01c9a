"""Opens the planner of a run, with its language model in a run or with recorded answers in a replay."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from agent.agents.debugger import ReadCommit
from agent.competition.prepared import Prepared
from agent.engine.agents import Agents, open_language_model
from agent.engine.planners.plugin import PlannerSession
from agent.engine.planners.registry import PLANNERS
from agent.llm.query import LanguageModel
from agent.planner.library.planner import LibraryPlanner
from agent.record.opened_run import Run
from agent.record.recorder import EventRecorder
from agent.record.state import RunState


def open_agents(
    library: LibraryPlanner,
    recorder: EventRecorder,
    prepared: Prepared,
    read_commit: ReadCommit,
    keep_alive: Callable[[], None],
) -> AbstractContextManager[Agents]:
    """Open the run's planner and the other agents that use its models.

    Args:
        library: the library planner, which is also the fallback.
        recorder: records the calls.
        prepared: the prepared data.
        read_commit: gives the files of a revision.
        keep_alive: is called while a request waits for its answer.

    Raises:
        SetupError: the planner is not installed, no endpoint is set up, or a package is missing.
    """
    settings = recorder.state.run
    session = PlannerSession(
        library=library,
        prepared=prepared,
        settings=settings,
        journal=recorder.journal,
        read_commit=read_commit,
        note=recorder.observer.note,
        open_model=lambda: open_language_model(
            recorder, keep_alive, is_alone=not library.search_space.drafts()
        ),
    )
    return PLANNERS.load(settings.planner).open(session)


def reopen_agents(
    library: LibraryPlanner, run: Run, state: RunState, language_model: LanguageModel
) -> AbstractContextManager[Agents]:
    """Open the agents of a recorded run again, to verify its decisions.

    Args:
        library: the library planner over the present families.
        run: the recorded run.
        state: the state that a decision was made from.
        language_model: gives the recorded answers.
    """
    session = PlannerSession(
        library=library,
        prepared=run.prepared,
        settings=state.run,
        journal=run.journal,
        read_commit=lambda commit: run.lineage.read(commit),
        note=lambda _: None,
        open_model=lambda: nullcontext(language_model),
    )
    return PLANNERS.load(state.run.planner).open(session)
