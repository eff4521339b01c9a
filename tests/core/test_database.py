"""The database of a home, wherever the home is."""

from pathlib import Path

import pytest

from agent.core.database import open_database


@pytest.mark.parametrize("name", ["wh?t", "p%20c", "ha#h", "sp ace", "quo'te"])
def test_the_database_is_in_its_folder_whatever_the_name(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "mars.db"
    with open_database(file).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE runs (id TEXT)")
    assert file.is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
