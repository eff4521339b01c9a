"""Render the prompts, which are Jinja files in the folder `prompts`."""

import re
from functools import cache
from pathlib import Path

import jinja2

# A model may also read variants such as `</ DATA >` as the end of a section.
_TAG = re.compile(r"<(\s*/?\s*data\b)", re.I)
_FOLDER = Path(__file__).parent / "prompts"


def render_prompt(name: str, **context: object) -> str:
    """Render the prompt `<name>.j2`. Its filters `line` and `quoted` make untrusted text safe."""
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
    """Return the text as one line of printable characters; it cannot begin or end a prompt section."""
    return " ".join("".join(char if char.isprintable() else " " for char in _quoted(text)).split())


def _quoted(text: str) -> str:
    """Escape the data tags in a text, so that the text cannot end its <data> section."""
    return _TAG.sub(r"< \1", str(text)).strip()
