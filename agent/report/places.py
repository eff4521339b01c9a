"""Folders as a page says them that is mailed to others: without where they are on this machine."""

import re
from pathlib import Path
from typing import Any


class Places:
    """Says `$MARS_HOME` and `~` for the absolute folders that these are here."""

    def __init__(self, home: Path | None = None) -> None:
        """`home` is the MARS_HOME, if the page knows of one."""
        user = Path.home()
        said = {user: "~", user.resolve(): "~"}
        if home is not None:
            said |= {home.absolute(): "$MARS_HOME", home.resolve(): "$MARS_HOME"}
        self._said = {str(folder): name for folder, name in said.items() if folder != folder.parent}
        longest_first = sorted(self._said, key=len, reverse=True)
        # Whole folders only: not /home/me in /home/me2, nor in /backup/home/me.
        self._known = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, longest_first))})(?![\w-])")

    def text(self, text: str) -> str:
        """The text with every folder of the machine's that is known said in its own way."""
        return self._known.sub(lambda found: self._said[found[0]], text) if self._said else text

    def all(self, content: Any) -> Any:
        """The same for every text of a JSON value."""
        if isinstance(content, str):
            return self.text(content)
        if isinstance(content, dict):
            return {self.all(key): self.all(value) for key, value in content.items()}
        return [self.all(item) for item in content] if isinstance(content, list) else content

    def folder(self, path: str) -> str:
        """A folder below a known one; of any other absolute one only the name."""
        said = self.text(path)
        return Path(said).name if Path(said).is_absolute() else said
