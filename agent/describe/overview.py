"""What the folder of a competition says about it in words."""

from html.parser import HTMLParser
from pathlib import Path

NAMES = tuple(
    f"{stem}{suffix}" for stem in ("description", "overview") for suffix in (".md", ".txt", ".html", ".htm")
)
_UNSEEN = ("script", "style", "title", "template")
_BREAKS = ("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "section", "table")
_BYTES_READ = 2_000_000


def read_overview(folder: Path) -> str:
    """The text of the first description that the folder has, of HTML what a reader sees; "" without any."""
    for name in NAMES:
        try:
            with (folder / name).open("rb") as stream:
                text = stream.read(_BYTES_READ).decode("utf-8", errors="replace")
        except OSError:
            continue
        seen = _seen(text) if name.endswith((".html", ".htm")) else text
        if seen.strip():
            return seen.strip()
    return ""


class _Reader(HTMLParser):
    """Collects what a reader of the page sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._hidden.append(tag)
        elif tag in _BREAKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" | ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        elif tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _seen(page: str) -> str:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)
