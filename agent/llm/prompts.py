"""Prompts, as Jinja files of our own words in the folder `prompts`."""

import re
from functools import cache
from pathlib import Path

import jinja2

# As a model may read it, not only as it is written: `</ DATA >` ends a section too.
_TAG = re.compile(r"<(\s*/?\s*data\b)", re.I)
_FOLDER = Path(__file__).parent / "prompts"


def render_prompt(name: str, **context: object) -> str:
    """The prompt `<name>.j2`. Its filters `line` and `quoted` are for words that others wrote."""
    return _environment().get_template(f"{name}.j2").render(context).strip() + "\n"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["line"] = _line
    environment.filters["quoted"] = _quoted
    return environment


def _line(text: str) -> str:
    """One line of printable characters, so that nobody's words can begin or end a section of a prompt."""
    return " ".join("".join(char if char.isprintable() else " " for char in _quoted(text)).split())


def _quoted(text: str) -> str:
    """Text for between <data> and </data>, which it cannot end."""
    return _TAG.sub(r"< \1", str(text)).strip()
