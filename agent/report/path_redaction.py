"""Replaces folders of this machine in a page that is sent to others."""

import re
from pathlib import Path
from typing import Any


class PathRedactor:
    """Replaces the absolute path of MARS_HOME by `$MARS_HOME` and that of the user's folder by `~`."""

    def __init__(self, home: Path | None = None) -> None:
        """Prepare the replacements; `home` is the MARS_HOME, if there is one."""
        user = Path.home()
        names = {user: "~", user.resolve(): "~"}
        if home is not None:
            names |= {home.absolute(): "$MARS_HOME", home.resolve(): "$MARS_HOME"}
        self._names = {str(folder): name for folder, name in names.items() if folder != folder.parent}
        longest_first = sorted(self._names, key=len, reverse=True)
        # Whole folders only: not /home/me in /home/me2, nor in /backup/home/me.
        self._known = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, longest_first))})(?![\w-])")

    def text(self, text: str) -> str:
        """Return the text with every known folder replaced."""
        return self._known.sub(lambda found: self._names[found[0]], text) if self._names else text

    def json(self, content: Any) -> Any:
        """Return a JSON value with every known folder replaced in its keys and texts."""
        if isinstance(content, str):
            return self.text(content)
        if isinstance(content, dict):
            return {self.json(key): self.json(value) for key, value in content.items()}
        return [self.json(item) for item in content] if isinstance(content, list) else content

    def folder(self, path: str) -> str:
        """Return a path below a known folder with that folder replaced; else the name of the folder."""
        redacted = self.text(path)
        return Path(redacted).name if Path(redacted).is_absolute() else redacted
