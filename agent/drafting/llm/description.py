"""Read the description of a competition from its folder."""

from html.parser import HTMLParser
from pathlib import Path

NAMES = tuple(
    f"{stem}{suffix}" for stem in ("description", "overview") for suffix in (".md", ".txt", ".html", ".htm")
)
_HIDDEN_TAGS = ("script", "style", "title", "template")
_BLOCK_TAGS = ("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "section", "table")
_MAX_BYTES = 2_000_000


def read_overview(folder: Path) -> str:
    """Return the text of the first description file, for HTML the visible text; empty without a file."""
    for name in NAMES:
        try:
            with (folder / name).open("rb") as stream:
                text = stream.read(_MAX_BYTES).decode("utf-8", errors="replace")
        except OSError:
            continue
        visible = _visible_text(text) if name.endswith((".html", ".htm")) else text
        if visible.strip():
            return visible.strip()
    return ""


class _VisibleTextParser(HTMLParser):
    """Collects the visible text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN_TAGS:
            self._hidden.append(tag)
        elif tag in _BLOCK_TAGS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" | ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        elif tag in _BLOCK_TAGS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _visible_text(page: str) -> str:
    parser = _VisibleTextParser()
    parser.feed(page)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)
