"""Former kept solutions: listed, restored, and never lost, also when a process is killed."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.core.database import open_database
from agent.core.errors import SetupError
from agent.core.locks import is_folder_locked
from agent.core.paths import Home
from agent.record.gc import collect_garbage
from agent.solution.card import CARD_FILE, load_card
from agent.solution.history import HISTORY, entries, recover, replacing, restore
from agent.solution.keep import keep
from agent.solution.leaderboard import report_score
from tests.solution.test_keep import card, workspace

__all__ = ["workspace"]
TOY = "toy"


def put(root: Path, prepared: Prepared, idea: str, **fields: object) -> None:
    """Put a solution in the place of the kept one, without a trace in the history."""
    shutil.rmtree(root / TOY, ignore_errors=True)
    (root / TOY / "repository").mkdir(parents=True)
    (root / TOY / CARD_FILE).write_text(card(prepared, idea=idea, **fields).model_dump_json())
    (root / TOY / "repository" / "main.py").write_text(f"{idea}\r\n")


def ideas(root: Path) -> list[tuple[int, str, bool]]:
    return [(entry.number, entry.card.idea, entry.is_kept) for entry in entries(root, TOY)]


def kept_files(root: Path) -> dict[str, bytes]:
    place = root / TOY
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def offer(root: Path, prepared: Prepared, workspace: Path, idea: str) -> None:
    """Offer a full-data solution; it replaces any sample solution."""
    new = card(prepared, idea=idea)
    assert keep(root, prepared, new, {"main.py": idea}, workspace, root.parent / "fallback").replaced


@pytest.fixture
def root(tmp_path: Path, toy_prepared: Prepared) -> Path:
    """A kept solution from before there was a history, on sample data."""
    folder = tmp_path / "solutions"
    put(folder, toy_prepared, "Old", data_kind="sample")
    return folder


def with_right_answers(prepared: Prepared, workspace: Path) -> Path:
    """Put the audit rows' labels into the submission, so that it beats every other one."""
    file = workspace / "submission" / "submission.csv"
    audit = (prepared.private / "audit.csv").read_text().splitlines()
    answers = dict(line.split(",")[:2] for line in audit[1:])
    first, *lines = file.read_text().splitlines()
    named = [line.split(",") for line in lines]
    rows = [f"{name},{answers.get(name, guess)}" for name, guess in named]
    file.write_text("\n".join([first, *rows]) + "\n")
    return workspace


def test_a_replaced_solution_is_listed_and_restored_to_the_byte(
    tmp_path: Path, toy_prepared: Prepared, workspace: Path
) -> None:
    root = tmp_path / "solutions"
    assert ideas(root) == []
    offer(root, toy_prepared, workspace, "Old")
    assert ideas(root) == [(1, "Old", True)]
    old = kept_files(root)
    offer(root, toy_prepared, with_right_answers(toy_prepared, workspace), "New")
    new = kept_files(root)
    assert ideas(root) == [(1, "Old", False), (2, "New", True)]
    assert restore(root, TOY, 1).idea == "Old"
    assert kept_files(root) == old != new
    assert ideas(root) == [(1, "Old", True), (2, "New", False)], "numbers stay"
    assert restore(root, TOY, 2).idea == "New"
    assert kept_files(root) == new


def test_a_sample_is_listed_with_its_kind_and_never_replaces_full_data(
    root: Path, toy_prepared: Prepared, workspace: Path
) -> None:
    offer(root, toy_prepared, workspace, "New")
    assert [entry.card.data_kind for entry in entries(root, TOY)] == ["sample", "full"]
    with pytest.raises(SetupError, match=r"sample data and does not replace one on full data.*0001\.zip"):
        restore(root, TOY, 1)
    assert ideas(root) == [(1, "Old", False), (2, "New", True)]


def test_a_leaderboard_score_stays_with_its_solution(
    tmp_path: Path, toy_prepared: Prepared, workspace: Path
) -> None:
    root = tmp_path / "solutions"
    offer(root, toy_prepared, workspace, "Old")
    offer(root, toy_prepared, with_right_answers(toy_prepared, workspace), "New")
    restore(root, TOY, 1)
    report_score(root / TOY, 0.5)
    restore(root, TOY, 2)
    (old, new) = entries(root, TOY)
    assert [one.score for one in old.card.leaderboard] == [0.5]
    assert new.card.leaderboard == ()
    restore(root, TOY, 1)
    assert [entry.number for entry in entries(root, TOY) if entry.is_kept] == [1]
    assert "0.50000" in (root / TOY / "README.md").read_text()


