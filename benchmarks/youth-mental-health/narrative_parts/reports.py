"""Writes the two reports of a case: what each of them mentions, denies, leaves out, or tells of others."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from narrative_parts import frames
from narrative_parts.clauses import CLAUSES
from narrative_parts.variables import BINARY, LOCATION_ODDS, WEAPON_ODDS, Case
from narrative_parts.wording import as_sentence, pick, vary

# Where a circumstance that holds is mentioned: in the first report, the second, both, or nowhere.
FIRST_ONLY, SECOND_ONLY, BOTH = 0.32, 0.30, 0.32
# What does not hold may be denied, or hold for somebody else; what holds is rarely disputed.
DENIED, OF_OTHERS, DISPUTED = 0.07, 0.06, 0.05
CODE_FIRST, CODE_SECOND = 0.80, 0.62  # a report mentions the place, and likewise the category of the item
OTHER_PLACE, OTHER_CATEGORY = 0.30, 0.25
AGES = (10, 25)


@dataclass
class Reports:
    """The sentences of both reports, without their order."""

    first: list[str] = field(default_factory=list)
    second: list[str] = field(default_factory=list)


def write_reports(case: Case, rng: np.random.Generator) -> tuple[str, str]:
    """Return the report of the police and the report of the medical examiner."""
    reports = Reports()
    people = pick(frames.PEOPLE, rng), pick(frames.PEOPLE, rng)
    for name in BINARY:
        _write_circumstance(name, name in case.true, reports, people, rng)
    _write_place(case.location, reports, rng)
    _write_category(case.weapon, reports, rng)
    age = int(rng.integers(*AGES))
    return (
        _joined(frames.LAW_OPENINGS, frames.LAW_FILLERS, reports.first, age, rng),
        _joined(frames.EXAMINER_OPENINGS, frames.EXAMINER_FILLERS, reports.second, age, rng),
    )


def _write_circumstance(
    name: str, holds: bool, reports: Reports, people: tuple[str, str], rng: np.random.Generator
) -> None:
    where, chance = rng.random(), rng.random()
    both = (reports.first, reports.second)
    if holds:
        if where < FIRST_ONLY or where > 1 - BOTH:
            reports.first.append(_sentence(name, frames.STATED, people[0], rng))
        if FIRST_ONLY <= where < FIRST_ONLY + SECOND_ONLY or where > 1 - BOTH:
            reports.second.append(_sentence(name, frames.STATED, people[1], rng))
        if where < FIRST_ONLY and chance < DISPUTED:
            reports.second.append(_sentence(name, frames.DENIED, people[1], rng))
        return
    side = int(where < 0.5)
    if chance < DENIED:
        both[side].append(_sentence(name, frames.DENIED, people[side], rng))
    elif chance < DENIED + OF_OTHERS:
        both[side].append(_sentence(name, frames.STATED, pick(frames.OTHERS, rng), rng))


def _sentence(name: str, around: Sequence[str], person: str, rng: np.random.Generator) -> str:
    clause = vary(pick(CLAUSES[name], rng), rng).replace("{v}", person)
    return vary(pick(around, rng), rng).replace("{c}", clause)


def _write_place(location: int, reports: Reports, rng: np.random.Generator) -> None:
    for sentences, odds in ((reports.first, CODE_FIRST), (reports.second, CODE_SECOND)):
        if rng.random() < odds:
            sentences.append(_place_sentence(frames.AT_PLACE, location, rng))
        if rng.random() < OTHER_PLACE:
            other = _another(location, len(LOCATION_ODDS), rng)
            sentences.append(_place_sentence(frames.NOT_AT_PLACE, other, rng))


def _place_sentence(around: Sequence[str], location: int, rng: np.random.Generator) -> str:
    place = vary(pick(frames.PLACES[location - 1], rng), rng)
    return vary(pick(around, rng), rng).replace("{p}", place)


def _write_category(weapon: int, reports: Reports, rng: np.random.Generator) -> None:
    for sentences, odds in ((reports.first, CODE_FIRST), (reports.second, CODE_SECOND)):
        if rng.random() < odds:
            sentences.append(_category_sentence(frames.IS_CATEGORY, weapon, rng))
        if rng.random() < OTHER_CATEGORY:
            other = _another(weapon, len(WEAPON_ODDS), rng)
            sentences.append(_category_sentence(frames.NOT_CATEGORY, other, rng))


def _category_sentence(around: Sequence[str], weapon: int, rng: np.random.Generator) -> str:
    names = (f"type {weapon}", f"type {frames.NUMBER_WORDS[weapon - 1]}", f"T{weapon:02d}")
    return vary(pick(around, rng), rng).replace("{w}", pick(names, rng))


def _another(code: int, codes: int, rng: np.random.Generator) -> int:
    """Return another code than the given one, from 1 on."""
    return (code - 1 + int(rng.integers(1, codes))) % codes + 1


def _joined(
    openings: Sequence[str],
    fillers: Sequence[str],
    sentences: Sequence[str],
    age: int,
    rng: np.random.Generator,
) -> str:
    fill = [fillers[i] for i in rng.permutation(len(fillers))[: int(rng.integers(1, 4))]]
    body = [*sentences, *(vary(filler, rng) for filler in fill)]
    order = rng.permutation(len(body))
    opening = vary(pick(openings, rng), rng).replace("{age}", str(age))
    return " ".join(as_sentence(text) for text in (opening, *(body[i] for i in order)))
