"""What is rendered is clean for every slot value and every pair of them, and holds only what it uses."""

import ast
import itertools
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from agent.repository.idea import load_blueprint
from agent.repository.leakage import Leakage, leakage
from agent.repository.rendering import TaskView, write_tree
from tests.templates.image_classification.image_runs import FAMILY, Files, Slots, render
from tests.templates.image_classification.picture_competitions import task_view

TOO_MANY_TO_KEEP_DECODED = 10**6  # At most sizes.
TOO_MANY_TO_KEEP = 10**9
TASKS = (
    task_view("multilabel", "micro_f1"),
    task_view("classification", "accuracy"),
    task_view("multilabel", "macro_f1", TOO_MANY_TO_KEEP_DECODED),
    task_view("classification", "log_loss", columns=("red", "green", "blue", "white")),
    task_view("multilabel", "micro_f1_answer_classes"),
    task_view("classification", "roc_auc", TOO_MANY_TO_KEEP),
    task_view("classification", "qwk"),
    task_view("multilabel", "micro_f1").model_copy(update={"fold_column": "part", "own_folds": 4}),
    task_view("classification", "accuracy").model_copy(update={"gpus": 2}),
    task_view("multilabel", "micro_f1", TOO_MANY_TO_KEEP_DECODED).model_copy(update={"gpus": 4}),
    task_view("multilabel", "macro_f1", TOO_MANY_TO_KEEP).model_copy(update={"gpus": 8}),
)
CONTRACT = {
    "README.md",
    "requirements.txt",
    "idea.json",
    "main.py",
    *(
        f"library/{name}.py"
        for name in (
            "__init__",
            "config",
            "dataset",
            "models",
            "loss",
            "train",
            "inference",
            "utils",
            "saved",
            "device",
            "pictures",
        )
    ),
}


def covering_blueprints() -> list[Slots]:
    """Blueprints that together hold every pair of slot values: each takes as many missing ones as it can."""
    rng = random.Random(0)
    names = list(FAMILY.slots)
    values = [FAMILY.slots[name].values for name in names]
    ordered = [
        ((a, left), (b, right))
        for a, b in itertools.combinations(range(len(names)), 2)
        for left, right in itertools.product(range(len(values[a])), range(len(values[b])))
    ]
    missing = set(ordered)
    blueprints = []
    for pair in ordered:
        if pair not in missing:
            continue
        chosen = dict(pair)
        for slot in rng.sample([slot for slot in range(len(names)) if slot not in chosen], len(names) - 2):
            gains = [
                sum(tuple(sorted([(slot, value), other])) in missing for other in chosen.items())
                for value in range(len(values[slot]))
            ]
            chosen[slot] = gains.index(max(gains))
        missing -= set(itertools.combinations(sorted(chosen.items()), 2))
        blueprints.append({name: values[slot][chosen[slot]] for slot, name in enumerate(names)})
    return blueprints


@pytest.fixture(scope="module")
def rendered() -> list[tuple[Slots, TaskView, Files]]:
    cited = dict.fromkeys(FAMILY.slots, ("00003", "00018"))
    return [
        (slots, task, render(task, slots, cited if number % 2 else None))
        for number, slots in enumerate(covering_blueprints())
        for task in (TASKS[number % len(TASKS)], TASKS[(number + 1) % len(TASKS)])
    ]


def test_every_pair_of_slot_values_renders_the_contract_and_parses(
    rendered: list[tuple[Slots, TaskView, Files]],
) -> None:
    assert rendered
    extra = Counter(name for _, _, files in rendered for name in set(files) - CONTRACT)
    optional = {
        "budget",
        "checkpoint",
        "distributed",
        "feature_store",
        "fit",
        "head",
        "peer",
        "pseudo_labels",
    }
    assert set(extra) == {f"library/{name}.py" for name in optional}
    for slots, task, files in rendered:
        assert set(files) >= CONTRACT
        shares = task.gpus > 1 and "library/fit.py" in files
        for name in ("distributed", "peer"):
            assert (f"library/{name}.py" in files) == shares, slots
        for name in ("fit", "head"):
            used = f"from library.{name} import" in files["library/train.py"]
            assert (f"library/{name}.py" in files) == used, slots
    sources = {text: (name, slots) for slots, _, files in rendered for name, text in files.items()}
    for text, (name, slots) in sources.items():
        if name.endswith(".py"):
            tree = ast.parse(text, f"{name} {slots}")
            imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
            assert "agent" not in {alias.name for node in imports for alias in node.names}


