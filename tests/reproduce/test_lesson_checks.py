"""Verified lessons: the pair runs again, and the lesson gains the evidence."""

from pathlib import Path
from statistics import fmean

import pytest

from agent.core.database import open_database
from agent.core.errors import MarsError, SetupError
from agent.core.paths import Home
from agent.engine.session import resume
from agent.memory.lesson import Lesson
from agent.memory.store import LessonStore
from agent.record.opened_run import Run, open_run
from agent.repository.rendering import write_tree
from agent.reproduce.lesson_checks import verify_lesson
from agent.reproduce.rendering import RenderingCheck
from tests.support.finished_runs import blending_home, search
from tests.support.scripted_run import SilentObserver

# Every seed of a verification shifts the scores by a different step.
_MOVED = "< QUALITY + 0.02 * (int(os.environ['MARS_SEED']) // 1000 % 3) * (1 + int({})) "


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Run]:
    home = blending_home(tmp_path_factory.mktemp("home"))
    main = home.families / "toy" / "main.py.j2"
    code = main.read_text()
    main.write_text(code.replace("< QUALITY ", _MOVED.format("{{ slots.depth - 1 }}")))
    assert main.read_text() != code
    return home, search(home, max_nodes=5)


def _store(home: Home) -> LessonStore:
    return LessonStore(open_database(home.database))


def _one(run: Run) -> Lesson:
    return next(iter(run.state.learned.values()))


def test_a_verified_lesson_carries_the_new_comparison(searched: tuple[Home, Run]) -> None:
    home, run = searched
    card = (home.solutions / "toy" / "card.json").read_bytes()
    lesson = _store(home).get(_one(run).id)
    found = verify_lesson(lesson.id, 3, home, SilentObserver())

    again = open_run(found.run, home)
    without, changed = again.state.nodes.values()
    assert without.idea.blueprint is not None
    assert changed.idea.changes == lesson.changes
    assert again.state.run.seed not in (run.state.run.seed, *(1000 * n for n in range(10)))
    assert len(without.repeats) == len(changed.repeats) == 2
    scores = [[node.metric or 0.0, *node.repeats] for node in (without, changed)]
    assert len(set(scores[0])) > 1, "the seeds differ"
    effect = (fmean(scores[1]) - fmean(scores[0])) / (1 - scores[0][0])
    assert found.evidence.effect == pytest.approx(effect)

    stored = _store(home).get(lesson.id)
    assert stored == found.after
    assert [item.run for item in stored.evidence] == [*(item.run for item in lesson.evidence), found.run]
    assert (home.solutions / "toy" / "card.json").read_bytes() == card, "an experiment is no solution"
    assert {one.verdict for one in RenderingCheck(again, home).nodes()} == {"identical"}
    with pytest.raises(SetupError, match="verifies a lesson and cannot be resumed"):
        resume(found.run, 5.0, home, lambda _: SilentObserver())


def test_every_verification_has_seeds_of_its_own(searched: tuple[Home, Run]) -> None:
    home, run = searched
    first, second = (verify_lesson(_one(run).id, 1, home, SilentObserver()) for _ in range(2))
    assert len({open_run(found.run, home).state.run.seed for found in (first, second)}) == 2
    assert len(second.after.evidence) == len(first.after.evidence) + 1


def test_a_failed_pair_names_the_solution_and_leaves_the_lesson(searched: tuple[Home, Run]) -> None:
    home, run = searched
    before = _store(home).get(_one(run).id)
    main = home.families / "toy" / "main.py.j2"
    code = main.read_text()
    try:
        main.write_text(code.replace("    began =", "    raise ValueError('broken')\n    began ="))
        with pytest.raises(
            MarsError, match=r"could not be verified: the solution without its change failed\. "
        ):
            verify_lesson(before.id, 2, home, SilentObserver())
    finally:
        main.write_text(code)
    assert _store(home).get(before.id) == before


def test_a_lesson_from_elsewhere_cannot_be_verified_here(searched: tuple[Home, Run], tmp_path: Path) -> None:
    lessons = _store(searched[0]).all()
    home = blending_home(tmp_path)
    _store(home).import_all(lessons)
    with pytest.raises(SetupError, match="none of its comparisons can be repeated here"):
        verify_lesson("1", 1, home, SilentObserver())
    with pytest.raises(SetupError, match="No lesson has the id 99"):
        verify_lesson("99", 1, home, SilentObserver())


def test_user_edits_are_in_both_solutions_of_the_pair(tmp_path: Path) -> None:
    home, own = blending_home(tmp_path / "home"), tmp_path / "own"
    sound = ("kind=failing", "kind=crashing")
    first = search(home, forbidden=sound)
    best = first.state.nodes[3]  # better than any draft, so that the next run improves it
    assert best.result is not None
    write_tree(first.lineage.read(best.result.commit), own)
    with (own / "library" / "loss.py").open("a") as file:
        file.write("\n\nEDITED_BY_HAND = True\n")
    run = search(home, max_nodes=4, imported=own, forbidden=sound)
    grown = [item for item in run.state.learned.values() if _root(run, item.evidence[-1].parent) == 1]
    assert grown, "something was compared with a child of the edited code"
    lesson = max(grown, key=lambda item: item.evidence[-1].parent)
    again = open_run(verify_lesson(lesson.id, 1, home, SilentObserver()).run, home)
    parent = run.state.nodes[lesson.evidence[-1].parent]
    assert parent.result is not None
    code = [again.lineage.read(node.result.commit) for node in again.state.nodes.values() if node.result]
    assert code[0] == run.lineage.read(parent.result.commit)
    assert [("EDITED_BY_HAND" in files["library/loss.py"]) for files in code] == [True, True]
    assert code[0]["library/config.py"] != code[1]["library/config.py"]
    verdicts = [one.verdict for one in RenderingCheck(again, home).nodes()]
    assert verdicts == ["not rendered", "identical"]


def _root(run: Run, number: int) -> int:
    node = run.state.nodes[number]
    return ([node, *run.state.ancestors(node)])[-1].id