@pytest.mark.parametrize(("number", "said"), [(7, "it has 1, 2"), (2, "is the kept solution of toy already")])
def test_a_number_that_cannot_be_restored_is_refused(
    root: Path, toy_prepared: Prepared, workspace: Path, number: int, said: str
) -> None:
    offer(root, toy_prepared, workspace, "New")
    with pytest.raises(SetupError, match=said):
        restore(root, TOY, number)
    with pytest.raises(SetupError, match="it has none"):
        restore(root, "nothing", 1)
    assert not (root / HISTORY / "nothing").exists()


def test_a_damaged_archive_is_named_and_replaces_nothing(
    root: Path, toy_prepared: Prepared, workspace: Path
) -> None:
    offer(root, toy_prepared, workspace, "New")
    before = kept_files(root)
    archive = root / HISTORY / TOY / "0001.zip"
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(SetupError, match=r"0001\.zip: not a valid archive"):
        restore(root, TOY, 1)
    assert kept_files(root) == before


def test_one_process_at_a_time_replaces_a_solution(root: Path, toy_prepared: Prepared) -> None:
    entered = threading.Event()

    def second() -> None:
        with replacing(root, TOY):
            entered.set()

    with replacing(root, TOY):
        assert is_folder_locked(root / HISTORY / TOY)
        other = threading.Thread(target=second)
        other.start()
        assert not entered.wait(0.2)
    assert entered.wait(60)
    other.join()


def test_garbage_collection_leaves_the_history_alone(
    home: Home, toy_prepared: Prepared, workspace: Path
) -> None:
    put(home.solutions, toy_prepared, "Old", data_kind="sample")
    offer(home.solutions, toy_prepared, workspace, "New")
    before = [path.name for path in (home.solutions / HISTORY / TOY).iterdir()]
    for path in [home.solutions / HISTORY, *(home.solutions / HISTORY).rglob("*")]:
        os.utime(path, (time.time() - 10_000,) * 2)
    database = open_database(home.database)
    list(collect_garbage(home, database, 0, dry_run=False, temporary=home.root / "tmp"))
    assert [path.name for path in (home.solutions / HISTORY / TOY).iterdir()] == before == ["0001.zip"]


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a child process that dies before its file operation `step`; return whether it died."""
    child = os.fork()
    if child == 0:
        done = 0

        def die(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal done
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE
            if writes or event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir"):
                done += 1
                if done == step:
                    os._exit(9)

        sys.addaudithook(die)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 9


@pytest.mark.parametrize("doing", ["keep", "restore"])
def test_a_kill_at_any_moment_loses_no_solution(
    tmp_path: Path, toy_prepared: Prepared, workspace: Path, doing: str
) -> None:
    before = tmp_path / "before"
    put(before, toy_prepared, "Old", data_kind="sample")
    if doing == "restore":
        put(tmp_path / "solutions", toy_prepared, "Old", data_kind="sample")
        offer(tmp_path / "solutions", toy_prepared, workspace, "New")
        shutil.rmtree(before)
        shutil.copytree(tmp_path / "solutions", before)
        put(before, toy_prepared, "Kept", data_kind="sample")
    # The one that is replaced, the one that replaces it, and the number of the latter.
    old, new, number = ("Old", "New", 2) if doing == "keep" else ("Kept", "Old", 1)
    step = 0
    while True:
        step += 1
        root = tmp_path / f"killed-{step}"
        shutil.copytree(before, root)

        def work(root: Path = root) -> None:
            if doing == "keep":
                offer(root, toy_prepared, workspace, "New")
            else:
                restore(root, TOY, 1)

        died = killed_at(step, work)
        holder = load_card(root / TOY)
        known = {idea for _, idea, _ in ideas(root)}
        aside = {found.idea for path in root.glob(f".{TOY}-old-*") if (found := load_card(path)) is not None}
        assert holder is None or holder.idea in (old, new), step
        assert old in known | aside, step
        if not died:
            assert holder is not None
            assert holder.idea == new
            break
        recover(root, TOY)
        assert load_card(root / TOY) is not None, "a kept solution is in its place again"
        if holder is None or holder.idea == old:
            work()  # another process finishes what was killed
        listed = ideas(root)
        assert (number, new, True) in listed, step
        assert [idea for _, idea, _ in listed].count(old) == 1, step
        assert not list((root / HISTORY / TOY).glob(".*")), "no part of an archive is left"
        shutil.rmtree(root)
    assert step > 10
