"""Scores that a user brings back from a leaderboard: kept on the solution's card, never used by a search."""

import math
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import SetupError
from agent.solution.card import FILE, README, Card, LeaderboardScore, describe, load_card
from agent.written import file_aside


def report_score(folder: Path, score: float) -> Card:
    """Adds a leaderboard's score to the card and the page of the solution in `folder`; earlier ones stay.

    Raises:
        SetupError: no solution, one of a generated sample, or a score that its metric cannot have.
        InfrastructureError: the card cannot be written.
    """
    card = load_card(folder)
    if card is None:
        raise SetupError(f"No solution of '{folder.name}' is kept in {folder.parent}; `mars run` makes one.")
    if card.data_kind == "sample":
        raise SetupError(
            f"The solution of {card.competition} was made on its generated sample, whose rows no leaderboard "
            f"scores; run on the real data with `mars run --competition {card.competition} --data full`."
        )
    _check(card, score)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    reported = LeaderboardScore(score=score, metric=card.metric, reported_at=now)
    card = card.model_copy(update={"leaderboard": (*card.leaderboard, reported)})
    for name, text in ((FILE, card.model_dump_json(indent=2) + "\n"), (README, describe(card))):
        with file_aside(folder / name, "card") as path:
            path.write_text(text, encoding="utf-8")
    return card


def _check(card: Card, score: float) -> None:
    """Every metric is 1 at best where higher is better, else 0 (see `agent.competition.metrics`)."""
    if card.higher_is_better and score > 1:
        hint = f"; as a share of 100 it is {score / 100:g}" if score <= 100 else ""
        raise SetupError(f"--leaderboard {score:g}: {card.metric} is 1 at best{hint}.")
    if not card.higher_is_better and score < 0:
        raise SetupError(
            f"--leaderboard {score:g}: {card.metric} is 0 at best and lower is better; leave out the sign."
        )
    if not math.isfinite(score):
        raise SetupError(f"--leaderboard {score}: is no score of {card.metric}; give a number.")
