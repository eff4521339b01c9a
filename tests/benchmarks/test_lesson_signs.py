"""Re-runs of conclusive lessons: sign kept, sign changed, or not re-run."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from agent.core.database import open_database
from agent.core.paths import Home, benchmarks_dir
from agent.memory.lesson import Lesson
from agent.memory.store import LessonStore
from tests.benchmarks.benchmark_scripts import import_script
from tests.support.finished_runs import blending_home, search
from tests.support.scripted_run import SilentObserver


@pytest.fixture(scope="module")
def command() -> ModuleType:
    return import_script(benchmarks_dir() / "performance" / "lesson_signs.py")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = blending_home(tmp_path_factory.mktemp("home"))
    search(home, max_nodes=6)
    return home


@pytest.fixture(scope="module")
def conclusive(command: ModuleType, searched: Home) -> tuple[list[Lesson], int]:
    """Return the conclusive lessons before any test adds evidence, and the number of all lessons."""
    lessons, total = command.conclusive(searched)
    return lessons, total


@pytest.fixture
def main_file(searched: Home) -> Iterator[Path]:
    """Yield the toy template main.py.j2, and restore it after the test."""
    file = searched.families / "toy" / "main.py.j2"
    code = file.read_text()
    yield file
    file.write_text(code)


def test_only_conclusive_lessons_are_selected(searched: Home, conclusive: tuple[list[Lesson], int]) -> None:
    every = LessonStore(open_database(searched.database)).all()
    lessons, total = conclusive
    assert total == len(every)
    assert lessons
    assert [one.id for one in lessons] == [
        one.id for one in every if abs(one.effect) > 2 * one.standard_error
    ]


def test_where_nothing_changed_every_sign_is_kept(
    command: ModuleType, searched: Home, conclusive: tuple[list[Lesson], int]
) -> None:
    lessons, total = conclusive
    reruns = list(command.rerun(lessons, 1, searched, SilentObserver()))
    assert [one.kept for one in reruns] == [True] * len(lessons)
    assert [one.lesson for one in reruns] == lessons
    for one in reruns:
        # Toys know nothing of seeds: the pair that was compared last gives the same effect.
        assert one.found.evidence.effect == pytest.approx(one.lesson.evidence[-1].effect)
        assert one.line.startswith(
            f"{one.lesson.id} {one.lesson.title}: {100 * abs(one.lesson.effect):.1f} % ± "
        )
    count = len(lessons)
    text = command.summary(reruns, total, 1)
    assert f"lessons: {count} conclusive, {count} re-run on 1 new seed(s), 0 not re-run" in text
    assert f"Same sign as before: {count} of {count} = 100% (goal: 95%)." in text


def test_a_changed_sign_is_reported(
    command: ModuleType, searched: Home, conclusive: tuple[list[Lesson], int], main_file: Path
) -> None:
    lessons, total = conclusive
    code = main_file.read_text()
    main_file.write_text(code.replace("< QUALITY + more", "< 1 - QUALITY + more"))
    assert main_file.read_text() != code
    reruns = list(command.rerun(lessons[:1], 1, searched, SilentObserver()))
    assert [one.kept for one in reruns] == [False]
    assert reruns[0].found.evidence.effect * lessons[0].effect < 0
    assert ": SIGN CHANGED (" in reruns[0].line
    assert "Same sign as before: 0 of 1 = 0%" in command.summary(reruns, total, 1)


def test_one_that_fails_is_counted_apart_and_stops_nothing(
    command: ModuleType, searched: Home, conclusive: tuple[list[Lesson], int], main_file: Path
) -> None:
    lessons, total = conclusive
    unknown = lessons[0].model_copy(update={"id": "00999"})
    main_file.write_text(
        main_file.read_text().replace("    began =", "    raise ValueError('broken')\n    began =")
    )
    failing = command.rerun([unknown, lessons[0]], 1, searched, SilentObserver())
    reruns = [next(failing), next(failing)]
    assert "; not re-run: No lesson has the id 00999" in reruns[0].line
    assert "; not re-run: Lesson 0" in reruns[1].line
    assert not any(one.kept for one in reruns)
    text = command.summary(reruns, total, 1)
    assert ": 2 conclusive, 0 re-run on 1 new seed(s), 2 not re-run. Same sign as before: 0 of 0 (" in text


def test_lessons_whose_runs_are_elsewhere_are_all_reported(
    command: ModuleType,
    conclusive: tuple[list[Lesson], int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lessons, _ = conclusive
    home = blending_home(tmp_path / "other")
    home.workspaces.mkdir()
    LessonStore(open_database(home.database)).import_all(lessons)
    monkeypatch.setenv("MARS_HOME", "set anew")
    monkeypatch.setattr(sys, "argv", ["lesson_signs.py", "--home", str(home.root)])
    command.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(lessons) + 1
    assert all("not re-run: Lesson 0" in line for line in lines[:-1])
    assert lines[-1].startswith(f"{len(lessons)} lessons: {len(lessons)} conclusive, 0 re-run")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--home", "nowhere"], "nowhere: has no record of runs. Give the MARS_HOME of a search"),
        (
            ["--home", "nowhere", "--minutes", "1"],
            "--home: no search is run; leave --competition, --minutes and --run-seed out",
        ),
        (["--seeds", "0"], "--seeds: give 1 or more"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    command: ModuleType,
    options: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARS_HOME", "set anew")
    monkeypatch.setattr(sys, "argv", ["lesson_signs.py", *options])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert sentence in f"{stopped.value} {capsys.readouterr().err}"
    assert not (tmp_path / "nowhere").exists()
