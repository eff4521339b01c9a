"""Leaderboard scores that a user reports: kept on the solution's card, never used by a search."""

import math
from datetime import UTC, datetime
from pathlib import Path

from agent.competition.metrics import METRICS
from agent.core.atomic_files import atomic_file
from agent.core.contract import README_FILE
from agent.core.errors import SetupError
from agent.solution.card import CARD_FILE, Card, LeaderboardScore, card_page, load_card


def report_score(folder: Path, score: float) -> Card:
    """Add a leaderboard score to the card and the page of the solution in `folder`; earlier scores stay.

    Raises:
        SetupError: there is no solution, it was made on a generated sample, or the score is impossible.
        InfrastructureError: the card cannot be written.
    """
    card = load_card(folder)
    if card is None:
        raise SetupError(f"{folder.parent} has no solution of '{folder.name}'; create one with `mars run`.")
    if card.data_kind == "sample":
        raise SetupError(
            f"The solution of {card.competition} was made on its generated sample, which no leaderboard "
            f"scores; run on the real data with `mars run --competition {card.competition} --data full`."
        )
    _check(card, score)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    reported = LeaderboardScore(score=score, metric=card.metric, reported_at=now)
    card = card.model_copy(update={"leaderboard": (*card.leaderboard, reported)})
    for name, text in ((CARD_FILE, card.model_dump_json(indent=2) + "\n"), (README_FILE, card_page(card))):
        with atomic_file(folder / name, "card") as path:
            path.write_text(text, encoding="utf-8")
    return card


def _check(card: Card, score: float) -> None:
    """Check the range of a score; the card does not hold the best score of a competition's own metric."""
    best = METRICS[card.metric].best if card.metric in METRICS else None
    if best is not None and card.higher_is_better and score > best:
        hint = f"; for a percentage, give {score / 100:g}" if best == 1 and score <= 100 else ""
        raise SetupError(f"--leaderboard {score:g}: {card.metric} is at most {best:g}{hint}.")
    if best is not None and not card.higher_is_better and score < best:
        raise SetupError(
            f"--leaderboard {score:g}: {card.metric} is at least {best:g} and lower is better; omit the sign."
        )
    if not math.isfinite(score):
        raise SetupError(f"--leaderboard {score}: not a score of {card.metric}; give a finite number.")
