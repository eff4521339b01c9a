"""`main.py --refit` of an ensemble: its members learn from all labelled rows, weights and decision stay."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.templates.ensemble.ensemble_repository import Problem, Result, lay_out, run, run_all
from tests.templates.ensemble.test_ensemble_repository import PROBLEMS

NAMES = ("balanced accuracy", "ranks", "log loss", "AUC of two classes", "micro F1", "RMSE")

# What a member that learned from more rows says: the outputs of a file beside it.
MEMBER = """
import json, os, sys
from pathlib import Path
if "--predict" in sys.argv:
    Path("working/predicted_outputs.npz").write_bytes(Path("working/model/network").read_bytes())
    sys.exit()
assert "--save" in sys.argv or sys.argv[1:] == ["--refit"], sys.argv
assert "--refit" not in sys.argv or json.loads(Path("working/frozen.json").read_text())["seconds"] > 0
if "--save" in sys.argv:
    Path("working/model").mkdir(exist_ok=True)
    Path("working/model/network").write_bytes(Path("refitted.npz").read_bytes())
assert Path("input").is_dir()
Path("working/test_outputs.npz").write_bytes(Path("refitted.npz").read_bytes())
calls = Path("calls.txt")
calls.write_text((calls.read_text() if calls.exists() else "") + os.environ["MARS_TIME_LIMIT_S"] + "\\n")
"""


def with_members_that_refit(folder: Path, scale: float = 1.0) -> Path:
    """Members whose refitted outputs are their recorded ones, scaled."""
    for number, member in enumerate(sorted((folder / "members").iterdir()), start=1):
        with np.load(member / "working" / "test_outputs.npz") as arrays:
            np.savez(member / "refitted.npz", ids=arrays["ids"], outputs=arrays["outputs"] * scale)
        (member / "main.py").write_text(MEMBER)
        (member / "working" / "frozen.json").write_text(json.dumps({"seconds": float(number)}))
    return folder


@pytest.fixture(scope="module")
def blended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The problems, run to their end without --refit."""
    folders = [lay_out(PROBLEMS[name], tmp_path_factory.mktemp("problem")) for name in NAMES]
    assert all(result.printed for result in run_all(folders))
    return dict(zip(NAMES, folders, strict=True))


def copied(source: Path, target: Path) -> Path:
    return shutil.copytree(source, target)


@pytest.mark.parametrize("name", NAMES)
def test_members_that_learned_nothing_new_give_the_same_submission(
    name: str, blended: dict[str, Path], tmp_path: Path
) -> None:
    folder = with_members_that_refit(copied(blended[name], tmp_path / "ensemble"))
    before = (folder / "submission" / "submission.csv").read_bytes()
    shutil.rmtree(folder / "submission")
    for left in ("val_submission.csv", "val_outputs.npz", "analysis.json"):
        (folder / "working" / left).unlink()
    result = run(folder, "--refit", limit_s=100)
    assert (folder / "submission" / "submission.csv").read_bytes() == before
    assert {file.name for file in (folder / "working").iterdir()} == {
        "frozen.json",
        "progress.jsonl",
        "test_outputs.npz",
    }
    assert "Final Validation Metric" not in result.output
    last = json.loads((folder / "working" / "progress.jsonl").read_text().splitlines()[-1])
    assert last["stage"] == "done"
    assert "metric" not in last


def test_what_members_say_anew_is_weighed_as_before(blended: dict[str, Path], tmp_path: Path) -> None:
    folder = with_members_that_refit(copied(blended["RMSE"], tmp_path / "ensemble"), scale=2.0)
    with np.load(folder / "working" / "test_outputs.npz") as arrays:
        before = arrays["outputs"]
    run(folder, "--refit", limit_s=100)
    with np.load(folder / "working" / "test_outputs.npz") as arrays:
        assert arrays["outputs"] == pytest.approx(2 * before, abs=1e-2)  # members keep half precision


@pytest.mark.parametrize("arguments", [("--save",), ("--refit", "--save")], ids=["run", "refit"])
@pytest.mark.parametrize("name", NAMES)
def test_what_members_kept_gives_the_same_submission_without_labelled_rows(
    name: str, arguments: tuple[str, ...], blended: dict[str, Path], tmp_path: Path
) -> None:
    folder = with_members_that_refit(copied(blended[name], tmp_path / "ensemble"), scale=0.5)
    result = run(folder, *arguments, limit_s=100)
    assert ("Final Validation Metric" in result.output) == ("--refit" not in arguments)
    saved = (folder / "submission" / "submission.csv").read_bytes()
    shutil.rmtree(folder / "submission")
    for part in ("train", "val"):
        (folder / "metadata" / f"{part}.csv").unlink()
    for member in (folder / "members").iterdir():
        (member / "refitted.npz").unlink()
        for file in (member / "working").glob("*.*"):
            file.unlink()
    for file in (folder / "working").glob("*.*"):
        file.unlink()
    for place in (folder, tmp_path / "elsewhere"):  # where the members' links lead nowhere
        folder = folder.rename(place)
        shutil.rmtree(folder / "submission", ignore_errors=True)
        run(folder, "--predict", limit_s=100)
        assert (folder / "submission" / "submission.csv").read_bytes() == saved


