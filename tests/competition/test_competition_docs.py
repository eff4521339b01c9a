"""docs/reference/competition-yaml.md names every role and every bundled competition, as they are."""

import re
from pathlib import Path
from typing import get_args

import pandas as pd

from agent.competition.canonical import canonical_cells, column_kind
from agent.competition.registry import list_competitions
from agent.competition.spec import CompetitionSpec, Role
from agent.competition.typed_targets import TYPES_OF_KEY, TypedTarget
from agent.core.paths import Home
from agent.repository.family import known_families

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "competition-yaml.md"


def _tables() -> list[dict[str, list[str]]]:
    """The rows of each table by their first cell, which is code."""
    tables: list[dict[str, list[str]]] = []
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ---"):
            tables.append({})
        elif line.startswith("| `"):
            tables[-1][cells[0].strip("`")] = cells[1:]
    return tables


def test_every_role_is_told_with_the_families_that_read_it(tmp_path: Path) -> None:
    _, roles, _, _, _ = _tables()
    assert set(roles) == set(get_args(Role))
    families = known_families(Home(tmp_path))
    for role, (_, readers) in roles.items():
        reading = {name for name, family in families.items() if role in family.serves.reads}
        assert {part.strip("`") for part in readers.split(", ") if part.startswith("`")} == reading
        assert readers.startswith("none") or reading


def test_every_bundled_competition_is_told(tmp_path: Path) -> None:
    competitions, _, _, _, _ = _tables()
    found = {one.spec.id: one.spec for one in list_competitions(Home(tmp_path))}
    assert set(competitions) == set(found)
    for name, (_, scored) in competitions.items():
        assert scored.replace(" ", "_").lower() == f"{found[name].task},_{found[name].metric}"


def test_every_key_is_described() -> None:
    _, _, _, keys, _ = _tables()
    assert set(keys) == set(CompetitionSpec.model_fields) - {
        "typed_targets"
    }  # written as entries of `targets`
    for name, (default, _) in keys.items():
        assert (default == "required") == CompetitionSpec.model_fields[name].is_required(), name


def test_every_key_of_a_typed_target_is_described_with_its_types() -> None:
    _, _, _, _, entries = _tables()
    described = {name: row for names, row in entries.items() for name in names.replace("`", "").split(", ")}
    assert set(described) == set(TypedTarget.model_fields)
    for name, (types, _) in described.items():
        of_key = {part.strip("`") for part in types.split(", ")}
        assert of_key == (set(TYPES_OF_KEY[name]) if name in TYPES_OF_KEY else {"all"}), name


def test_forms_of_numbers_and_dates_are_read_as_told() -> None:
    _, _, forms, _, _ = _tables()
    read = 0
    for written, (told,) in forms.items():
        marked = f"`{written}" + ("" if written.count("`") % 2 else "`")  # marks at both ends are stripped
        cells = re.findall(r"`([^`]+)`", marked)
        wanted = told.removeprefix("minutes: ").removeprefix("seconds: ").split(", ")
        for cell, number in zip(cells, wanted * (len(cells) if len(wanted) == 1 else 1), strict=False):
            if re.fullmatch(r"[-\d.]+", number):
                column = pd.Series([cell], dtype=str)
                assert canonical_cells(column, column_kind(column, None, "a")).tolist() == [number], cell
                read += 1
    assert read >= 15
