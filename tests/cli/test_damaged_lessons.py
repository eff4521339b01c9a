"""`mars run --lessons` and `mars lessons` with numbers that are none."""

from pathlib import Path

import pytest
from sqlalchemy import update

from agent.core.database import open_database, writing
from agent.core.paths import Home
from agent.memory.store import LessonStore, lessons_table, write_lessons
from tests.cli.commands import mars
from tests.support.states import evidence, lesson

pytestmark = pytest.mark.slow


def test_lessons_with_nan_are_refused_and_never_enter_the_home(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "lessons.json"
    write_lessons([lesson("kind", "plain", "crossed", evidence(0.25, 0.01))], file)
    file.write_text(file.read_text().replace('"effect": 0.25', '"effect": NaN'))
    options = ("--competition", "toy", "--minutes", "0.2", "--max-nodes", "1")
    for refused in (
        mars("run", *options, "--lessons", str(file), code=2),
        mars("lessons", "import", str(file), code=2),
    ):
        said = " ".join((refused.stdout + refused.stderr).split())
        assert "not a list of lessons" in said
        assert "effect" in said
        assert "Traceback" not in said
    assert LessonStore(open_database(home.database)).all() == []
    mars("run", *options)


def test_a_home_that_holds_a_damaged_lesson_runs_and_names_it(home: Home) -> None:
    engine = open_database(home.database)
    LessonStore(engine).import_all([lesson("kind", "plain", "crossed", evidence(0.25, 0.01))])
    with engine.connect() as connection:
        payload = connection.execute(lessons_table.select()).one().payload
    damaged = payload.replace('"effect":0.25', '"effect":null')
    assert damaged != payload
    with writing(engine).begin() as connection:
        connection.execute(update(lessons_table).values(payload=damaged))
    listed = mars("lessons", "list")
    assert "00001" in listed.stderr
    assert "00001" not in listed.stdout
    run = mars("run", "--competition", "toy", "--minutes", "0.2", "--max-nodes", "1")
    assert "Damaged lessons are left out" in " ".join((run.stdout + run.stderr).split())
    assert "damaged" in " ".join(mars("lessons", "show", "1", code=2).stderr.split())
