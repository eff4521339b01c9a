"""Headlines of runs: the line that a display shows when a session begins."""

from agent.core.format import one_line
from agent.record.events import RunSettings


def started_headline(run: str, title: str, settings: RunSettings) -> str:
    """Return the headline of a new run: its id, the competition's title and the run's constraints."""
    return f"Run {run}: {title}{constraints_text(settings)}"


def resumed_headline(run: str, title: str) -> str:
    """Return the headline of a resumed run."""
    return f"Run {run} continues: {title}"


def constraints_text(settings: RunSettings) -> str:
    """List the constraints of a run as clauses to append to a sentence; empty without constraints."""
    parts = [
        f"; replays the ideas of run {settings.replay_source.run}" if settings.replay_source else "",
        f"; pinned: {', '.join(settings.pinned)}" if settings.pinned else "",
        f"; forbidden: {', '.join(settings.forbidden)}" if settings.forbidden else "",
        f"; hint: {one_line(settings.hint)}" if settings.hint else "",
    ]
    return "".join(parts)
