"""Lazy registries and the entry points of installed packages."""

import sys
from pathlib import Path

import pytest

from agent.core.errors import SetupError
from agent.core.registry import Registry, Source
from tests.support.packages import install_package

SHAPES = {"square": "json:dumps", "circle": "json:loads", "broken": "agent.no_such_module:thing"}


@pytest.fixture
def shapes() -> Registry[object]:
    return Registry("mars.test_shapes", SHAPES)


def test_a_name_is_imported_when_it_is_loaded(shapes: Registry[object]) -> None:
    import json

    assert shapes.names() == ["square", "circle", "broken"]  # nothing is imported for the list
    assert shapes.load("square") is json.dumps
    assert "square" in shapes
    assert "triangle" not in shapes


def test_an_unknown_name_lists_the_nearest_choice_first(shapes: Registry[object]) -> None:
    with pytest.raises(SetupError, match=r"^Unknown test_shape 'circel'; choose one of: circle, .*square"):
        shapes.load("circel")


@pytest.mark.parametrize(("group", "kind"), [("mars.policies", "policy"), ("mars.metrics", "metric")])
def test_the_kind_is_the_singular_of_the_group(group: str, kind: str) -> None:
    with pytest.raises(SetupError, match=f"^Unknown {kind} 'x'"):
        Registry[object](group, {}).load("x")


def test_an_import_error_stays_one(shapes: Registry[object]) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        shapes.load("broken")


def test_a_package_adds_a_name(
    shapes: Registry[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "star" not in shapes
    points = {"mars.test_shapes": {"star": "shape_star:Star.points"}}
    install_package(tmp_path, "shape-star", points, {"shape_star.py": "class Star:\n    points = 5\n"})
    monkeypatch.syspath_prepend(tmp_path)
    assert shapes.names() == ["square", "circle", "broken", "star"]
    assert shapes.source("star") == Source("shape-star", "shape_star:Star.points")
    assert "shape_star" not in sys.modules
    assert shapes.load("star") == 5


def test_an_entry_point_without_its_attribute_names_the_package(
    shapes: Registry[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"mars.test_shapes": {"cube": "shape_cube:Cube"}}
    install_package(tmp_path, "shape-cube", points, {"shape_cube.py": ""})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SetupError, match=r"package shape-cube names shape_cube:Cube.* no attribute 'Cube'"):
        shapes.load("cube")


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("def (", "SyntaxError: invalid syntax"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_an_installed_module_that_cannot_be_imported_names_its_package(
    shapes: Registry[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, cause: str
) -> None:
    points = {"mars.test_shapes": {"cone": "shape_cone:Cone"}}
    install_package(tmp_path, "shape-cone", points, {"shape_cone.py": code})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SetupError, match=f"test_shape 'cone' of the package shape-cone .*[(]{cause}"):
        shapes.load("cone")


@pytest.mark.parametrize(
    ("taken", "packages"),
    [("square", "mars-search and shape-one"), ("oval", "shape-(one|two) and shape-(one|two)")],
)
def test_a_clash_names_both_packages(
    taken: str, packages: str, shapes: Registry[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"mars.test_shapes": {taken: "json:dumps"}}
    install_package(tmp_path, "shape-one", points, {})
    if taken == "oval":
        install_package(tmp_path, "shape-two", points, {})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SetupError, match=f"^{packages} each add a test_shape called '{taken}'; uninstall"):
        shapes.load(taken)
    assert shapes.names().count(taken) == 1
    assert shapes.load("circle")  # other names stay usable
