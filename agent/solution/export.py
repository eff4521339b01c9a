"""Exports the repository of a node as a folder that runs without MARS, with its tables."""

import math
import platform
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from agent.competition.prepared import Prepared
from agent.competition.tables import read_table, write_table
from agent.core.contract import (
    INPUT_FOLDER,
    METADATA_FOLDER,
    README_FILE,
    WEIGHTS_FACT,
    WEIGHTS_FOLDER,
    WEIGHTS_FROM_FILE,
    member_folder,
)
from agent.core.errors import SetupError
from agent.core.files import staged_folder, translate_os_errors
from agent.core.paths import Home, templates_dir
from agent.execution.hardware import device
from agent.record.state import Node, RunState
from agent.repository.rendering import template_environment, template_names, write_tree
from agent.solution.requirements_lock import LOCK_FILE, installed_packages, requirements_lock

FORM_FOLDER = "sample_form"  # the user's sample submission
_MEMBERS_SHARE = 0.9  # must equal the share in templates/ensemble/library/members.py.j2


def export(
    run: str,
    state: RunState,
    node: Node,
    files: dict[str, str],
    prepared: Prepared,
    home: Home,
    target: Path,
    limits_s: Mapping[int, float],
    *,
    copy_input: bool = False,
    complete: Callable[[Path], None] = lambda folder: None,
) -> None:
    """Write the repository of a finished node with everything it needs to run.

    Tables are copied. `target` is not created if anything fails.

    Args:
        run: id of the run.
        state: the state of the run.
        node: the finished node.
        files: the node's repository.
        prepared: the prepared data.
        home: the folder with the user's own weights.
        target: a new or empty folder.
        limits_s: time limit in seconds by node, as in the search.
        copy_input: copy the media instead of linking them.
        complete: called with the complete folder before it gets its name.

    Raises:
        SetupError: the folder is not empty or not writable.
        InfrastructureError: the disk is full.
    """
    require_new_folder(target)
    members = [state.nodes[member] for member in node.parents] if node.operator == "ensemble" else []
    with translate_os_errors(f"Exporting to {target}"), staged_folder(target.absolute()) as folder:
        write_tree(files, folder)
        shutil.copytree(prepared.metadata, folder / METADATA_FOLDER)
        context = {
            "seconds": max(round(sum(one.seconds for one in (node, *members))), 1),
            "limit_s": math.ceil(_limit_s(node, members, limits_s)),
            "members": bool(members),
            "cuda": device() == "cuda",
            "media": _place_media(prepared, folder / INPUT_FOLDER, copy_input),
            "weights": _place_weights(node, members, home, folder),
            "inference": False,
        }
        add_own_files(run, state, node, files, prepared, folder, context)
        complete(folder)


def require_new_folder(target: Path) -> None:
    """Raise SetupError unless `target` is a new or empty folder."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SetupError(f"{target}: is not empty; choose a new or empty folder.")
    if target.is_symlink():
        raise SetupError(f"{target}: is a link; choose a folder.")


def add_own_files(
    run: str,
    state: RunState,
    node: Node,
    files: dict[str, str],
    prepared: Prepared,
    folder: Path,
    context: Mapping[str, object],
) -> None:
    """Add the common files of exports: row ids, package versions, a script, a section of the README."""
    assert node.result is not None
    _write_ids(prepared, folder / "ids.csv")
    own_form = write_sample_form(prepared, folder / FORM_FOLDER)
    # An export for inference was trained now, with the installed versions.
    packages = installed_packages() if context["inference"] else node.packages
    (folder / LOCK_FILE).write_text(requirements_lock(files, packages), encoding="utf-8")
    facts: dict[str, object] = {
        "run": run,
        "node": node.name,
        "commit": node.result.commit,
        "python": platform.python_version(),
        "id_column": prepared.spec.id_column,
        "form_folder": FORM_FOLDER if own_form else None,
        "metric_name": prepared.spec.metric,
        "metric": node.metric,
        "reason": node.result.reason,
        "data_kind": prepared.kind,
        "seed": state.run.seed,
        "threads": state.run.threads,
    }
    environment = template_environment(templates_dir() / "export")
    for name in template_names(templates_dir() / "export"):
        text = environment.get_template(name).render({**facts, **context})
        file = folder / name.removesuffix(".j2")
        with file.open("a" if file.name == README_FILE else "w", encoding="utf-8") as stream:
            stream.write(text)


def _place_media(prepared: Prepared, target: Path, copy: bool) -> Literal["none", "copied", "linked"]:
    if not any(prepared.input.iterdir()):
        target.mkdir()
        return "none"
    if copy:
        shutil.copytree(prepared.input, target)
        return "copied"
    target.symlink_to(prepared.input.resolve(), target_is_directory=True)
    return "linked"


def _write_ids(prepared: Prepared, target: Path) -> None:
    """Write the original ids of the rows to predict, without the audit rows."""
    ids = read_table(prepared.private, "ids.csv")
    write_table(ids[ids["part"] == "test"][["opaque", "original"]], target)


def write_sample_form(prepared: Prepared, folder: Path) -> bool:
    """Write form and cells of the user's sample submission, if it differs from candidates' submissions."""
    final = prepared.final
    if final is None or final.is_canonical(prepared.submission_columns):
        return False
    folder.mkdir()
    (folder / "form.json").write_text(final.model_dump_json(indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(prepared.private / "sample.csv", folder / "sample.csv")
    return True


def _limit_s(node: Node, members: list[Node], limits_s: Mapping[int, float]) -> float:
    """Return the time limit in seconds with which the node alone trains as in the search."""
    if not members:
        return limits_s[node.id]
    # An ensemble gives each member in turn this share of an equal part of the time left.
    return len(members) * max(limits_s[member.id] for member in members) / _MEMBERS_SHARE


def _place_weights(node: Node, members: list[Node], home: Home, folder: Path) -> list[str]:
    """Copy the user's own weights that the node or its members use into their folders."""
    owners = [(member, folder / member_folder(member.name)) for member in members] or [(node, folder)]
    placed = []
    for owner, place in owners:
        facts = owner.result.facts if owner.result else {}
        for key, value in facts.items():
            name = Path(value.removeprefix(WEIGHTS_FROM_FILE)).name
            source = home.weights / name
            is_file_fact = key.startswith(WEIGHTS_FACT) and value.startswith(WEIGHTS_FROM_FILE)
            if is_file_fact and name and source.is_file():
                target = place / WEIGHTS_FOLDER / name
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(source, target)
                placed.append(str(target.relative_to(folder)))
    return placed