def test_without_kept_decisions_one_sentence_says_what_to_do(
    blended: dict[str, Path], tmp_path: Path
) -> None:
    result = run(with_members_that_refit(copied(blended["RMSE"], tmp_path / "ensemble")), "--predict")
    assert result.output == (
        "working/model/decisions.json: is missing or damaged; run `python main.py --save` first.\n"
    )


def test_priors_of_another_length_are_refused_in_one_sentence(
    blended: dict[str, Path], tmp_path: Path
) -> None:
    folder = with_members_that_refit(copied(blended["balanced accuracy"], tmp_path / "ensemble"))
    run(folder, "--save")
    file = folder / "working" / "model" / "decisions.json"
    decided = json.loads(file.read_text())
    needed = len(decided["priors"])
    file.write_text(json.dumps({**decided, "priors": decided["priors"][1:]}))
    assert run(folder, "--predict").output == (
        f"working/model/decisions.json: priors must have length {needed}, not {needed - 1}; "
        "correct that or run `python main.py --save` again.\n"
    )


def calls(folder: Path, member: str) -> list[float]:
    """Time limits of a member's executions."""
    file = folder / "members" / member / "refit" / "calls.txt"
    return [float(line) for line in file.read_text().split()] if file.exists() else []


def test_time_goes_where_it_went_before_and_none_to_members_without_weight(
    blended: dict[str, Path], tmp_path: Path
) -> None:
    folder = with_members_that_refit(copied(blended["RMSE"], tmp_path / "ensemble"))
    file = folder / "working" / "frozen.json"
    weights = {"003": 0.5, "004": 0.0, "005": 0.5}
    file.write_text(json.dumps({**json.loads(file.read_text()), "weights": weights}))
    run(folder, "--refit", limit_s=100)
    assert calls(folder, "004") == []
    first, third = calls(folder, "003")[0], calls(folder, "005")[0]
    assert first == pytest.approx(0.9 * 95 / 4, abs=3)  # 1 s of the 4 s that both took
    assert third == pytest.approx(0.9 * 95, abs=9)
    run(folder, "--refit", limit_s=100)
    assert len(calls(folder, "003")) == 1, "its outputs are there already"
    (folder / "members" / "003" / "working" / "frozen.json").write_text('{"seconds": 7.0}')
    run(folder, "--refit", limit_s=100)
    assert len(calls(folder, "003")) == 1, "a copy of its own, which began anew"
    assert calls(folder, "003")[0] != first
    assert len(calls(folder, "005")) == 1


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ("weights", "working/frozen.json: is missing or damaged; run `python main.py` first"),
        ("own choices", "working/frozen.json: is missing or damaged; run `python main.py` first"),
        (
            "member's choices",
            "members/003/working/frozen.json: is missing or damaged; run `python main.py` in members/003",
        ),
        ("older member", "members/003/main.py does not support --refit, so this ensemble cannot use it."),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(
    spoil: str, sentence: str, blended: dict[str, Path], tmp_path: Path
) -> None:
    folder = with_members_that_refit(copied(blended["RMSE"], tmp_path / "ensemble"))
    shutil.rmtree(folder / "submission")
    if spoil == "own choices":
        (folder / "working" / "frozen.json").unlink()
    elif spoil == "weights":
        file = folder / "working" / "frozen.json"
        frozen = json.loads(file.read_text())
        del frozen["weights"]["003"]
        file.write_text(json.dumps(frozen))
    elif spoil == "member's choices":
        (folder / "members" / "003" / "working" / "frozen.json").unlink()
    else:
        (folder / "members" / "003" / "main.py").write_text("print('an older one')")
    result: Result = run(folder, "--refit", limit_s=100)
    assert result.output.startswith(sentence)
    assert "Traceback" not in result.output
    assert not (folder / "submission").exists()


def test_a_smoke_run_freezes_nothing(tmp_path: Path) -> None:
    problem: Problem = PROBLEMS["RMSE"]
    folder = lay_out(problem, tmp_path)
    assert run(folder, "--smoke").printed
    assert not (folder / "working" / "frozen.json").exists()
