"""Git repositories as sources of `mars run --from`: addresses with a revision, and their files.

The content is not trusted. The repository is cloned bare and never checked out, so no hook, filter,
submodule or link of it has an effect.
"""

import difflib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field

from agent.core.errors import SetupError
from agent.core.git import usable_git
from agent.core.locks import TEMPORARY_PREFIX, temporary_folder

if TYPE_CHECKING:
    import git

PROTOCOLS = ("https", "ssh", "file")
_URL = re.compile(r"(?P<protocol>[A-Za-z][A-Za-z0-9+.-]*)(://|::)")
_SSH = re.compile(r"[\w.-]+@[\w.-]+:(?!:)")  # user@host:path
_NEAR_NAMES = 3
_STALLED_S = 30  # a transfer below 1 kB/s for this long is given up


class GitSource(BaseModel):
    """The revision that was imported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="URL or path of the git repository, without credentials.")
    revision: str = Field(description="The revision as the user named it; empty: the default branch.")
    commit: str = Field(description="Commit id.")

    def __str__(self) -> str:
        named = f"{self.url}@{self.revision}" if self.revision else self.url
        return f"{named}, commit {self.commit[:12]}"


@dataclass(frozen=True)
class GitAddress:
    """A git repository and a revision in it."""

    location: str  # URL or path, as git takes it
    revision: str = ""  # empty: the default branch

    @property
    def is_remote(self) -> bool:
        """Whether the repository is on another machine."""
        protocol = _URL.match(self.location)
        if protocol is not None:
            return protocol["protocol"].lower() != "file"
        return _SSH.match(self.location) is not None

    @property
    def is_url(self) -> bool:
        return self.is_remote or _URL.match(self.location) is not None

    @property
    def url(self) -> str:
        """The location without credentials."""
        if "://" not in self.location:
            return self.location
        parts = urlsplit(self.location)
        user, _, host = parts.netloc.rpartition("@")
        kept_user = f"{user.partition(':')[0]}@" if user and parts.scheme == "ssh" else ""
        return urlunsplit((parts.scheme, kept_user + host, parts.path, "", ""))

    def __str__(self) -> str:
        return f"{self.url}@{self.revision}" if self.revision else self.url


def parse_source(text: str) -> Path | GitAddress:
    """Return the folder or the git repository that the value of `--from` names.

    An existing folder is a folder, also with `@` in its name. A folder that holds a bare git repository
    stands for that repository.

    Raises:
        SetupError: there is no such folder, the URL is invalid, its protocol is not allowed, or the revision
            is empty.
    """
    folder = Path(text)
    if text and os.path.isdir(folder):  # unlike Path.is_dir, false for a name that is too long
        return GitAddress(str(folder.resolve())) if _is_bare(folder) else folder
    url = _URL.match(text)
    if url is not None and (url[2] != "://" or url["protocol"].lower() not in PROTOCOLS):
        allowed = ", ".join(PROTOCOLS)
        raise SetupError(f"--from: the protocol {url['protocol']} is not allowed; use one of {allowed}.")
    if url is not None:
        _check_url(text)
        start = text.find("/", url.end())
        prefix, path = (text[:start], text[start:]) if start >= 0 else (text, "")
    elif ssh := _SSH.match(text):
        prefix, path = text[: ssh.end()], text[ssh.end() :]
    else:
        return _local_address(text)
    place, at, revision = path.rpartition("@")
    if not at or not place or place.endswith("/"):  # the name of an owner, such as /@owner/project
        return GitAddress(text)
    return _address(prefix + place, revision)


def _check_url(text: str) -> None:
    try:
        urlsplit(text)
    except ValueError as error:
        raise SetupError(f"--from: this is not a valid URL ({error}); correct the address.") from error


def _local_address(text: str) -> GitAddress:
    place, at, _ = text.rpartition("@")
    while at:
        if os.path.isdir(place):
            return _address(str(Path(place).resolve()), text[len(place) + 1 :])
        place, at, _ = place.rpartition("@")
    raise SetupError(
        f"--from {text}: this is not a folder; give a folder, PATH@REVISION or URL@REVISION of a repository."
    )


def _address(location: str, revision: str) -> GitAddress:
    if not revision:
        raise SetupError(f"--from {GitAddress(location)}@: name a revision after @, or omit the @.")
    return GitAddress(location, revision)


def _is_bare(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


@contextmanager
def cloned_commit(address: GitAddress, *, offline: bool = False) -> Iterator["git.Commit"]:
    """Yield the commit of an address from a temporary clone, which is removed after the block.

    Args:
        address: the repository and the revision.
        offline: refuse repositories on other machines.

    Raises:
        SetupError: git is missing, the repository cannot be read, or it has no such revision.
    """
    if offline and address.is_remote:
        raise SetupError(
            f"--from {address}: --offline uses no network; clone the repository yourself and give its path."
        )
    with usable_git(), temporary_folder(TEMPORARY_PREFIX) as folder:
        import git

        # Without `--no-local`, git would link the object files of a path, whoever they belong to.
        options = [] if address.is_url else ["--no-local"]
        try:
            repository = git.Repo.clone_from(
                address.location, folder / "clone", env=_environment(), bare=True, multi_options=options
            )
        except git.GitError as error:
            raise SetupError(f"--from {address}: {_reason(error, address)}") from error
        with repository:
            yield _commit(repository, address)


def _environment() -> dict[str, str]:
    """Return variables that keep git from asking, running hooks and using other protocols."""
    settings = {
        "core.hooksPath": os.devnull,
        "http.lowSpeedLimit": "1000",
        "http.lowSpeedTime": str(_STALLED_S),
    }
    pairs: dict[str, str] = {}
    for number, (key, value) in enumerate(settings.items()):
        pairs |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    ssh = os.environ.get("GIT_SSH_COMMAND") or f"ssh -o BatchMode=yes -o ConnectTimeout={_STALLED_S}"
    return pairs | {
        "GIT_CONFIG_COUNT": str(len(settings)),
        "GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",  # answers nothing
        "GIT_SSH_COMMAND": ssh,
        "GIT_TEMPLATE_DIR": "",
        "LC_ALL": "C",  # the messages are read below
    }


def _reason(error: Exception, address: GitAddress) -> str:
    """Return why the clone failed and what to do, without credentials."""
    text = str(getattr(error, "stderr", "") or error)
    lines = [line.strip(" '\"") for line in text.replace("stderr:", "").splitlines()]
    fatal = [line for line in lines if line.startswith(("fatal:", "ERROR:", "ssh:"))] or [
        line for line in lines if line
    ]
    said = re.sub(r"(\w+://)[^@/\s]*@", r"\1", fatal[0].partition(": ")[2] or fatal[0]) if fatal else ""
    if not address.is_remote and ("not appear to be a git" in said or "does not exist" in said):
        return "there is no git repository at this path; omit the revision to import a folder."
    advice = "check the address, the network and your access" if address.is_remote else "check the repository"
    return f"git cannot read the repository ({said.rstrip('.')}); {advice}."


def _commit(repository: "git.Repo", address: GitAddress) -> "git.Commit":
    """Return the commit of the revision; the error names revisions with similar names."""
    import git

    wanted = address.revision or "HEAD"
    try:
        name = repository.git.rev_parse("--verify", "--quiet", "--end-of-options", f"{wanted}^{{commit}}")
        return repository.commit(name)
    except (git.GitError, ValueError) as error:
        names = [ref.name for ref in (*repository.tags, *repository.heads)]
        if not names:
            raise SetupError(f"--from {address}: the repository has no commit.") from error
        near = difflib.get_close_matches(wanted, names, _NEAR_NAMES, cutoff=0.4) or names[-_NEAR_NAMES:]
        raise SetupError(
            f"--from {address}: the repository has no revision {wanted}; it has {', '.join(near)}"
            f"{' and others' if len(names) > len(near) else ''}."
        ) from error
