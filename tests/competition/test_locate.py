"""Raw data is found, made or taken over, said in one sentence, and nothing unsafe is unpacked."""

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.competition.registry import Competition, find_competition
from agent.competition.sources.locate import RunScript, import_data, locate_data
from agent.core.errors import SetupError
from agent.core.paths import Home
from tests.competition.raw_folders import (
    number_folder,
    picture_folder,
    prepare_folder,
    run_plainly,
    write_spec,
)

SCRIPT = """
import sys
from pathlib import Path
out, flag, seed = sys.argv[1:]
assert flag == "--seed"
names = dict(train="id,x,label\\n1,{seed},a\\n", test="id,x\\n2,0\\n", sample_submission="id,label\\n2,a\\n")
for name, text in names.items():
    (Path(out) / f"{name}.csv").write_text(text.format(seed=seed))
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def scripted(folder: Path, code: str = SCRIPT, **scripts: str) -> Competition:
    """A competition folder without tables, whose scripts make them."""
    write_spec(folder, **(scripts or {"sample_script": "sample.py"}))
    for script in (scripts or {"sample_script": "sample.py"}).values():
        (folder / script).write_text(code)
    return find_competition(str(folder))


def counted(calls: list[str]) -> RunScript:
    def run(script: Path, arguments: list[str], readable: list[Path], writable: Path) -> None:
        calls.append(script.name)
        run_plainly(script, arguments, readable, writable)

    return run


def no_script(script: Path, arguments: list[str], readable: list[Path], writable: Path) -> None:
    raise AssertionError(f"{script} must not run")


def test_a_folder_with_a_training_table_is_the_full_data(tmp_path: Path, home: Home) -> None:
    number_folder(tmp_path / "mine", sample_script="sample.py")
    found = locate_data(find_competition(str(tmp_path / "mine")), home, "auto", no_script)
    assert (found.folder, found.kind) == (tmp_path / "mine", "full")
    assert found.description == f"Data: the full data of Tiny in {tmp_path / 'mine'}."


def test_without_data_the_sample_is_made_once_and_named(tmp_path: Path, home: Home) -> None:
    competition, calls = scripted(tmp_path / "tiny"), []
    for _ in range(2):
        found = locate_data(competition, home, "auto", counted(calls))
        assert found.folder == home.data / "tiny" / "sample"
        assert found.kind == "sample"
        assert found.description == "Data: a generated sample, not the real data of Tiny."
    assert calls == ["sample.py"]


def test_a_changed_script_makes_the_sample_anew(tmp_path: Path, home: Home) -> None:
    competition, calls = scripted(tmp_path / "tiny"), []
    locate_data(competition, home, "sample", counted(calls))
    (tmp_path / "tiny" / "sample.py").write_text(SCRIPT.replace("2,0", "2,9"))
    found = locate_data(competition, home, "sample", counted(calls))
    assert len(calls) == 2
    assert (found.folder / "test.csv").read_text() == "id,x\n2,9\n"
    assert [path.name for path in found.folder.parent.iterdir()] == ["sample"]


def test_seeds_do_not_overwrite_each_other(tmp_path: Path, home: Home) -> None:
    competition = scripted(tmp_path / "tiny")
    folders = [locate_data(competition, home, "auto", run_plainly, seed=seed).folder for seed in (0, 3)]
    assert [folder.name for folder in folders] == ["sample", "sample-3"]
    assert [(folder / "train.csv").read_text().split(",")[3] for folder in folders] == ["0", "3"]


def test_a_data_script_makes_the_full_data(tmp_path: Path, home: Home) -> None:
    competition = scripted(tmp_path / "tiny", data_script="make.py", sample_script="sample.py")
    found = locate_data(competition, home, "auto", run_plainly)
    assert (found.kind, found.folder.name) == ("full", "full")
    assert found.description == "Data: the full data of Tiny, made by make.py."


def test_full_data_that_is_not_here_says_how_to_get_it(tmp_path: Path, home: Home) -> None:
    with pytest.raises(SetupError, match=r"`mars prepare tiny --from DIR\|ZIP`"):
        locate_data(scripted(tmp_path / "tiny"), home, "full", no_script)


def test_a_competition_without_a_sample_says_so(tmp_path: Path, home: Home) -> None:
    number_folder(tmp_path / "mine")
    with pytest.raises(SetupError, match="tiny has no sample; run with --data full"):
        locate_data(find_competition(str(tmp_path / "mine")), home, "sample", no_script)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("raise ValueError('broken')", "sample.py failed: ValueError: broken"),
        ("", r"sample\.py: the script did not write train\.csv, test\.csv, sample_submission\.csv"),
    ],
)
def test_a_script_that_fails_leaves_nothing(tmp_path: Path, home: Home, code: str, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        locate_data(scripted(tmp_path / "tiny", code), home, "auto", run_plainly)
    assert list((home.data / "tiny").iterdir()) == []


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("os.symlink(PRECIOUS, out / '.mars-data.json')", "a link"),
        ("os.symlink(PRECIOUS, out / 'train.csv')", "a link"),
        ("(out / 'a').mkdir(); os.link(PRECIOUS, out / 'a' / 'b')", "a hard link"),
        ("os.mkfifo(out / 'pipe')", "neither a file nor a folder"),
        ("out.joinpath(*'d' * 150).mkdir(parents=True)", "nested more than 100 deep"),
    ],
)
def test_a_script_that_leaves_more_than_files_and_folders_is_refused(
    tmp_path: Path, home: Home, code: str, problem: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    start = "import os\nfrom pathlib import Path\nimport sys\nout = Path(sys.argv[1])\n"
    full = SCRIPT + start + code.replace("PRECIOUS", repr(str(precious)))
    if "train.csv" in code:
        full = start + code.replace("PRECIOUS", repr(str(precious)))
    with pytest.raises(SetupError, match=f"sample.py: the script left .*, which is {problem}"):
        locate_data(scripted(tmp_path / "tiny", full), home, "auto", run_plainly)
    assert precious.read_text() == "mine"
    assert list((home.data / "tiny").iterdir()) == []


def source_of(tmp_path: Path) -> tuple[Competition, Path]:
    """A competition without data, and a folder elsewhere that holds them."""
    picture_folder(tmp_path / "download", labelled=12, to_predict=3)
    image = {"name": "picture", "role": "image", "path": "{split}/{id}.png"}
    (tmp_path / "download" / "competition.yaml").unlink()
    write_spec(tmp_path / "tiny", test=None, inputs=[image], sample_script="sample.py")
    return find_competition(str(tmp_path / "tiny")), tmp_path / "download"


def zipped(source: Path, file: Path, below: str = "") -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(source.rglob("*")):
            archive.write(path, below + str(path.relative_to(source)))
    return file


@pytest.mark.parametrize("kind", ["folder", "zip", "zip with one folder"])
def test_data_are_taken_over_and_then_preferred(tmp_path: Path, home: Home, kind: str) -> None:
    competition, source = source_of(tmp_path)
    if kind != "folder":
        source = zipped(source, tmp_path / "all.zip", "data/" if "one" in kind else "")
    taken = import_data(competition, source, home)
    found = locate_data(competition, home, "auto", no_script)
    assert found == taken
    assert found.folder == home.data / "tiny" / "full"
    assert found.description == f"Data: the full data of Tiny, imported into {found.folder}."
    assert prepare_folder(competition.spec, found.folder).rows.test == 3
    assert [path.name for path in found.folder.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("below", ["", "train/"])
def test_zips_in_a_zip_are_unpacked_too(tmp_path: Path, home: Home, below: str) -> None:
    """As Kaggle packs many of its competitions: pictures and single tables have zips of their own."""
    competition, source = source_of(tmp_path)
    outer = tmp_path / "outer"
    (outer / "test").mkdir(parents=True)
    zipped(source / "train", outer / "train.zip", below)
    for path in (source / "test").iterdir():
        path.rename(outer / "test" / path.name)
    (source / "sample_submission.csv").rename(outer / "sample_submission.csv")
    with zipfile.ZipFile(outer / "train.csv.zip", "w") as archive:
        archive.write(source / "train.csv", "train.csv")
    taken = import_data(competition, zipped(outer, tmp_path / "all.zip"), home)
    assert prepare_folder(competition.spec, taken.folder).rows.train > 0
    assert sorted(path.name for path in taken.folder.iterdir() if path.name[0] != ".") == [
        "sample_submission.csv", "test", "train", "train.csv",
    ]  # fmt: skip


def test_a_zip_in_a_zip_is_looked_into_as_closely(tmp_path: Path, home: Home) -> None:
    competition, source = source_of(tmp_path)
    with zipfile.ZipFile(source / "more.zip", "w") as inner:
        inner.writestr("../evil.csv", "x")
    with pytest.raises(
        SetupError, match=r"more\.zip: the entry '\.\./evil\.csv' is a link or leaves the folder"
    ):
        import_data(competition, zipped(source, tmp_path / "all.zip"), home)
    assert list(tmp_path.rglob("evil.csv")) == []


def test_files_of_a_folder_are_linked_not_copied(tmp_path: Path, home: Home) -> None:
    competition, source = source_of(tmp_path)
    taken = import_data(competition, source, home)
    name = "train/picture-000.png"
    assert (taken.folder / name).samefile(source / name)


def test_taking_over_again_replaces_the_old(tmp_path: Path, home: Home) -> None:
    competition, source = source_of(tmp_path)
    import_data(competition, source, home)
    (source / "train" / "picture-000.png").unlink()
    taken = import_data(competition, source, home)
    assert not (taken.folder / "train" / "picture-000.png").exists()
    assert json.loads((taken.folder / ".mars-data.json").read_text()) == {"origin": "imported"}


def test_missing_tables_are_all_named(tmp_path: Path, home: Home) -> None:
    competition, source = source_of(tmp_path)
    for name in ("train.csv", "sample_submission.csv"):
        (source / name).unlink()
    with pytest.raises(SetupError, match=r"tables of tiny are missing: train\.csv, sample_submission\.csv"):
        import_data(competition, source, home)
    assert not (home.data / "tiny" / "full").exists()


def test_what_is_neither_folder_nor_zip_is_refused(tmp_path: Path, home: Home) -> None:
    competition, source = source_of(tmp_path)
    for wrong in (source / "train.csv", tmp_path / "nowhere"):
        with pytest.raises(SetupError, match="is neither a folder nor a zip file"):
            import_data(competition, wrong, home)


def test_a_folder_that_holds_the_home_is_refused(tmp_path: Path, home: Home) -> None:
    competition, _ = source_of(tmp_path)
    with pytest.raises(SetupError, match="the destination of the data"):
        import_data(competition, tmp_path, home)


def test_links_in_a_folder_are_refused(tmp_path: Path, home: Home) -> None:
    competition, source = source_of(tmp_path)
    (source / "train" / "x.png").symlink_to("/etc/passwd")
    with pytest.raises(SetupError, match=r"x\.png: the path is a link"):
        import_data(competition, source, home)


def test_a_linked_folder_around_the_tables_is_not_entered(tmp_path: Path, home: Home) -> None:
    competition, source = source_of(tmp_path)
    (tmp_path / "around").mkdir()
    (tmp_path / "around" / "inner").symlink_to(source)
    with pytest.raises(SetupError, match="are missing"):
        import_data(competition, tmp_path / "around", home)


def link_entry() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("train/link.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    "entry",
    [
        lambda: zipfile.ZipInfo("../evil.csv"),
        lambda: zipfile.ZipInfo("/tmp/evil.csv"),
        lambda: zipfile.ZipInfo("a/../../evil.csv"),
        lambda: zipfile.ZipInfo("..\\evil.csv"),
        link_entry,
    ],
)
def test_unsafe_zip_entries_are_refused(
    tmp_path: Path, home: Home, entry: Callable[[], zipfile.ZipInfo]
) -> None:
    competition, source = source_of(tmp_path)
    archive = zipped(source, tmp_path / "all.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(entry(), "/etc/passwd")
    with pytest.raises(SetupError, match="is a link or leaves the folder"):
        import_data(competition, archive, home)
    assert list(tmp_path.rglob("evil.csv")) == []


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, home: Home) -> None:
    competition, source = source_of(tmp_path)
    archive = zipped(source, tmp_path / "all.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        for i in range(130):
            opened.writestr(f"train/more-{i}.png", "x")
    content = archive.read_bytes()
    directory = content.index(b"PK\x01\x02")
    head, entries = content[:directory], content[directory:].split(b"PK\x01\x02")
    declared = (2**32 - 2).to_bytes(4, "little")  # bytes 20 to 24 of what follows an entry's mark: its size
    bomb = [entry[:20] + declared + entry[24:] for entry in entries[1:]]
    archive.write_bytes(head + b"".join(b"PK\x01\x02" + entry for entry in bomb))
    with pytest.raises(
        SetupError,
        match=r"all\.zip: the zip file holds 1\d\d files of 5\d\d\.\d GiB; "
        "at most 5000000 files of 500 GiB are allowed",
    ):
        import_data(competition, archive, home)
    assert not (home.data / "tiny" / "full").exists()


def test_a_damaged_zip_is_said_to_be_so(tmp_path: Path, home: Home) -> None:
    competition, source = source_of(tmp_path)
    archive = zipped(source, tmp_path / "all.zip")
    content = bytearray(archive.read_bytes())
    middle = content.index(b"PNG") + 40
    content[middle : middle + 20] = bytes(20)
    archive.write_bytes(bytes(content))
    with pytest.raises(SetupError, match=r"all\.zip: the zip file is damaged"):
        import_data(competition, archive, home)