@pytest.mark.slow
def test_nothing_reads_what_it_should_not(rendered: list[tuple[Slots, TaskView, Files]]) -> None:
    assert rendered
    for slots, _, files in rendered:
        assert leakage({}, files) == Leakage(), slots


@pytest.mark.parametrize("command", [["check", "--select", "E,F,I"], ["format", "--diff"]])
def test_every_pair_of_slot_values_is_clean_to_ruff(
    rendered: list[tuple[Slots, TaskView, Files]], tmp_path: Path, command: list[str]
) -> None:
    for number, (_, _, files) in enumerate(rendered):
        write_tree(files, tmp_path / str(number))
    line = [
        sys.executable,
        "-m",
        "ruff",
        *command,
        "--isolated",
        "--line-length",
        "110",
        "--quiet",
        str(tmp_path),
    ]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_no_file_outgrows_a_room(rendered: list[tuple[Slots, TaskView, Files]]) -> None:
    assert rendered
    for slots, _, files in rendered:
        for name, text in files.items():
            assert text.count("\n") <= 400, (name, slots)


def sources(files: Files) -> dict[str, ast.Module]:
    return {name: parsed(text) for name, text in files.items() if name.endswith(".py")}


@cache
def parsed(text: str) -> ast.Module:
    """The tree of a module; most modules are the same in many of the rendered repositories."""
    return ast.parse(text)


