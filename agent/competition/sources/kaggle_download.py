"""Download of all files of a Kaggle competition as one archive, with Kaggle's own client.

The client (package `kaggle`, extra `kaggle`) signs in at import, prints, and may end the process. Hence MARS
imports the client late and runs the client in a thread, and abandons the thread if no data arrive.
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

from agent.core.errors import SetupError

FIRST_BYTE_S = 30.0
STALL_S = 150.0  # the client waits up to 60 s between its retries
_POLL_S = 0.1
_CREDENTIAL_FILES = ("access_token", "access_token.txt", "kaggle.json", "credentials.json")
_INSTALL = "install it by `pip install 'mars-search[kaggle]'`"
_TOKEN = "put a token of kaggle.com/settings/api into KAGGLE_API_TOKEN or ~/.kaggle/access_token"


class KaggleError(SetupError):
    """Kaggle provides no data. The message says why and what to do, without a full stop."""


class KaggleClient(Protocol):
    """The part of `kaggle.api.KaggleApi` that MARS uses."""

    def authenticate(self) -> None: ...

    def competition_download_files(
        self, competition: str, path: str | None = None, force: bool = False, quiet: bool = True
    ) -> None: ...


def has_credentials() -> bool:
    """Return whether the client would find credentials. Does not check whether Kaggle accepts them."""
    get = os.environ.get
    if get("KAGGLE_API_TOKEN") or (get("KAGGLE_USERNAME") and get("KAGGLE_KEY")):
        return True
    places = [Path.home() / ".kaggle", Path(get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle"]
    if config_dir := get("KAGGLE_CONFIG_DIR"):
        places.append(Path(config_dir))
    return any((place / name).is_file() for place in places for name in _CREDENTIAL_FILES)


def client_state() -> str:
    """Return the state of the Kaggle client for `mars doctor`, without a request to Kaggle."""
    if importlib.util.find_spec("kaggle") is None:
        return f"no client: {_INSTALL}"
    return "ready" if has_credentials() else f"no credentials: {_TOKEN}"


def download(
    slug: str, folder: Path, *, first_byte_s: float = FIRST_BYTE_S, stall_s: float = STALL_S
) -> Path:
    """Download all files of a competition and return the archive.

    Args:
        slug: name of the competition in its Kaggle address.
        folder: an empty folder for the archive.
        first_byte_s: longest wait for the first byte, in seconds.
        stall_s: longest wait for further bytes, in seconds.

    Raises:
        KaggleError: no client, no credentials, rules not accepted, unknown competition, or no network.
    """
    if not has_credentials():
        raise KaggleError(f"there are no Kaggle credentials; {_TOKEN}")
    # The client prints progress. Progress goes to stderr, since stdout holds the answer (--json).
    with contextlib.redirect_stdout(sys.stderr), _translate_errors(slug):
        _run_while_growing(lambda: _fetch(slug, folder), folder, first_byte_s, stall_s)
    files = [file for file in folder.rglob("*") if file.is_file()]
    if len(files) != 1:
        raise KaggleError(f"Kaggle's client wrote {len(files)} files instead of one archive; run again")
    return files[0]


def _fetch(slug: str, folder: Path) -> None:
    client = _new_client()
    client.authenticate()
    client.competition_download_files(slug, path=str(folder), force=True, quiet=not sys.stderr.isatty())


def _new_client() -> KaggleClient:
    from kaggle.api.kaggle_api_extended import KaggleApi

    client: KaggleClient = KaggleApi()
    return client


def _run_while_growing(work: Callable[[], None], folder: Path, first_byte_s: float, stall_s: float) -> None:
    """Run `work` in a thread until `work` ends, or until the files in `folder` stop growing."""
    failures: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:  # includes SystemExit: the caller reports an exit of the client
            failures.append(error)

    thread = threading.Thread(target=body, name="kaggle", daemon=True)
    thread.start()
    size, since = 0, time.monotonic()
    while thread.is_alive():
        thread.join(_POLL_S)
        if (now := _size(folder)) != size:
            size, since = now, time.monotonic()
        elif thread.is_alive() and time.monotonic() - since > (stall_s if size else first_byte_s):
            limit = stall_s if size else first_byte_s
            raise KaggleError(f"Kaggle has sent nothing for {limit:.0f} s; check the network and run again")
    if failures:
        raise failures[0]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextlib.contextmanager
def _translate_errors(slug: str) -> Iterator[None]:
    """Turn exceptions of the client into KaggleError. A full disk stays an OSError."""
    try:
        yield
    except ImportError as error:
        raise KaggleError(f"Kaggle's client is not installed ({error}); {_INSTALL}") from error
    except SystemExit as error:
        raise KaggleError(f"Kaggle does not accept the credentials; {_TOKEN}") from error
    except OSError as error:  # errors of `requests` are OSErrors without an errno
        if error.errno is not None:
            raise
        raise KaggleError(_http_message(error, slug)) from error
    except ValueError as error:
        raise KaggleError(
            f"the download from Kaggle is incomplete ({_one_line(error)}); run again"
        ) from error


def _http_message(error: OSError, slug: str) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401:
        return f"Kaggle does not accept the credentials (401); {_TOKEN}"
    if status == 403:
        rules = f"https://www.kaggle.com/competitions/{slug}/rules"
        return f"Kaggle refuses the data of '{slug}' (403); accept the competition's rules at {rules}"
    if status == 404:
        return f"Kaggle knows no competition '{slug}' (404); correct sources.kaggle in competition.yaml"
    if status is not None:
        return f"Kaggle answered with status {status} ({_one_line(error)}); run again later"
    return f"Kaggle cannot be reached ({type(error).__name__}); check the network"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
