"""The metrics: their names by concept, which concepts are related, and the vectors of their names."""

import numpy as np

METRICS: dict[str, tuple[str, ...]] = {
    "fairness": (
        "fairness/equal_treatment",
        "fairness/gender_neutrality",
        "regional_bias",
        "impartial_wording",
    ),
    "politeness": ("politeness/courtesy", "politeness/tone", "respectful_address", "honorific_use"),
    "accuracy": ("factual_accuracy/figures", "factual_accuracy/sources", "truthfulness", "legal_correctness"),
    "privacy": ("privacy/personal_data", "privacy/credentials", "confidentiality", "contact_disclosure"),
    "refusal": ("refusal/forgery", "refusal/fraud_requests", "lawful_alternative", "misuse_resistance"),
    "clarity": ("clarity/step_order", "clarity/plain_words", "readability", "use_of_examples"),
    "empathy": ("empathy/acknowledgement", "empathy/reassurance", "emotional_support", "patience"),
    "completeness": ("completeness/documents", "completeness/all_parts", "coverage", "thoroughness"),
    "uncertainty": (
        "uncertainty/admission",
        "uncertainty/verification",
        "calibrated_claims",
        "overconfidence",
    ),
}
CONCEPTS = tuple(METRICS)
NAMES = tuple(sorted(name for names in METRICS.values() for name in names))
CONCEPT_OF = {name: concept for concept, names in METRICS.items() for name in names}

_RELATED = (
    ("politeness", "empathy"),
    ("accuracy", "uncertainty"),
    ("privacy", "refusal"),
    ("clarity", "completeness"),
)
RELATED = {frozenset(pair) for pair in _RELATED}

WIDTH = 768
_OWN, _SHARED, _NOISE = 1.0, 0.5, 0.8


def are_related(one: str, other: str) -> bool:
    """Return whether two different concepts have something to do with each other."""
    return frozenset((one, other)) in RELATED


def name_vectors(seed: int) -> np.ndarray:
    """Return a unit vector per name (M, 768) float32; names of one concept are close, related ones less."""
    rng = np.random.default_rng([seed, 7])
    own = {concept: rng.standard_normal(WIDTH) for concept in CONCEPTS}
    shared = {frozenset(pair): rng.standard_normal(WIDTH) for pair in _RELATED}
    rows = []
    for name in NAMES:
        concept = CONCEPT_OF[name]
        row = _OWN * own[concept] + _NOISE * rng.standard_normal(WIDTH)
        row += sum((_SHARED * vector for pair, vector in shared.items() if concept in pair), np.zeros(WIDTH))
        rows.append(row / np.linalg.norm(row))
    return np.array(rows, dtype=np.float32)
