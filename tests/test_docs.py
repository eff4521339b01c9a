"""The documentation matches the repository: links, commands, the reference of the command line."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from agent.engine.decider import Decider
from docs.make_reference import PAGE, command_line, commands, page

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
MOST_WORDS = 600
LONGEST_LINE = 120
MOST_PICTURE_BYTES = 300_000

_CODE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_MENTION = re.compile(r"`(mars [^`]+)`")
_CODE_PATH = re.compile(r"`((?:agent|templates|tests|benchmarks|docs)/[\w./-]*)`")
_SCRIPT = re.compile(r"\bpython ([\w./-]+\.py)")
# A word in capitals, such as RUN, stands for a value.
_VALUES = {"NODE": "1", "N": "1", "D": "1"}


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _prose(text: str) -> str:
    return _CODE.sub("", text)


def _anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _prose(file.read_text(encoding="utf-8")), re.MULTILINE)
    texts = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {text.strip().replace(" ", "-") for text in texts}


def _shell_lines(text: str) -> list[str]:
    blocks = [code for _, language, code in _CODE.findall(text) if language in ("sh", "bash")]
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def _commands(text: str) -> list[str]:
    """Return the `mars` command lines of a page's blocks of shell commands."""
    return [" ".join(line.split()) for line in _shell_lines(text) if line.startswith("mars ")]


def _mentions(text: str) -> list[str]:
    """Return the commands that sentences and tables mention, such as `mars run --from`."""
    return [" ".join(mention.split()) for mention in _MENTION.findall(_prose(text))]


def _cases(find: Callable[[str], list[str]], pages: list[Path]) -> list[tuple[str, str]]:
    found = ((_name(file), line) for file in pages for line in find(file.read_text(encoding="utf-8")))
    return sorted(set(found))


COMMANDS = _cases(_commands, PAGES)
# The help texts in the reference mention commands of other pages; tests of the help texts check these.
MENTIONS = _cases(_mentions, [file for file in PAGES if file != PAGE])
BY_NAME = dict(commands(command_line()))


def test_the_readme_is_short() -> None:
    assert 300 < len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= MOST_WORDS


def test_the_documentation_has_its_pages() -> None:
    parts = {file.parent.name for file in PAGES if (ROOT / "docs") in file.parents}
    assert parts == {"docs", "guides", "reference", "design"}
    assert len(PAGES) > 10


@pytest.mark.parametrize("file", PAGES, ids=_name)
def test_every_relative_link_leads_to_a_file_and_a_heading(file: Path) -> None:
    links = _LINK.findall(_prose(file.read_text(encoding="utf-8")))
    relative = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert not _leads_somewhere(file, "no-such-page.md")
    assert [link for link in relative if not _leads_somewhere(file, link)] == []


def _leads_somewhere(file: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (file.parent / path).resolve() if path else file
    if not target.exists():
        return False
    return not anchor or (target.suffix == ".md" and anchor in _anchors(target))


def test_every_page_is_linked_from_the_overview() -> None:
    overview = ROOT / "docs" / "README.md"
    linked = {
        (overview.parent / link.partition("#")[0]).resolve()
        for link in _LINK.findall(overview.read_text(encoding="utf-8"))
    }
    pages = {file.resolve() for file in (ROOT / "docs").rglob("*.md") if file != overview}
    assert {_name(file) for file in pages - linked} == set()


@pytest.mark.parametrize("file", [one for one in PAGES if one != PAGE], ids=_name)
def test_lines_of_prose_fit_a_screen(file: Path) -> None:
    lines = _prose(file.read_text(encoding="utf-8")).splitlines()
    assert lines
    long = [line for line in lines if len(line) > LONGEST_LINE and not line.startswith("|")]
    assert long == []


def _split(line: str) -> tuple[str, list[str]]:
    """Return the name of the command that a line calls, and its arguments.

    Raises:
        LookupError: there is no such command.
    """
    words = shlex.split(re.sub(r" [|>&].*", "", line), comments=True)
    for length in (3, 2):
        if (name := " ".join(words[:length])) in BY_NAME:
            return name, words[length:]
    raise LookupError(f"There is no command `{line}`.")


@pytest.mark.parametrize(("file", "line"), COMMANDS)
def test_every_command_line_parses(file: str, line: str) -> None:
    name, arguments = _split(line)
    command = BY_NAME[name]
    left_over = command.parse_args(typer.Context(command), [_VALUES.get(word, word) for word in arguments])
    assert left_over == []


@pytest.mark.parametrize(("file", "line"), MENTIONS)
def test_every_mentioned_command_and_option_exists(file: str, line: str) -> None:
    if any(name.startswith(f"{line} ") for name in BY_NAME):  # a group, such as `mars lessons`
        return
    if line == "mars --help":
        return
    name, arguments = _split(line)
    known = {option for parameter in BY_NAME[name].params for option in parameter.opts}
    assert {word for word in arguments if word.startswith("--")} <= known | {"--help"}


def test_the_checks_of_commands_find_what_is_wrong() -> None:
    assert len(COMMANDS) > 30
    assert len(MENTIONS) > 20
    with pytest.raises(LookupError, match="mars ran"):
        _split("mars ran --competition digits")
    name, arguments = _split("mars run --competition digits --seconds 3")
    with pytest.raises(Exception, match="--seconds"):
        BY_NAME[name].parse_args(typer.Context(BY_NAME[name]), arguments)


def test_every_script_that_the_documentation_calls_exists() -> None:
    called = {
        (_name(file), script)
        for file in PAGES
        for script in _SCRIPT.findall(file.read_text(encoding="utf-8"))
        if script != "main.py"
    }
    assert len(called) > 10
    assert {(file, script) for file, script in called if not (ROOT / script).is_file()} == set()


def test_every_file_that_the_documentation_names_exists() -> None:
    named = {
        (_name(file), path) for file in PAGES for path in _CODE_PATH.findall(file.read_text(encoding="utf-8"))
    }
    assert len(named) > 100
    assert sorted((file, path) for file, path in named if not (ROOT / path).exists()) == []


def test_the_rooms_have_the_entrances_that_the_architecture_names() -> None:
    text = (ROOT / "docs" / "design" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", text, re.MULTILINE)
    rooms = {room: re.findall(r"`(\w+)(?:\.(\w+))?[^`]*`", names) for room, names in rows}
    del rooms["cli"]
    assert len(rooms) == 15
    absent = []
    for room, names in rooms.items():
        code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "agent" / room).rglob("*.py"))
        defined = set(re.findall(r"^ *(?:class|def) (\w+)", code, re.MULTILINE))
        absent += [f"{room}: {name}" for pair in names for name in pair if name and name not in defined]
    assert absent == []


def test_the_methods_of_the_decider_are_listed() -> None:
    text = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    table = text.partition("| decision | method of `Decider` |")[2].partition("\n\n")[0]
    named = set(re.findall(r"^\|[^|]*\| `(\w+)` \|", table, re.MULTILINE))
    assert len(named) > 5
    assert sorted(name for name in named if not hasattr(Decider, name)) == []


def test_the_reference_of_the_command_line_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python docs/make_reference.py`"


def test_the_pictures_are_small_images() -> None:
    pictures = sorted((ROOT / "docs" / "pictures").iterdir())
    assert [picture.name for picture in pictures] == ["report.png", "run.png"]
    for picture in pictures:
        content = picture.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < MOST_PICTURE_BYTES
