"""Kaggle's own client, asked for one thing: all files of a competition, as the archive that Kaggle sends.

The client (package `kaggle`, extra `kaggle`) signs in when it is imported, prints, and may end the process;
hence it is imported late and works in a thread of its own that is given up when nothing arrives.
"""

import contextlib
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from agent.errors import SetupError

ANSWER_S = 30.0
SILENCE_S = 150.0  # the client itself waits up to a minute before it tries again
_POLL_S = 0.1
_FILES = ("access_token", "access_token.txt", "kaggle.json", "credentials.json")
_INSTALL = "install it by `pip install 'mars-search[kaggle]'`"
_TOKEN = "put a token of kaggle.com/settings/api into KAGGLE_API_TOKEN or ~/.kaggle/access_token"


class KaggleError(SetupError):
    """Why Kaggle gives no data, and what to do: a clause without a full stop."""


class Client(Protocol):
    """The part of `kaggle.api.KaggleApi` that is used."""

    def authenticate(self) -> None: ...

    def competition_download_files(
        self, competition: str, path: str | None = None, force: bool = False, quiet: bool = True
    ) -> None: ...


def has_credentials() -> bool:
    """Whether one of the places that the client reads holds credentials, be they good or not."""
    set_to = os.environ.get
    if set_to("KAGGLE_API_TOKEN") or (set_to("KAGGLE_USERNAME") and set_to("KAGGLE_KEY")):
        return True
    places = [Path.home() / ".kaggle", Path(set_to("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle"]
    if own := set_to("KAGGLE_CONFIG_DIR"):
        places.append(Path(own))
    return any((place / name).is_file() for place in places for name in _FILES)


def readiness() -> str:
    """Whether Kaggle could be asked, in a few words for `mars doctor`; asks nobody."""
    if importlib.util.find_spec("kaggle") is None:
        return f"no client: {_INSTALL}"
    return "ready" if has_credentials() else f"no credentials: {_TOKEN}"


def download(slug: str, folder: Path, *, answer_s: float = ANSWER_S, silence_s: float = SILENCE_S) -> Path:
    """Downloads all files of a competition and returns the archive, the only file in `folder`.

    Args:
        slug: Kaggle's name of the competition.
        folder: an empty folder.
        answer_s: how long to wait for the first byte, in seconds.
        silence_s: how long to wait for the next one.

    Raises:
        KaggleError: no client, no credentials, rules not accepted, no such competition, no network.
    """
    if not has_credentials():
        raise KaggleError(f"there are no Kaggle credentials; {_TOKEN}")
    # What the client says belongs to the progress of a run; stdout is the answer's, with --json above all.
    with contextlib.redirect_stdout(sys.stderr), _reasons(slug):
        _while_it_grows(lambda: _fetch(slug, folder), folder, answer_s, silence_s)
    files = [file for file in folder.rglob("*") if file.is_file()]
    if len(files) != 1:
        raise KaggleError(f"Kaggle's client left {len(files)} files instead of one archive; run again")
    return files[0]


def _fetch(slug: str, folder: Path) -> None:
    client = _client()
    client.authenticate()
    client.competition_download_files(slug, path=str(folder), force=True, quiet=not sys.stderr.isatty())


def _client() -> Client:
    from kaggle.api.kaggle_api_extended import KaggleApi

    client: Client = KaggleApi()
    return client


def _while_it_grows(work: Callable[[], None], folder: Path, answer_s: float, silence_s: float) -> None:
    """Runs `work`, which may wait for ever, until it ends or its files have stopped growing."""
    failures: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:  # an exit of the client must not end the thread unseen
            failures.append(error)

    thread = threading.Thread(target=body, name="kaggle", daemon=True)
    thread.start()
    size, since = 0, time.monotonic()
    while thread.is_alive():
        thread.join(_POLL_S)
        if (now := _size(folder)) != size:
            size, since = now, time.monotonic()
        elif thread.is_alive() and time.monotonic() - since > (silence_s if size else answer_s):
            waited = silence_s if size else answer_s
            raise KaggleError(f"Kaggle has sent nothing for {waited:.0f} s; check the network and run again")
    if failures:
        raise failures[0]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextlib.contextmanager
def _reasons(slug: str) -> Iterator[None]:
    """Turns what the client raises into the clause for the user; a full disk stays an OSError."""
    try:
        yield
    except ImportError as error:
        raise KaggleError(f"Kaggle's client is not installed ({error}); {_INSTALL}") from error
    except SystemExit as error:
        raise KaggleError(f"Kaggle does not accept the credentials; {_TOKEN}") from error
    except OSError as error:  # all errors of `requests` are OSErrors without a number
        if error.errno is not None:
            raise
        raise KaggleError(_said(error, slug)) from error
    except ValueError as error:
        raise KaggleError(f"what Kaggle sent is incomplete ({_line(error)}); run again") from error


def _said(error: OSError, slug: str) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401:
        return f"Kaggle does not accept the credentials (401); {_TOKEN}"
    if status == 403:
        rules = f"https://www.kaggle.com/competitions/{slug}/rules"
        return f"Kaggle refuses the data of '{slug}' (403); accept the competition's rules at {rules}"
    if status == 404:
        return f"Kaggle knows no competition '{slug}' (404); correct sources.kaggle in competition.yaml"
    if status is not None:
        return f"Kaggle answered with status {status} ({_line(error)}); run again later"
    return f"Kaggle cannot be reached ({type(error).__name__}); check the network"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
