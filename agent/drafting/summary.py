"""What `mars init` tells about a draft: questions first, then the guesses, then notes."""

from collections.abc import Iterator, Sequence

from agent.core.format import listed, one_line
from agent.drafting.rules.draft import Draft
from agent.drafting.rules.tables import Guess

_MOST_INPUTS = 10  # more inputs are told per role, without reasons
_MOST_TARGETS = 10  # the task tells the types of more targets
_MOST_NAMES = 8  # per role


def summarise(draft: Draft, notes: Sequence[str] = ()) -> list[str]:
    """Return the lines about a draft.

    Args:
        draft: The draft that was written.
        notes: Sentences beside those of the draft, such as warnings of the preparation.
    """
    targets = [guess for guess in draft.guesses if guess.field.startswith("targets.")]
    left_out = targets if len(targets) > _MOST_TARGETS else []
    guesses = [
        guess for guess in draft.guesses if not guess.field.startswith("inputs.") and guess not in left_out
    ]
    inputs = [guess for guess in draft.guesses if guess.field.startswith("inputs.")]
    return [
        *(f"Please check: {one_line(question)}" for question in draft.questions),
        *map(_describe_guess, guesses),
        *(map(_describe_guess, inputs) if len(inputs) <= _MOST_INPUTS else _describe_roles(draft)),
        *(
            f"Note: {one_line(note)}"
            for note in dict.fromkeys((*draft.notes, *notes))
            if not _is_asked(note, draft)
        ),
    ]


def _is_asked(note: str, draft: Draft) -> bool:
    """Return whether a question begins with the note, so that the note says nothing new."""
    return any(question.startswith(note) for question in draft.questions)


def _describe_guess(guess: Guess) -> str:
    by = f"{guess.by}: " if guess.by else ""
    return f"{one_line(f'{guess.field}: {guess.value}')}  ({one_line(f'{by}{guess.reason}')})"


def _describe_roles(draft: Draft) -> Iterator[str]:
    """Yield a line per role with its first inputs; competition.yaml holds the reason for each."""
    names: dict[str, list[str]] = {}
    for column in draft.spec.inputs:
        names.setdefault(column.role, []).append(column.name)
    for role, inputs in names.items():
        yield one_line(f"inputs, {role}: {listed(inputs, _MOST_NAMES)}")
