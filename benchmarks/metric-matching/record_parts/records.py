"""Draws records: what is asked, how well the response fits the metric, and the score that follows."""

from dataclasses import dataclass

import numpy as np

from record_parts.english import ENGLISH
from record_parts.hindi import HINDI
from record_parts.metrics import CONCEPTS, METRICS, are_related
from record_parts.tamil import TAMIL
from record_parts.wording import Language, pick, vary

LANGUAGES = {"hindi": HINDI, "tamil": TAMIL, "english": ENGLISH}
LANGUAGE_ODDS = (0.42, 0.33, 0.25)

# What a record is: the response fits the metric; parts of the response offend the metric; the metric belongs
# to another pair of prompt and response; the response belongs to another prompt; the response says nothing.
KINDS = ("fitting", "flawed", "other metric", "other response", "evasive")
KIND_ODDS = (0.928, 0.030, 0.026, 0.010, 0.006)

NO_SYSTEM_PROMPT = 0.30
SIDE_REMARK = 0.25  # a response has one sentence of another concept, which changes nothing
OTHER_LANGUAGE = 0.05  # the response is in another language than the prompt, which changes nothing
FIT_OF_A_FITTING_RESPONSE = 9.53
_SCORES_OF_FITTING = ((10, 0.56), (9, 0.41), (8, 0.03))
_OFFENDED, _RELATED, _UNRELATED, _EVASIVE = 8.0, 4.5, 1.5, 1.0
_SPREAD = 1.0  # standard deviation of the judge's noise on all other records


@dataclass(frozen=True)
class Record:
    """A record with its score, and what it was drawn from."""

    metric_name: str
    system_prompt: str | None
    user_prompt: str
    response: str
    score: int
    kind: str
    language: str  # of the response
    fit: float  # the expected score, before the judge's noise

    @property
    def fields(self) -> dict[str, str | None]:
        """Return what a solution may read."""
        return {
            "metric_name": self.metric_name,
            "system_prompt": self.system_prompt,
            "user_prompt": self.user_prompt,
            "response": self.response,
        }


def draw_record(rng: np.random.Generator) -> Record:
    """Draw one record."""
    kind = KINDS[_draw(KIND_ODDS, rng)]
    name = tuple(LANGUAGES)[_draw(LANGUAGE_ODDS, rng)]
    asked = answered = judged = pick(CONCEPTS, rng)
    if kind == "other metric":
        judged = _another(asked, rng)
    elif kind == "other response":
        answered = _another(asked, rng)
    place = int(rng.integers(len(LANGUAGES[name].topics)))
    prompt_language = LANGUAGES[name]
    if rng.random() < OTHER_LANGUAGE:
        name = pick(tuple(LANGUAGES), rng)
    parts = int(rng.integers(2, 4))
    poor = int(rng.integers(1, 3)) if kind == "flawed" else 0  # there are two ways to offend a concept
    if kind == "evasive":
        response = _evasion(LANGUAGES[name], place, rng)
    else:
        response = _response(LANGUAGES[name], answered, place, parts, poor, rng)
    score, fit = _score(kind, judged, answered, poor / parts, rng)
    return Record(
        metric_name=pick(METRICS[judged], rng),
        system_prompt=_system_prompt(prompt_language, place, rng),
        user_prompt=vary(pick(prompt_language.concepts[asked].asks, rng), prompt_language.topics[place], rng),
        response=response,
        score=score,
        kind=kind,
        language=name,
        fit=fit,
    )


def _draw(odds: tuple[float, ...], rng: np.random.Generator) -> int:
    return int(np.searchsorted(np.cumsum(odds)[:-1], rng.random(), side="right"))


def _another(concept: str, rng: np.random.Generator) -> str:
    return pick([other for other in CONCEPTS if other != concept], rng)


def _system_prompt(language: Language, place: int, rng: np.random.Generator) -> str | None:
    if rng.random() < NO_SYSTEM_PROMPT:
        return None
    return vary(pick(language.system, rng), language.topics[place], rng)


def _response(
    language: Language, concept: str, place: int, parts: int, poor: int, rng: np.random.Generator
) -> str:
    """Return `parts` sentences about a concept, `poor` of which offend it, and others that do not matter."""
    templates = language.concepts[concept]
    sentences = _choose(templates.poor, poor, rng)
    sentences += _choose(templates.good, parts - poor, rng)
    sentences += _choose(language.fillers, int(rng.integers(0, 3)), rng)
    if rng.random() < SIDE_REMARK:
        sentences.append(pick(language.concepts[_another(concept, rng)].good, rng))
    return _shuffled(sentences, language.topics[place], rng)


def _evasion(language: Language, place: int, rng: np.random.Generator) -> str:
    sentences = [*_choose(language.evasions, 2, rng), *_choose(language.fillers, 1, rng)]
    return _shuffled(sentences, language.topics[place], rng)


def _choose(templates: tuple[str, ...], count: int, rng: np.random.Generator) -> list[str]:
    """Return different templates in random order."""
    return [templates[i] for i in rng.permutation(len(templates))[:count]]


def _shuffled(templates: list[str], topic: str, rng: np.random.Generator) -> str:
    texts = [vary(template, topic, rng) for template in templates]
    return " ".join(text[0].upper() + text[1:] for text in (texts[i] for i in rng.permutation(len(texts))))


def _score(
    kind: str, judged: str, answered: str, offended: float, rng: np.random.Generator
) -> tuple[int, float]:
    """Return the score 0-10 and its mean before noise; `offended` is the share of sentences that offend."""
    if kind == "fitting":
        odds = tuple(share for _, share in _SCORES_OF_FITTING)
        return _SCORES_OF_FITTING[_draw(odds, rng)][0], FIT_OF_A_FITTING_RESPONSE
    if kind == "flawed":
        fit = FIT_OF_A_FITTING_RESPONSE - _OFFENDED * offended
    elif kind == "evasive":
        fit = _EVASIVE
    else:
        fit = _RELATED if are_related(judged, answered) else _UNRELATED
    return int(np.clip(np.rint(rng.normal(fit, _SPREAD)), 0, 10)), fit
