"""Git repositories as sources of a run: real repositories over file:// and paths, none of them trusted."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.core.errors import SetupError
from agent.repository.family import Family
from agent.repository.git_source import GitAddress, GitSource, parse_source
from agent.repository.imported import ImportedCode, import_repository
from agent.repository.rendering import Renderer, TaskView, write_tree
from tests.support.states import idea

SLOTS = {"depth": 1, "width": 1, "breadth": 1, "finish": 1, "kind": "plain"}
Take = Callable[..., ImportedCode]
IDENTITY = {
    f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


def git(folder: Path, *arguments: str, given: bytes = b"") -> str:
    command = ["git", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, check=True, input=given, env={**os.environ, **IDENTITY}
    )
    return done.stdout.decode().strip()


@pytest.fixture
def files(toy_family: Family, toy_prepared: Prepared) -> dict[str, str]:
    rendered = Renderer(toy_family, TaskView.of(toy_prepared)).render(idea("A toy", dict(SLOTS)))  # type: ignore[arg-type]
    return rendered | {"library/loss.py": "\ufeffX = 1\r\n\rY = 2  "}


@pytest.fixture
def source(files: dict[str, str], tmp_path: Path) -> Path:
    """A repository with the files at tag v1.0, other files on branch main and an edited work tree."""
    folder = tmp_path / "own@work"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    write_tree(files, folder)
    commit(folder)
    git(folder, "tag", "v1.0")
    (folder / "library" / "loss.py").write_text("LATER = True\n")
    commit(folder)
    (folder / "library" / "loss.py").write_text("NOT_COMMITTED = True\n")
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", "--all", "--force")
    git(folder, "-c", "commit.gpgSign=false", "commit", "--quiet", "--message", "A revision")


def commit_tree(folder: Path, tree: bytes) -> str:
    """Write a tree as git would never write it, and return a commit of it."""
    name = git(folder, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=tree)
    return git(folder, "commit-tree", name, "-m", "Crafted")


@pytest.fixture
def take(toy_family: Family) -> Take:
    def taken(source: str, **options: bool) -> ImportedCode:
        return import_repository(source, {"toy": toy_family}, **options)

    return taken


@pytest.mark.parametrize("named", ["tag", "branch", "commit", "short commit", "ancestor"])
@pytest.mark.parametrize("place", ["path", "url"])
def test_a_revision_is_taken_to_the_byte(
    take: Take, source: Path, files: dict[str, str], named: str, place: str
) -> None:
    first = git(source, "rev-parse", "v1.0")
    git(source, "branch", "release/1", "v1.0")
    revision = {
        "tag": "v1.0",
        "branch": "release/1",
        "commit": first,
        "short commit": first[:9],
        "ancestor": "main~1",
    }[named]
    where = str(source) if place == "path" else source.as_uri().replace("%40", "@")
    imported = take(f"{where}@{revision}", offline=True)
    assert imported.files == files
    assert imported.idea.blueprint is not None
    assert imported.source == GitSource(url=where, revision=revision, commit=first)


def test_without_a_revision_a_url_is_its_default_branch_and_a_folder_is_its_work_tree(
    take: Take,
    source: Path,
    tmp_path: Path,
) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(source), str(bare))
    for place in (bare.as_uri(), str(bare)):
        imported = take(place)
        assert imported.files["library/loss.py"] == "LATER = True\n"
        head = git(bare, "rev-parse", "HEAD")
        assert imported.source == GitSource(url=place, revision="", commit=head)
    folder = take(str(source))
    assert folder.files["library/loss.py"] == "NOT_COMMITTED = True\n"
    assert folder.source is None


def test_an_ssh_address_is_cloned_without_a_question(
    take: Take, source: Path, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "ssh"  # runs the server's command here
    script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nfor last; do :; done\neval "$last"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for address in (f"git@example.org:{source}", f"ssh://git:secret@example.org{source}"):
        imported = take(f"{address}@v1.0")
        assert imported.files == files
        assert imported.source is not None
        assert imported.source.url == address.replace(":secret", "")
        assert "BatchMode=yes" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    ("text", "location", "revision"),
    [
        ("https://example.org/a/b.git", "https://example.org/a/b.git", ""),
        ("https://example.org/a/b@v1", "https://example.org/a/b", "v1"),
        ("https://user:key@example.org/a/b", "https://user:key@example.org/a/b", ""),
        ("https://user:key@example.org/a/b@x/y", "https://user:key@example.org/a/b", "x/y"),
        ("https://example.org/@owner/b", "https://example.org/@owner/b", ""),
        ("https://example.org/@owner/b@v1", "https://example.org/@owner/b", "v1"),
        ("git@example.org:a/b", "git@example.org:a/b", ""),
        ("git@example.org:a/b@v1", "git@example.org:a/b", "v1"),
        ("ssh://git@example.org:22/a/b@v1", "ssh://git@example.org:22/a/b", "v1"),
    ],
)
def test_addresses_are_split_at_the_revision(text: str, location: str, revision: str) -> None:
    assert parse_source(text) == GitAddress(location, revision)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://user:key@example.org/a?token=key#key", "https://example.org/a"),
        ("ssh://git:key@example.org:22/a", "ssh://git@example.org:22/a"),
        ("git@example.org:a", "git@example.org:a"),
    ],
)
def test_credentials_are_not_shown(location: str, url: str) -> None:
    assert GitAddress(location).url == url


@pytest.mark.parametrize(
    "text", ["http://example.org/a", "git://example.org/a", "ext::sh -c true", "ftp://h/a"]
)
def test_other_protocols_are_refused(text: str) -> None:
    with pytest.raises(SetupError, match=r"^--from: the protocol \w+ is not allowed; use one of https, ssh"):
        parse_source(text)


@pytest.mark.parametrize("text", ["https://example.org/a@v1", "git@example.org:a", "ssh://example.org/a"])
def test_offline_refuses_other_machines(take: Take, text: str) -> None:
    with pytest.raises(SetupError, match="--offline uses no network"):
        take(text, offline=True)


def test_an_unknown_revision_names_near_ones(take: Take, source: Path) -> None:
    for revision in ("v1.1", "main~9", "--help", "HEAD:main.py"):
        with pytest.raises(SetupError, match=rf"has no revision {revision}; it has .*(v1\.0|main)"):
            take(f"{source}@{revision}")
    with pytest.raises(SetupError, match="name a revision after @, or omit the @"):
        take(f"{source}@")


def test_places_without_a_repository_say_so(take: Take, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(SetupError, match="there is no git repository at this path; omit the revision"):
        take(f"{tmp_path / 'plain'}@v1")
    with pytest.raises(SetupError, match="there is no git repository at this path"):
        take((tmp_path / "nowhere").as_uri())
    with pytest.raises(SetupError, match="this is not a folder; give a folder, PATH@REVISION or URL@REV"):
        take(f"{tmp_path / 'nowhere'}@v1")
    git(tmp_path, "init", "--quiet", "empty")
    with pytest.raises(SetupError, match="the repository has no commit"):
        take((tmp_path / "empty").as_uri())


def test_a_network_error_is_one_sentence_without_the_credentials(take: Take) -> None:
    with pytest.raises(SetupError) as caught:
        take("https://user:secret@127.0.0.1:1/a/b.git@v1")
    said = str(caught.value)
    assert said.startswith("--from https://127.0.0.1:1/a/b.git@v1: git cannot read the repository (")
    assert said.endswith("check the address, the network and your access.")
    assert "secret" not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe", "notes.txt is not UTF-8 text"), (b"x" * 1_000_001, "notes.txt is larger than 1 MB")],
)
def test_committed_files_meet_the_same_bounds_as_those_of_folders(
    take: Take, source: Path, content: bytes, said: str
) -> None:
    (source / "notes.txt").write_bytes(content)
    commit(source)
    for place in (str(source), f"{source}@main"):
        with pytest.raises(SetupError, match=said):
            take(place)
    for number in range(501):
        (source / f"{number}.txt").write_text("")
    (source / "notes.txt").unlink()
    commit(source)
    for place in (str(source), f"{source}@main"):
        with pytest.raises(SetupError, match="it has more than 500 files"):
            take(place)


def test_links_submodules_hidden_files_and_data_are_left_out(
    take: Take, source: Path, files: dict[str, str], tmp_path: Path
) -> None:
    git(source, "checkout", "--quiet", "--force", "v1.0")
    (source / "secret.py").symlink_to("/etc/passwd")
    (source / "folder").symlink_to("/etc")
    for name in (
        ".gitmodules",
        ".github/x.yml",
        "metadata/train.csv",
        "ids.csv",
        "library/__pycache__/a.pyc",
    ):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(b'\xff[submodule "lib"]\npath = lib\nurl = ext::sh -c false')
    git(source, "update-index", "--add", "--cacheinfo", f"160000,{git(source, 'rev-parse', 'HEAD')},lib")
    commit(source)
    assert take(f"{source}@HEAD").files == files


def test_filters_and_hooks_do_not_run(
    take: Take, source: Path, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(source, "checkout", "--quiet", "--force", "v1.0")
    (source / ".gitattributes").write_text("* filter=bad eol=lf text\n")
    commit(source)
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (hooks / name).chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f'[init]\ntemplateDir = {tmp_path}/template\n[filter "bad"]\nsmudge = touch {tmp_path}/ran\n'
        f"[core]\nhooksPath = {hooks}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    assert take(f"{source}@HEAD").files["library/config.py"] == files["library/config.py"]
    assert not (tmp_path / "ran").exists()


def test_crafted_trees_are_refused(take: Take, source: Path) -> None:
    blob = bytes.fromhex(git(source, "rev-parse", "v1.0:main.py"))
    outside = commit_tree(source, b"100644 a\\evil.py\0" + blob)
    git(source, "branch", "outside", outside)
    with pytest.raises(SetupError, match="is not a name that a solution's file may have"):
        take(f"{source}@outside")
    above = git(
        source, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=b"100644 ..\0" + blob
    )
    git(source, "branch", "above", git(source, "commit-tree", "-m", "Above", above))
    with pytest.raises(SetupError, match=r"--from .*above: the revision has a damaged folder"):
        take(f"{source}@above")
    tree = b"100644 a\0" + blob
    for _ in range(12):  # a dozen small objects that unfold to a trillion files
        name = git(source, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=tree)
        tree = b"".join(b"40000 %c\0" % (97 + number) + bytes.fromhex(name) for number in range(10))
    git(source, "branch", "bomb", commit_tree(source, tree))
    with pytest.raises(SetupError, match=r"has more than (500 files|20000 files and folders)"):
        take(f"{source}@bomb")
    empty = bytes.fromhex(git(source, "hash-object", "-t", "tree", "-w", "--stdin"))
    tree = b"40000 a\0" + empty
    for _ in range(8):
        name = git(source, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=tree)
        tree = b"".join(b"40000 %c\0" % (97 + number) + bytes.fromhex(name) for number in range(10))
    git(source, "branch", "hollow", commit_tree(source, tree))
    with pytest.raises(SetupError, match="has more than 20000 files and folders"):
        take(f"{source}@hollow")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is not a folder"),
        ("a" * 5000, "this is not a folder"),
        ("https://[::1/project@main", "not a valid URL"),
    ],
)
def test_other_addresses_are_refused(text: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        parse_source(text)


def test_a_revision_may_be_longer_than_a_file_name(take: Take, source: Path) -> None:
    with pytest.raises(SetupError, match="has no revision aaa"):
        take(f"{source}@{'a' * 5000}")


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"])
def test_variables_of_another_repository_have_no_effect(
    take: Take, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    monkeypatch.setenv(variable, str(other / ".git"))  # as git does for its hooks
    with pytest.raises(SetupError, match=r"it has v1\.0, main"):
        take(f"{source}@gone")
    found = take(f"{source}@v1.0")
    assert found.source is not None
    monkeypatch.delenv(variable)
    assert found.source.commit == git(source, "rev-parse", "v1.0")
