"""Exports as git repositories: one commit per revision, notes and tags, read by git itself."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.record.events import Event, FixProposed, NodeFinished, NodeProposed, NodeResult
from agent.record.state import RunState
from agent.repository.edits import Edit
from agent.repository.idea import Change, Fix, Idea
from agent.repository.lineage import Lineage
from agent.solution.git_export import kept_tags, write_history
from agent.solution.revisions import Revision, revisions_of
from tests.solution.test_keep import card
from tests.support.states import idea, lesson, started

BEGIN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
CRLF = "X = 1\r\nY = 2  \n\ufeff"


class RecordedRun:
    """Records nodes with their files; every event is a minute later than the one before."""

    def __init__(self, folder: Path) -> None:
        self.lineage = Lineage(folder / "repository.git")
        self.state: RunState = started((lesson("depth", 1, 2),))
        self.events: list[tuple[datetime, Event]] = []

    def _record(self, event: Event) -> None:
        self.events.append((BEGIN + timedelta(minutes=len(self.events)), event))
        self.state.apply(event)

    def propose(self, node: int, parents: tuple[int, ...], what: Idea, operator: str) -> None:
        self._record(
            NodeProposed.model_validate(
                {"elapsed_s": 0.0, "node": node, "operator": operator, "parents": parents, "idea": what}
            )
        )

    def fix(self, node: int, files: dict[str, str], title: str) -> None:
        fix = Fix(title=title, cause="A typing error.", edits=(Edit(file="main.py", find="a", replace="b"),))
        self._record(
            FixProposed(elapsed_s=0.0, node=node, failed=self._result(node, files, "failed", None), fix=fix)
        )

    def finish(self, node: int, files: dict[str, str], metric: float) -> None:
        result = self._result(node, files, "valid", metric)
        self._record(NodeFinished(elapsed_s=0.0, node=node, result=result))

    def _result(self, node: int, files: dict[str, str], status: str, metric: float | None) -> NodeResult:
        above = self.state.nodes[node]
        parents = [self.state.nodes[parent].commit for parent in above.parents]
        parents = [above.attempts[-1].failed.commit] if above.attempts else parents
        return NodeResult.model_validate(
            {
                "status": status,
                "reason": "" if metric else "NameError in main.py.",
                "commit": self.lineage.commit(files, parents, "message", node),
                "seconds": 1.0,
                "metric": metric,
                "metric_se": 0.01,
                "audit_metric": metric and metric - 0.05,
                "audit_se": 0.03,
            }
        )

    def revisions(self, node: int) -> list[Revision]:
        return revisions_of("toy-1", self.state, "accuracy", self.events, self.state.nodes[node])


@pytest.fixture
def run(tmp_path: Path) -> RecordedRun:
    """A draft that is fixed twice, its child, another draft, and the ensemble of child and draft."""
    run = RecordedRun(tmp_path)
    run.propose(1, (), idea("A first\nidea\x1b", {"depth": 1}), "draft")
    for number, title in ((1, "Define a"), (2, "Define b")):
        run.fix(1, {"main.py": f"broken {number}", "library/loss.py": CRLF}, title)
    run.finish(1, {"main.py": "a = 1\n", "library/loss.py": CRLF}, 0.7)
    change = Change(slot="depth", old=1, new=2)
    deeper = idea("Deeper", {"depth": 2}, changes=(change,), cites={"depth": ("00001",)})
    run.propose(2, (1,), deeper, "improve")
    run.finish(2, {"main.py": "a = 2\n", "library/loss.py": CRLF}, 0.8)
    run.propose(3, (), idea("Another", {"depth": 3}), "draft")
    run.finish(3, {"main.py": "a = 3\n"}, 0.6)
    run.propose(4, (2, 3), idea("Blend").model_copy(update={"blueprint": None}), "ensemble")
    members = {"members/002/main.py": "a = 2\n", "members/003/main.py": "a = 3\n"}
    run.finish(4, {"main.py": "blend\n", **members}, 0.82)
    return run


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def exported(run: RecordedRun, node: int, folder: Path, tags: dict[int, str] | None = None) -> Path:
    """Return a folder as `export` leaves it, turned into a git repository."""
    files = run.lineage.read(run.state.nodes[node].commit)
    for name, text in {**files, "finish.py": "print()\n", "metadata/train.csv": "id\n"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    for place in ("ids.csv", "members/002/weights/w.pth"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text("stays here\n")
    (folder / "input").symlink_to("/")
    write_history(folder, run.revisions(node), run.lineage.read, tags or {})
    return folder


def test_the_history_has_a_commit_per_revision_with_its_fixes_in_order(
    run: RecordedRun, tmp_path: Path
) -> None:
    folder = exported(run, 2, tmp_path / "out")
    log = git(folder, "log", "--reverse", "--format=%s|%an|%cI", "main").splitlines()
    assert log == [
        "draft: A first idea|MARS|2026-03-04T05:07:07+00:00",
        "fix 1: Define a|MARS|2026-03-04T05:08:07+00:00",
        "fix 2: Define b|MARS|2026-03-04T05:09:07+00:00",
        "improve: Deeper|MARS|2026-03-04T05:11:07+00:00",
        "Add the files of the export|MARS|2026-03-04T05:11:07+00:00",
    ]
    assert git(folder, "show", "main~3:main.py") == "broken 2"
    assert git(folder, "show", "main~1:main.py") == "a = 2\n"
    assert git(folder, "fsck", "--strict") == ""


def test_messages_name_plan_slots_scores_and_lessons(run: RecordedRun, tmp_path: Path) -> None:
    folder = exported(run, 2, tmp_path / "out")
    draft, improve = (git(folder, "log", "-1", "--format=%b", name) for name in ("main~4", "main~1"))
    assert "Model: m\nData: d\nTraining: t\nEvaluation: e\n" in draft
    assert "Blueprint toy: depth=1" in draft
    assert "Status: failed. NameError in main.py." in draft
    assert "Changed slots: depth 1 -> 2" in improve
    assert "Validation accuracy: 0.80000 ± 0.01000" in improve
    assert "Audit accuracy: 0.75000 ± 0.03000" in improve
    assert "Lessons cited: 00001 depth 2" in improve
    fix = git(folder, "log", "-1", "--format=%b", "main~2")
    assert "Cause: A typing error.\nEdited: main.py\n" in fix


def test_notes_hold_the_same_for_machines(run: RecordedRun, tmp_path: Path) -> None:
    folder = exported(run, 2, tmp_path / "out")
    note = json.loads(git(folder, "notes", "show", "main~1"))
    assert (note["run"], note["node"], note["fixes"], note["status"]) == ("toy-1", 2, 0, "valid")
    assert note["validation"] == {"score": 0.8, "standard_error": 0.01}
    assert note["audit"] == {"score": 0.75, "standard_error": 0.03}
    (cited,) = note["lessons"]["cited"]
    assert (cited["id"], cited["verdict"]) == ("00001", "helps")
    assert note["commit"] == run.state.nodes[2].commit
    broken = json.loads(git(folder, "notes", "show", "main~4"))
    assert (broken["status"], broken["validation"]) == ("failed", None)
    assert len(git(folder, "notes", "list").splitlines()) == 4


def test_an_ensemble_joins_the_lines_of_its_members(run: RecordedRun, tmp_path: Path) -> None:
    folder = exported(run, 4, tmp_path / "out")
    graph = git(folder, "log", "-1", "--format=%s|%P", "main~1").strip()
    subject, _, parents = graph.partition("|")
    assert subject == "ensemble: Blend"
    subjects = [git(folder, "log", "-1", "--format=%s", parent).strip() for parent in parents.split()]
    assert subjects == ["improve: Deeper", "draft: Another"]
    assert git(folder, "status", "--porcelain") == "", "the members' weights are ignored"


def test_data_and_weights_stay_out_and_every_revision_checks_out_clean(
    run: RecordedRun, tmp_path: Path
) -> None:
    folder = exported(run, 4, tmp_path / "out")
    names = git(folder, "ls-files").splitlines()
    expected = {".gitignore", "finish.py", "main.py", "members/002/main.py", "members/003/main.py"}
    assert set(names) == expected
    for commit in git(folder, "rev-list", "main").split():
        git(folder, "checkout", "--quiet", commit)
        assert git(folder, "status", "--porcelain") == ""
    assert (folder / "metadata" / "train.csv").is_file()


def test_it_can_be_pushed_as_it_is_and_gives_equal_commits_each_time(
    run: RecordedRun, tmp_path: Path
) -> None:
    first = exported(run, 2, tmp_path / "first", {2: "kept-2026-03-04-002", 3: "kept-2026-03-04-003"})
    again = exported(run, 2, tmp_path / "again")
    assert git(first, "rev-parse", "main") == git(again, "rev-parse", "main")
    assert git(first, "tag").split() == ["kept-2026-03-04-002"], "node 3 is not in the lineage"
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "remote.git"], check=True)
    url = (tmp_path / "remote.git").as_uri()
    git(first, "push", "--quiet", url, "main", "--tags", "refs/notes/commits")
    git(tmp_path, "clone", "--quiet", "--branch", "main", url, "clone")
    assert (tmp_path / "clone" / "library" / "loss.py").read_bytes() == CRLF.encode()
    assert git(tmp_path / "clone", "describe", "--tags", "main~1").strip() == "kept-2026-03-04-002"


def test_settings_of_the_user_do_not_change_the_history(
    run: RecordedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "template" / "hooks" / "post-index-change"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    (tmp_path / "ignored").write_text("*.py\n")
    (tmp_path / ".gitconfig").write_text(
        f"[init]\ntemplateDir = {tmp_path}/template\ndefaultBranch = trunk\n[commit]\ngpgSign = true\n"
        f"[tag]\ngpgSign = true\n[core]\nautocrlf = true\nexcludesFile = {tmp_path}/ignored\n"
    )
    plain = exported(run, 2, tmp_path / "plain")
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = exported(run, 2, tmp_path / "out", {2: "kept-2026-03-04-002"})
    assert git(folder, "rev-parse", "main") == git(plain, "rev-parse", "main")
    assert git(folder, "status", "--porcelain") == ""
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE"])
def test_variables_of_another_repository_have_no_effect(
    run: RecordedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "--quiet")
    plain = git(exported(run, 2, tmp_path / "plain"), "rev-parse", "main")
    monkeypatch.setenv(variable, str(tmp_path / "other" / ".git"))  # as git does for its hooks
    folder = exported(run, 2, tmp_path / "out")
    monkeypatch.delenv(variable)
    assert git(folder, "rev-parse", "main") == plain
    assert git(folder, "status", "--porcelain") == ""


def test_only_kept_solutions_of_the_run_get_a_tag(toy_prepared: Prepared) -> None:
    cards = [card(toy_prepared, run="toy-1", node=12), card(toy_prepared, run="toy-2", node=3)]
    assert kept_tags("toy-1", cards) == {12: "kept-2026-01-01-012"}
