"""`mars tree`, `mars show` and `mars diff` as text."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from agent.llm.calls import Call
from agent.record.events import RunFinished
from agent.record.state import RunState
from agent.report.node_view import print_diff, render_calls, render_node
from agent.report.tree import render_tree
from tests.report.scripted_run import ANALYSIS, DIFF, LOG, Script, idea, result
from tests.support.states import add, finish, propose, started


def as_text(renderable: RenderableType, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_node_that_failed_in_its_smoke_run_is_said_so_and_counted_apart() -> None:
    state = started(max_nodes=3)
    for stage in ("smoke", "run"):
        failure = {"stage": stage, "redacted_message": "KeyError"}
        finish(state, propose(state), reason="KeyError in main.py.", failure=failure)
    add(state, None, 0.5)
    reason = "the 3 nodes of --max-nodes were tried; 9:40 of 10:00 were not used"
    state.apply(RunFinished(elapsed_s=20.0, reason=reason, end_reason="budget_used", chosen=3))
    text = as_text(render_tree(state, 120), 120)
    rows = [line for line in text.splitlines() if " draft " in line]
    assert [row.split("✗ ")[-1].strip() for row in rows[:2]] == ["failed smoke", "failed"]
    assert "3 nodes: 1 valid, 2 failed (1 in the smoke run)" in text
    assert f"ended: {reason}" in text


def test_scores_over_several_folds_say_so_and_others_do_not(tmp_path: Path) -> None:
    state = started()
    scores = {"metric_se": 0.01, "fold_metrics": (0.75, None, 0.8125)}
    finish(state, propose(state), 0.8125, folds=3, **scores)
    assert "folds" not in as_text(render_tree(_of_one_fold(), 120), 120)
    lines = as_text(render_tree(state, 120), 120).splitlines()
    assert "folds" in lines[0]
    assert lines[2][lines[0].index("folds") :].split()[0] == "3"
    shown = as_text(render_node(state, state.nodes[1], tmp_path, "", {}))
    assert "0.8125 ± 0.0100, out-of-fold over 3 folds" in shown
    assert re.search(r"after each fold +0\.7500, –, 0\.8125", shown)


def test_the_score_of_each_target_is_shown(tmp_path: Path) -> None:
    state = started()
    finish(state, propose(state), 0.75, target_metrics={"churn": 0.5, "price": None})

    shown = as_text(render_node(state, state.nodes[1], tmp_path, "", {}))

    assert re.search(r"target churn +0\.5000", shown)
    assert re.search(r"target price +–", shown)


def test_accuracy_on_seen_and_unseen_classes_is_shown(tmp_path: Path) -> None:
    state = started()
    parts = {"breed": {"overall": 0.7, "seen": 0.8, "unseen": 0.6, "called novel": 0.15}}
    finish(state, propose(state), 0.7, target_metrics={"breed": 0.7}, target_parts=parts)

    shown = " ".join(as_text(render_node(state, state.nodes[1], tmp_path, "", {})).split())

    assert "target breed 0.7000 (overall 0.7000, seen 0.8000, unseen 0.6000, called novel 0.1500)" in shown


def _of_one_fold() -> RunState:
    state = started()
    add(state, None, 0.5)
    return state


class TestTree:
    def test_nodes_stand_below_their_parents(self, state: RunState) -> None:
        lines = as_text(render_tree(state, 140)).splitlines()
        labels = [line[: lines[0].index("what")].strip() for line in lines[2:15]]
        assert labels == [
            "001 draft",
            "002 draft",
            "├─ 003 improve",
            "│  ├─ 005 improve",
            "│  │  ├─ 009 improve",
            "│  │  └─ 010 improve",
            "│  │     ├─ 011 ensemble",
            "│  │     └─ 012 improve",
            "│  │        └─ 013 improve",
            "│  └─ 006 improve",
            "│     └─ 007 debug",
            "└─ 004 improve",
            "008 draft",
        ]

    def test_scores_changes_and_states_are_shown_in_words(self, state: RunState) -> None:
        text = as_text(render_tree(state, 160), 160)

        def row(name: str) -> str:
            return next(line for line in text.splitlines() if f"{name} " in line[:24])

        assert "Larger pictures (image_size 96 → 128)" in row("003")
        assert "0.6021 ± 0.0080" in row("003")
        assert "52 s" in row("003")
        assert "✗ failed" in row("006")
        assert "no such backbone" in row("006")
        assert "Name the backbone as the package does (edits of library/models.py)" in row("007")
        assert "▲ suspect" in row("008")
        assert "◦ pruned" in row("009")
        assert "★ best" in row("011")
        assert "blends 010 + 005 + 007" in row("011")
        assert "… running" in row("013")
        assert "13 nodes: 9 valid, 1 suspect, 1 failed, 1 pruned; 9:09 used; best node 011" in text

    @pytest.mark.parametrize(
        ("width", "shown", "left_out"),
        [
            (80, ["0.6021", "Larger pictures"], ["± 0.0080", "audit", "lessons"]),
            (100, ["0.6021 ± 0.0080", "0.5933"], ["± 0.0210", "lessons"]),
            (140, ["0.6021 ± 0.0080", "(image_size 96 → 128)"], ["± 0.0210", "lessons"]),
            (180, ["(image_size 96 → 128)", "0.5933 ± 0.0210", "00002 helps"], ["slots"]),
            (220, ["slots or reason", " image_size 96 → 128 ", "00002 helps", "52 s"], ["(image_size"]),
        ],
    )
    def test_a_wider_terminal_shows_more(
        self, state: RunState, width: int, shown: list[str], left_out: list[str]
    ) -> None:
        lines = as_text(render_tree(state, width), width).splitlines()
        text = "\n".join([lines[0], next(line for line in lines if "003 " in line)])
        assert [one for one in shown if one not in text] == []
        assert [one for one in left_out if one in text] == []

    def test_shows_the_lessons_a_node_cites(self, state: RunState) -> None:
        lines = as_text(render_tree(state, 180), 180).splitlines()
        row = next(line for line in lines if "010 improve" in line)
        assert "00001 00002" in row

    @pytest.mark.parametrize("width", [60, 80, 120, 150, 180, 240])
    def test_keeps_to_the_width(self, state: RunState, width: int) -> None:
        assert max(len(line) for line in as_text(render_tree(state, width), width).splitlines()) <= width

    def test_a_long_chain_keeps_room_for_what_changed(self) -> None:
        script = Script()
        script.start()
        for node in range(1, 1201):
            script.propose(
                node, "draft" if node == 1 else "improve", (node - 1,) * (node > 1), idea("On and on")
            )
        state = RunState.replay(script.events, higher_is_better=True)
        lines = as_text(render_tree(state, 120), 120).splitlines()
        assert max(len(line) for line in lines) <= 120
        assert sum("On and on" in line for line in lines) == 1200
        assert any("1200 improve" in line for line in lines)

    def test_a_narrow_terminal_keeps_room_for_what_changed(self) -> None:
        script = Script()
        script.start()
        for node in range(1, 61):
            what = idea("Larger pictures every time")
            script.propose(node, "draft" if node == 1 else "improve", (node - 1,) * (node > 1), what)
            script.finish(node, result(0.5 + node / 1000, 0.5, 3.0))
        state = RunState.replay(script.events, higher_is_better=True)
        lines = as_text(render_tree(state, 80), 80).splitlines()
        assert max(len(line) for line in lines) <= 80
        assert sum("Larger pictures" in line for line in lines) == 60

    def test_a_run_without_nodes(self) -> None:
        assert "no nodes yet" in as_text(render_tree(RunState(higher_is_better=True), 80))


class TestShow:
    def test_a_valid_node_in_full(self, state: RunState) -> None:
        text = as_text(render_node(state, state.nodes[5], Path("nodes/005"), LOG, ANALYSIS))
        for promised in (
            "node 005 improve",
            "● valid",
            "Train longer",
            "A small convolutional network pretrained",
            "flips and light colour jitter",
            "AdamW with a cosine schedule",
            "One global threshold",
            "epochs",
            "5 → 8",
            "cites lesson 00002",
            "00002  Image size 128 instead of 96 helps: 11.2 % ± 1.8 % less error (1 pair)",
            "0.6134 ± 0.0080",
            "0.6077 ± 0.0210",
            "other seeds",
            "0.6098",
            "1:18, expected 30 s, smoke run 2.5 s",
            "lcnet_050.ra2_in1k",
            "nodes/005",
            "picture brightness: 0.21",
            "label tag::dogs, f1 0.18",
            "backbone=lcnet_050",
        ):
            assert promised in text, promised
        assert "end of the log" not in text

    def test_a_node_shows_the_lessons_learned_from_it(self, state: RunState) -> None:
        text = as_text(render_node(state, state.nodes[3], Path("nodes/003"), "", {}))
        assert "lessons learned from this node" in text
        assert "00002  Image size 128" in text

    def test_a_failed_node_gives_its_reason_and_the_end_of_its_log(self, state: RunState) -> None:
        log = "\n".join(f"line {number}" for number in range(5_000))
        text = as_text(render_node(state, state.nodes[6], Path("nodes/006"), log, {}))
        assert "ValueError in library/models.py: no such backbone." in text
        assert "earlier characters left out" in text
        assert "line 4999" in text
        assert "line 100\n" not in text

    def test_text_of_an_endpoint_is_not_parsed_as_markup(self) -> None:
        call = Call(
            role="planner",
            purpose="draft",
            model="m[/b]",
            mode="schema",
            prompt=("a",),
            answer="",
            number=1,
            status="failed",
            reason="",
            tokens_in=0,
            tokens_cached=None,
            tokens_out=0,
            estimated=False,
            usd=None,
            seconds=1.0,
        )
        text = as_text(render_calls([call], {"a": "Which [i]slot[/i]?"}.get))
        assert "m[/b] failed (draft)" in text
        assert "Which [i]slot[/i]?" in text

    def test_lists_of_numbers_are_rounded(self, state: RunState) -> None:
        analysis = {"weights_by_fold": [[2 / 3, 1 / 3], [0.5, 0.5]]}
        text = as_text(render_node(state, state.nodes[5], Path("n"), "", analysis))
        assert "weights by fold: [[0.6667, 0.3333], [0.5, 0.5]]" in text

    def test_control_characters_of_a_log_are_left_out(self, state: RunState) -> None:
        text = as_text(render_node(state, state.nodes[6], Path("n"), "a\x1b]0;owned\x07b [red]c[/red]", {}))
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "[red]c[/red]" in text

    def test_a_running_node_and_an_ensemble(self, state: RunState) -> None:
        assert "not scored yet" in as_text(render_node(state, state.nodes[13], Path("n"), "", {}))
        assert "010 + 005 + 007" in as_text(render_node(state, state.nodes[11], Path("n"), "", {}))

    def test_the_direction_does_not_matter_for_a_loss(self) -> None:
        script = Script()
        script.start()
        script.propose(1, "draft", (), idea("First"))
        script.finish(1, result(1234.5, None, 3.0))
        state = RunState.replay(script.events, higher_is_better=False)
        assert "1,234.5 ± 0.0" in as_text(render_node(state, state.nodes[1], Path("n"), "", {}))


class TestDiff:
    def test_a_pipe_gets_a_patch_byte_for_byte(self) -> None:
        console = Console(file=io.StringIO(), width=20)
        print_diff(console, DIFF)
        assert isinstance(console.file, io.StringIO)
        assert console.file.getvalue() == DIFF

    def test_a_terminal_gets_colour_and_no_control_characters_of_the_diff(self) -> None:
        console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
        print_diff(console, "-old\n+new\x1b]0;owned\x07\n")
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()
        assert "\x1b[9" in text
        assert "\x1b]0" not in text
        assert "\x07" not in text
