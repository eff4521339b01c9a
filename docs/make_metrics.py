"""Write the tables of docs/reference/metrics.md from the registry of metrics: python docs/make_metrics.py."""

import re
from collections.abc import Iterator
from pathlib import Path

from agent.competition.metric_names import ALIASES
from agent.competition.metrics import METRICS, TRAITS, Metric, PredictionKind
from agent.competition.spec import Task

PAGE = Path(__file__).parent / "reference" / "metrics.md"
BEGIN, END = "<!-- Made by docs/make_metrics.py: begin -->\n", "<!-- Made by docs/make_metrics.py: end -->\n"
HEADINGS: dict[Task, str] = {
    "classification": "Classification: one class per row",
    "multilabel": "Multilabel: a set of classes per row",
    "regression": "Regression: numbers",
    "segmentation": "Segmentation: a mask per row",
}
FORMS: dict[PredictionKind, str] = {
    "label": "a label",
    "label_set": "a label set",
    "probability": "probabilities",
    "ranking": "up to `k` labels, best first",
    "value": "a value",
    "mask": "a mask",
}


def tables() -> str:
    """Return the tables of metrics by task, of other names and of traits, as Markdown."""
    lines = [line for task in HEADINGS for line in task_table(task)]
    return "\n".join([*lines, *alias_table(), *trait_table()])


def task_table(task: Task) -> Iterator[str]:
    """Yield the table of the metrics of one task."""
    yield from (f"### {HEADINGS[task]}", "")
    yield from ("| name | better | a submission holds | score |", "| --- | --- | --- | --- |")
    for name, metric in METRICS.items():
        if task in metric.tasks:
            better = "higher" if metric.higher_is_better else "lower"
            form = FORMS[metric.prediction_kind(task)]
            yield f"| `{name}` | {better} | {form} | {definition(metric)} |"
    yield ""


def definition(metric: Metric) -> str:
    """Return the definition with names of parameters in place of values."""
    return re.sub(r"\{(\w+)[^}]*\}", r"`\1`", metric.definition)


def alias_table() -> Iterator[str]:
    """Yield the table of the other names that `metric:` accepts."""
    yield from ("### Other names", "")
    yield "`metric:` accepts these names too. Case, blanks and punctuation do not count: `R^2` is `r2`."
    yield from ("", "| metric | other names |", "| --- | --- |")
    for name, aliases in ALIASES.items():
        yield f"| {name} | {', '.join(f'`{alias}`' for alias in aliases)} |"
    yield ""


def trait_table() -> Iterator[str]:
    """Yield the table of traits with the metrics that have them."""
    yield from ("### Traits", "")
    yield "Families choose losses, decisions and moves by the traits of a metric, never by its name."
    yield from ("", "| trait | meaning | metrics |", "| --- | --- | --- |")
    for trait, meaning in TRAITS.items():
        names = ", ".join(f"`{name}`" for name, metric in METRICS.items() if trait in metric.traits)
        yield f"| `{trait}` | {meaning} | {names} |"
    yield ""


def with_tables(page: str) -> str:
    """Return the page with its tables made anew."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + "\n" + tables() + "\n" + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