def names_in(trees: Iterable[ast.Module]) -> Counter[str]:
    """How often each name and attribute is read."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    attributes = Counter(node.attr for node in nodes if isinstance(node, ast.Attribute))
    return attributes + Counter(node.id for node in nodes if isinstance(node, ast.Name))


def test_every_setting_is_used_and_none_stands_elsewhere(
    rendered: list[tuple[Slots, TaskView, Files]],
) -> None:
    assert rendered
    for slots, _, files in rendered:
        trees = sources(files)
        (config,) = [node for node in trees["library/config.py"].body if isinstance(node, ast.ClassDef)]
        fields = {node.target.id for node in config.body if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]
        assert not fields - names_in(trees.values()).keys(), slots
        for name, tree in trees.items():
            for node in tree.body:
                if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant | ast.Dict):
                    assert ast.unparse(node.targets[0]) == "THRESHOLDS", (name, slots)
                elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                    assert isinstance(node.value.value, str), (name, slots)  # a column


def test_every_function_is_used(rendered: list[tuple[Slots, TaskView, Files]]) -> None:
    assert rendered
    for slots, _, files in rendered:
        trees = sources(files)
        used = names_in(trees.values())
        for tree in trees.values():
            functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
            unused = {node.name for node in functions if not node.name.startswith("__")} - used.keys()
            assert unused <= {"forward"}, slots


def test_functions_are_short(rendered: list[tuple[Slots, TaskView, Files]]) -> None:
    assert rendered
    for slots, _, files in rendered:
        for name, tree in sources(files).items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    assert (node.end_lineno or 0) - node.lineno < 70, (name, node.name, slots)


def test_calls_with_more_than_four_arguments_name_them(
    rendered: list[tuple[Slots, TaskView, Files]],
) -> None:
    assert rendered
    for slots, _, files in rendered:
        for name, tree in sources(files).items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and len(node.args) + len(node.keywords) > 4:
                    assert len(node.args) <= 2, (name, ast.unparse(node), slots)


def test_what_a_blueprint_does_not_use_is_not_there() -> None:
    plain = {"backbone": "tiny_cnn", "augmentation": "none", "flip": False, "amp": "off"}
    files = render(task_view("classification", "accuracy"), plain)
    text = "\n".join(text for name, text in files.items() if name != "idea.json")
    for unused in (
        "albumentations",
        "huggingface",
        "autocast",
        "threshold",
        "folds",
        "AveragedModel",
        "scipy",
        "flip(",
    ):
        assert unused not in text, unused


@pytest.mark.parametrize("users", [None, "0"])
def test_a_repository_that_augments_asks_no_network_for_a_newer_library_unless_told_to(
    tmp_path: Path, users: str | None
) -> None:
    write_tree(render(task_view("classification", "accuracy"), {"augmentation": "light"}), tmp_path)
    assert "import albumentations" in (tmp_path / "library" / "dataset.py").read_text()
    variable = "NO_ALBUMENTATIONS_UPDATE"
    inherited = {name: value for name, value in os.environ.items() if name != variable}
    done = subprocess.run(
        [sys.executable, "-c", f"import os, library.config; print(os.environ['{variable}'])"],
        cwd=tmp_path,
        env=inherited | ({} if users is None else {variable: users}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == (users or "1"), done.stderr


def test_slots_that_a_task_has_no_use_for_change_nothing() -> None:
    task = task_view("classification", "accuracy")
    files = [
        render(task, {"threshold": threshold, "loss": loss})
        for threshold, loss in [("fixed", "cross_entropy"), ("per_class", "asymmetric")]
    ]
    assert files[0].keys() == CONTRACT | {f"library/{name}.py" for name in ("budget", "checkpoint", "fit")}
    assert json.loads(files[0].pop("idea.json")) != json.loads(files[1].pop("idea.json"))
    assert files[0] == files[1]


def test_lessons_are_cited_where_their_slot_acts() -> None:
    files = render(
        task_view("multilabel", "micro_f1"), {"image_size": 96}, {"image_size": ("00003", "00018")}
    )
    (line,) = [line for line in files["library/config.py"].splitlines() if "Cite" in line]
    assert line.startswith("    image_size: int = 96  # ")
    assert line.endswith("  # Cite Lesson 00003, 00018")
    assert "00003" in files["README.md"]


def test_a_title_with_quotes_and_backslashes_stays_a_docstring() -> None:
    task = task_view("classification", "accuracy").model_copy(update={"title": 'A "\\"""title\\'})
    docstring = ast.get_docstring(ast.parse(render(task, {})["main.py"]))
    assert docstring is not None
    assert docstring.startswith("A '/'''title/."), "what would end the docstring is replaced"


def test_every_move_and_draft_fits_the_slots() -> None:
    for draft in FAMILY.drafts:
        render(task_view("classification", "accuracy"), dict(draft.set))
    assert len({move.id for move in FAMILY.moves}) == len(FAMILY.moves)
    for move in FAMILY.moves:
        slots = FAMILY.defaults | {name: values[0] for name, values in move.when.slots.items()}
        rungs = [name for name in (*move.raise_, *move.lower) if len(FAMILY.slots[name].values) > 1]
        assert move.set or rungs
        assert move.applied_to(slots, FAMILY) != slots


def test_the_baselines_and_then_the_other_drafts_get_heavier() -> None:
    baselines = [draft for draft in FAMILY.drafts if draft.first]
    others = [draft for draft in FAMILY.drafts if not draft.first]
    assert list(FAMILY.drafts) == [*baselines, *others]
    for group in (baselines, others):
        costs = [FAMILY.relative_cost(FAMILY.fill(dict(draft.set), draft.id)) for draft in group]
        assert costs == sorted(costs)


@pytest.mark.parametrize("name", ["seed.yaml", "seed-small.yaml"])
def test_the_seeds_recipe_is_a_blueprint_of_this_family(name: str) -> None:
    file = Path(__file__).parents[3] / "benchmarks" / "imet-2020" / name
    blueprint = load_blueprint(file, {FAMILY.id: FAMILY})
    files = render(task_view("multilabel", "micro_f1"), blueprint.slots)
    assert json.loads(files["idea.json"])["blueprint"]["slots"]["loss"] == "asymmetric"
    assert "initial_lr_factor: float = 1 / 25\n" in files["library/config.py"]
