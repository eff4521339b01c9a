"""Paths of the data folders, for a checkout and for an installed wheel."""

import os
from dataclasses import dataclass
from pathlib import Path

from agent.core.errors import SetupError

_PACKAGE = Path(__file__).resolve().parent.parent
_CHECKOUT = _PACKAGE.parent


def is_checkout() -> bool:
    """Whether the package runs from a source checkout, which is then the default home."""
    return (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "templates").is_dir()


def _bundled(name: str) -> Path:
    return (_CHECKOUT if is_checkout() else _PACKAGE / "_data") / name


def templates_dir() -> Path:
    """The bundled template families."""
    return _bundled("templates")


def benchmarks_dir() -> Path:
    """The bundled competitions."""
    return _bundled("benchmarks")


@dataclass(frozen=True)
class Home:
    """The folder that holds everything MARS writes."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "workspaces" / "mars.db"

    @property
    def families(self) -> Path:
        """The user's own families, in addition to the bundled ones."""
        return self.root / "templates"

    @property
    def benchmarks(self) -> Path:
        """The user's own competitions, in addition to the bundled ones."""
        return self.root / "benchmarks"

    @property
    def weights(self) -> Path:
        """The user's own pretrained weights, `<backbone>.safetensors` or `.pth`."""
        return self.root / "weights"

    @property
    def prices(self) -> Path:
        """The user's own prices of language models, which take precedence over the bundled table."""
        return self.root / "prices.yaml"

    @property
    def workspaces(self) -> Path:
        """One folder per run."""
        return self.root / "workspaces"

    @property
    def solutions(self) -> Path:
        """The best solution per competition."""
        return self.root / "solutions"

    @property
    def data(self) -> Path:
        """Raw competition data: data/<competition>/{full,sample}."""
        return self.root / "workspaces" / "_data"

    @property
    def prepared(self) -> Path:
        """Prepared metadata and media: prepared/<competition>/<kind>-<fingerprint>."""
        return self.root / "workspaces" / "_prepared"

    @property
    def cache(self) -> Path:
        """Content-addressed preprocessing shared by candidates."""
        return self.root / "workspaces" / "_cache"


def home() -> Home:
    """Return MARS_HOME, else the checkout, else a folder in the user's data directory.

    Raises:
        SetupError: MARS_HOME names a file.
    """
    found = _configured_home()
    if os.path.lexists(found.root) and not os.path.isdir(found.root):
        raise SetupError(f"{found.root}: is not a folder; set MARS_HOME to a folder.")
    return found


def require_writable(home: Home) -> None:
    """Raise SetupError if this user cannot write into the home; nothing is created."""
    own = (home.workspaces, home.solutions, home.data, home.prepared, home.cache, home.database)
    for place in own:
        while not os.path.lexists(place) and place != place.parent:
            place = place.parent
        needed = os.W_OK if place == home.database else os.W_OK | os.X_OK
        if not os.access(place, needed):
            raise SetupError(
                f"{place}: this user may not write there; set MARS_HOME to a folder that this user may "
                "write, for example with `export MARS_HOME=~/mars`."
            )


def _configured_home() -> Home:
    configured = os.environ.get("MARS_HOME")
    if configured:
        return Home(Path(configured).expanduser().resolve())
    if is_checkout():
        return Home(_CHECKOUT)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Home(Path(base) / "mars")
