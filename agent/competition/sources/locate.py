"""Lookup of the raw data of a competition.

Sources: files of the user, an imported copy, a script of the competition, Kaggle, or a generated sample.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.competition.metrics import get_metric
from agent.competition.prepared import DataKind
from agent.competition.registry import Competition
from agent.competition.sources import kaggle_download
from agent.competition.sources.archive import unpack
from agent.competition.sources.mle_bench import find_split
from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from agent.core.files import link_or_copy, resolve_inside, resolve_table, staged_folder, translate_os_errors
from agent.core.locks import temporary_folder
from agent.core.paths import Home
from agent.core.plain_text import plain_text
from agent.core.trees import open_owned_folder
from agent.core.untrusted_files import MAX_DEPTH, read_inside, write_inside

DataChoice = Literal["auto", "full", "sample"]

RunScript = Callable[[Path, list[str], list[Path], Path], None]
"""Runs (script, arguments, readable folders, writable folder); raises SetupError if the script fails."""

_MARKER = ".mars-data.json"
_MARKER_BYTES = 100_000


@dataclass(frozen=True)
class RawData:
    """A folder with the tables of the specification, and media."""

    folder: Path
    kind: DataKind
    description: str
    """Description of the data, printed as the first line of a run."""
    metric: str | None = None
    """Metric of the graders of this data, if different from the metric of the competition."""
    source: str | None = None
    """`kaggle` or `mle-bench`, or None for other sources."""

    def with_grader_metric(self, spec: CompetitionSpec) -> CompetitionSpec:
        """Return the specification with the metric of this data."""
        return spec if self.metric is None else spec.model_copy(update={"metric": self.metric})


def locate_data(
    competition: Competition,
    home: Home,
    choice: DataChoice,
    run_script: RunScript,
    seed: int = 0,
    offline: bool = False,
) -> RawData:
    """Find, download or generate the raw data.

    Args:
        competition: the competition.
        home: the home of MARS, for downloaded and generated data.
        choice: "full", "sample", or "auto" for full data if available, else a sample.
        run_script: runs a script of the competition.
        seed: seed for the script that generates the data.
        offline: do not ask Kaggle.

    Raises:
        SetupError: the chosen data are missing (the message says how to get them), or a script failed.
        InfrastructureError: the disk is full.
    """
    spec = competition.spec
    kaggle_error = ""
    with translate_os_errors(f"Looking for the data of {spec.id}"):
        full = None if choice == "sample" else _find_full_data(competition, home.data, run_script, seed)
        if full is not None:
            return full
        if choice != "sample" and not offline and _should_ask_kaggle(spec, choice):
            try:
                return _download(competition, home)
            except SetupError as error:
                if choice == "full" or spec.sample_script is None:
                    raise
                kaggle_error = f" {error}"
        if choice != "full" and spec.sample_script is not None:
            target = home.data / spec.id / _name_with_seed("sample", seed)
            _generate(competition, spec.sample_script, target, run_script, seed)
            description = f"Data: a generated sample, not the real data of {spec.title}."
            return RawData(target, "sample", description + kaggle_error)
    if choice == "sample":
        raise SetupError(f"{spec.id} has no sample; run with --data full.")
    raise SetupError(
        f"{spec.id}: the full data are missing; import them with `mars prepare {spec.id} --from DIR|ZIP`."
    )


def import_data(competition: Competition, source: Path, home: Home) -> RawData:
    """Import a folder or zip file of the user as `home.data/<id>/full`, with hard links where possible.

    Data that MLE-bench has prepared are recognised: the private answers become `answers/`, which only
    `mars grade` reads.

    Raises:
        SetupError: tables are missing (the message lists them), or the zip file is unsafe, damaged or too
            large.
        InfrastructureError: the disk is full.
    """
    return _import(competition, source, home, {})


def _import(competition: Competition, source: Path, home: Home, origin: dict[str, str]) -> RawData:
    spec = competition.spec
    target = home.data / spec.id / "full"
    if target.resolve().is_relative_to(source.resolve()):
        raise SetupError(
            f"{source}: the folder contains {target}, the destination of the data; give another folder."
        )
    with translate_os_errors(f"Importing {source}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(".unpacked-", target.parent) as scratch:
            folder = unpack(source, scratch)
            split = find_split(folder, spec) if _missing_tables(spec, folder) else None
            if split is not None and spec.sources.mle_bench_metric is not None:
                get_metric(spec.sources.mle_bench_metric).prediction_kind(spec.task)
            root = _data_root(spec, folder if split is None else split.public, source)
            with staged_folder(target, replace=True) as new:
                _copy_tree(root, new)
                if split is not None:
                    origin = {**origin, "source": "mle-bench"}
                    _copy_answers(split.answers, new / "answers")
                write_inside(new, _MARKER, json.dumps({"origin": "imported", **origin}))
    return _imported_data(spec, target)


def _imported_data(spec: CompetitionSpec, target: Path) -> RawData:
    source, metric = str(_marker(target).get("source", "")) or None, None
    description = f"Data: the full data of {spec.title}"
    if source == "kaggle":
        description += " from Kaggle"
    elif source == "mle-bench":
        metric = spec.sources.mle_bench_metric
        description += " as split by MLE-bench" + (f" and graded with {metric}" if metric else "")
    return RawData(target, "full", f"{description}, imported into {target}.", metric, source)


def _should_ask_kaggle(spec: CompetitionSpec, choice: DataChoice) -> bool:
    """Return whether to ask Kaggle. Without credentials, a sample replaces the full data silently."""
    wanted = choice == "full" or spec.sample_script is None
    return spec.sources.kaggle is not None and (wanted or kaggle_download.has_credentials())


def _download(competition: Competition, home: Home) -> RawData:
    spec, parent = competition.spec, home.data / competition.spec.id
    assert spec.sources.kaggle is not None
    parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(".kaggle-", parent) as folder:
        try:
            archive = kaggle_download.download(spec.sources.kaggle, folder)
        except kaggle_download.KaggleError as error:
            raise SetupError(
                f"{spec.id}: {error}; or import the files with `mars prepare {spec.id} --from DIR|ZIP`."
            ) from error
        return _import(competition, archive, home, {"source": "kaggle"})


def _find_full_data(competition: Competition, data: Path, run_script: RunScript, seed: int) -> RawData | None:
    spec = competition.spec
    if resolve_table(competition.folder, spec.train).is_file():
        return RawData(
            competition.folder, "full", f"Data: the full data of {spec.title} in {competition.folder}."
        )
    target = data / spec.id / "full"
    if spec.data_script is not None and _marker(target).get("origin") != "imported":
        target = data / spec.id / _name_with_seed("full", seed)
        _generate(competition, spec.data_script, target, run_script, seed)
        return RawData(target, "full", f"Data: the full data of {spec.title}, made by {spec.data_script}.")
    return _imported_data(spec, target) if (target / spec.train).is_file() else None


def _name_with_seed(name: str, seed: int) -> str:
    return name if seed == 0 else f"{name}-{seed}"


def _generate(competition: Competition, script: str, target: Path, run_script: RunScript, seed: int) -> None:
    """Run a script to generate `target`, unless the code is unchanged since the last run."""
    marker = {"origin": "generated", "seed": seed, "code": _code_hash(competition.folder)}
    if _marker(target) == marker:
        return
    file = resolve_inside(competition.folder, script)
    if not file.is_file():
        raise SetupError(f"{file}: the script is missing.")
    with staged_folder(target, replace=target.exists()) as folder:
        run_script(file, [str(folder), "--seed", str(seed)], [competition.folder], folder)
        _require_plain_tree(folder, file)
        missing = _missing_tables(competition.spec, folder)
        if missing:
            raise SetupError(f"{file}: the script did not write {', '.join(missing)}.")
        write_inside(folder, _MARKER, json.dumps(marker))


def _require_plain_tree(folder: Path, script: Path) -> None:
    """Raise SetupError unless a script left files and folders only, nested less than `MAX_DEPTH` deep.

    A link could make the harness read or overwrite files of the user.
    """
    pending = [(folder, 0)]
    while pending:
        place, depth = pending.pop()
        os.close(open_owned_folder(place))
        for entry in os.scandir(place):
            if entry.is_dir(follow_symlinks=False):
                pending.append((place / entry.name, depth + 1))
                problem = f"nested more than {MAX_DEPTH} deep" if depth >= MAX_DEPTH else ""
            elif not entry.is_file(follow_symlinks=False):
                problem = "a link" if entry.is_symlink() else "neither a file nor a folder"
            else:
                problem = "a hard link" if entry.stat(follow_symlinks=False).st_nlink > 1 else ""
            if problem:
                name = (place / entry.name).relative_to(folder).as_posix()[:100]
                raise SetupError(
                    f"{script}: the script left {plain_text(name)!r}, which is {problem}; "
                    "write the file itself."
                )


def _marker(folder: Path) -> dict[str, object]:
    try:
        content = json.loads(read_inside(folder.resolve(), _MARKER, _MARKER_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _code_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _missing_tables(spec: CompetitionSpec, folder: Path) -> list[str]:
    tables = (spec.train, spec.test, spec.sample_submission, spec.label_table, spec.train_labels)
    return [name for name in tables if name is not None and not resolve_table(folder, name).is_file()]


def _data_root(spec: CompetitionSpec, folder: Path, source: Path) -> Path:
    """Return `folder`, or the folder directly in it that holds the tables. Archives often wrap all files."""
    inside = (entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.is_symlink())
    candidates = [folder, *inside]
    for candidate in candidates:
        if not _missing_tables(spec, candidate):
            return candidate
    raise SetupError(
        f"{source}: these tables of {spec.id} are missing: {', '.join(_missing_tables(spec, folder))}."
    )


def _copy_answers(files: list[Path], target: Path) -> None:
    target.mkdir(mode=0o700)
    for file in files:
        link_or_copy(file, target / file.name)


def _copy_tree(source: Path, target: Path) -> None:
    pending = [(source, target, 0)]
    while pending:
        folder, place, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise SetupError(f"{source}: the folders are nested more than {MAX_DEPTH} deep; flatten them.")
        for entry in sorted(folder.iterdir()):
            if entry.is_symlink():
                raise SetupError(f"{entry}: the path is a link; put the file or folder itself there.")
            if entry.is_dir():
                (place / entry.name).mkdir()
                pending.append((entry, place / entry.name, depth + 1))
            elif entry.is_file():
                link_or_copy(entry, place / entry.name)
