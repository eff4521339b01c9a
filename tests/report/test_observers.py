"""Observers of a run in progress: plain lines, and the live screen on a recorded terminal."""

import io
import time

import pytest
from rich.console import Console

from agent.record.events import CurvePoint, Event, RunResumed
from agent.record.observer import Observer
from agent.record.state import RunState
from agent.report.live_screen import LiveScreen
from agent.report.observer import make_observer
from agent.report.plain_lines import PlainLines
from tests.report.scripted_run import Script, idea, lesson, result

HEADLINE = "iMet Collection 2020 on its sample (made here, 1,500 labelled rows)"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def terminal(width: int = 140, height: int = 40) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def last_picture(console: Console) -> str:
    return written(console)[written(console).rfind(HEADLINE[:25]) :]


def send(observer: Observer, events: list[Event]) -> RunState:
    state = RunState(higher_is_better=True)
    state.apply(events[0])
    observer.started(state, HEADLINE)
    for event in events[1:]:
        state.apply(event)
        observer.on_event(event, state)
    return state


def short_story() -> list[Event]:
    script = Script()
    script.start(missing=("candidates can reach the network",))
    script.propose(1, "draft", (), idea("Small network"))
    script.finish(1, result(0.4312, 0.4287, 18.2))
    script.propose(2, "improve", (1,), idea("Larger pictures"))
    script.finish(2, result(None, None, 7.5, "failed", "It ran\nout of memory."))
    script.learn(2, lesson("00002", 2, 1, 0.112, 0.018, "Image size 128 helps"))
    script.repeat(1, 0.44, 65.0)
    script.repeat(1, None, 2.0)
    script.end("The budget is spent.", 1)
    return script.events


class TestPlainLines:
    def test_one_exact_line_per_event(self) -> None:
        console = Console(file=io.StringIO())
        observer = PlainLines(console)
        send(observer, short_story())
        observer.note("Memory is at version 2.")
        observer.close()
        assert written(console).splitlines() == [
            HEADLINE,
            "Warning: incomplete isolation: candidates can reach the network",
            "[   0:00] node 001 draft: Small network, expected 30 s",
            "[   0:20] node 001 valid 0.4312 ± 0.0080, audit 0.4287 ± 0.0210, 18 s, best so far",
            "[   0:20] node 002 improve of 001: Larger pictures, expected 30 s",
            "[   0:30] node 002 failed, 7.5 s: It ran out of memory.",
            "[   0:30] lesson 00002 from node 002: Image size 128 helps: 11.2 % ± 1.8 % less error (1 pair)",
            "[   0:30] node 001 repeat started with another seed",
            "[   1:35] node 001 repeat 0.4400, 1:05",
            "[   1:35] node 001 repeat started with another seed",
            "[   1:37] node 001 repeat failed, 2.0 s",
            "[   1:37] run finished, best node 001: The budget is spent.",
            "Memory is at version 2.",
        ]

    def test_start_and_resume_have_lines_of_their_own(self) -> None:
        console = Console(file=io.StringIO())
        state = RunState(higher_is_better=True)
        for event in (short_story()[0], RunResumed(elapsed_s=61.0, minutes=30)):
            state.apply(event)
            PlainLines(console).on_event(event, state)
        assert written(console).splitlines() == [
            "[   0:00] run started on SAMPLE data of imet-2020: 10 min, at most 20 nodes, policy mcts, "
            "seed 0, 0 lessons offered",
            "[   1:01] run resumed, total budget 30 min",
        ]

    def test_a_long_node_gives_a_sign_of_life_once_a_minute(self) -> None:
        console, now = Console(file=io.StringIO()), Clock()
        observer = PlainLines(console, now)
        state = send(observer, short_story()[:2])
        point = CurvePoint(stage="train", fraction=0.42, elapsed_s=100.0, metric=0.51)
        for second in range(0, 130, 10):
            now.now = float(second)
            observer.on_progress(state, {1: [point], 2: []})
        alive = [line for line in written(console).splitlines() if "running:" in line]
        assert alive == [
            "[   1:00] running: 001 train 42 %, metric 0.5100",
            "[   2:00] running: 001 train 42 %, metric 0.5100",
        ]

    def test_what_a_candidate_wrote_cannot_steer_the_terminal_or_forge_a_line(self) -> None:
        console = Console(file=io.StringIO())
        script = Script()
        script.start()
        script.propose(1, "draft", (), idea("\x1b[2J[bold]x[/bold]\n[   9:99] run finished\u202e"))
        send(PlainLines(console), script.events)
        assert written(console).splitlines()[1:] == [
            "[   0:00] node 001 draft: [2J[bold]x[/bold] [ 9:99] run finished, expected 30 s"
        ]

    def test_lines_reach_the_file_at_once(self) -> None:
        class Recording(io.StringIO):
            flushed = 0

            def flush(self) -> None:
                self.flushed = len(self.getvalue())

        file = Recording()
        PlainLines(Console(file=file)).note("now")
        assert file.flushed == len("now\n")


class TestLiveScreen:
    def test_shows_all_parts(self, story: list[Event]) -> None:
        console, now = terminal(), Clock()
        observer = LiveScreen(console, "micro_f1", now)
        state = send(observer, story[:-1])
        now.now = 15.0
        point = CurvePoint(stage="train member 1 fold 2", fraction=0.5, elapsed_s=12.0, metric=0.61)
        observer.on_progress(state, {13: [point]})
        observer.close()
        picture = last_picture(console)
        assert "SAMPLE data  imet-2020  micro_f1, higher is better" in picture
        assert "incomplete isolation: candidates can reach the network" in picture
        assert "9:24 of 10:00, 0:36 left" in picture
        assert "13 of 20   9 valid, 1 suspect, 1 failed, 1 pruned" in picture
        assert "★ node 011  0.6371 ± 0.0080   audit 0.6288 ± 0.0210   Blend of nodes" in picture
        assert "Ema True instead of False makes no difference" in picture
        running = next(line for line in picture.splitlines() if "train member 1 fold 2" in line)
        assert running.startswith("13".zfill(3))
        assert "━" in running
        assert "50 %, metric 0.6100" in running

    def test_lists_the_latest_nodes_with_change_score_and_status(self, story: list[Event]) -> None:
        console = terminal()
        observer = LiveScreen(console, "micro_f1", Clock())
        send(observer, story)
        observer.close()
        lines = last_picture(console).splitlines()

        def row(name: str) -> str:
            return " ".join(next(line for line in lines if line.lstrip().startswith(name)).split())

        assert row("005") == "005 improve 003 Train longer (epochs 5 → 8) 0.6134 ± 0.0080 0.6077 1:18 ● valid"
        assert "✗ failed" in row("006")
        assert "ValueError in library/models.py" in row("006")
        assert "▲ suspect" in row("008")
        assert "◦ pruned" in row("009")
        assert row("011").startswith("011 ensemble 010 +2 Blend")
        assert "★ best" in row("011")
        assert not any(line.lstrip().startswith("001 ") for line in lines), "only the latest twelve are shown"

    @pytest.mark.parametrize(("width", "height"), [(60, 16), (80, 24), (100, 30), (200, 60)])
    def test_fits_terminals_of_other_sizes(self, story: list[Event], width: int, height: int) -> None:
        console = terminal(width, height)
        observer = LiveScreen(console, "micro_f1", Clock())
        send(observer, story)
        observer.close()
        lines = last_picture(console).splitlines()
        assert max(len(line) for line in lines) <= width
        assert len(lines) <= height
        assert any("★ node 011" in line for line in lines)

    def test_a_resumed_run_starts_with_what_it_has(self, state: RunState) -> None:
        console = terminal()
        observer = LiveScreen(console, "micro_f1", Clock())
        observer.started(state, HEADLINE)
        observer.close()
        assert "Test-time flips" in last_picture(console)
        assert "9 valid" in last_picture(console)

    def test_notes_stand_above_the_screen(self, story: list[Event]) -> None:
        console = terminal()
        observer = LiveScreen(console, "micro_f1", Clock())
        send(observer, story[:3])
        observer.note("The disk is nearly full.")
        observer.close()
        assert "The disk is nearly full." in written(console)

    def test_redraws_at_most_four_times_a_second(self, story: list[Event]) -> None:
        console, now = terminal(), Clock()
        observer = LiveScreen(console, "micro_f1", now)
        state = send(observer, story)
        pictures = written(console).count(HEADLINE)
        for step in range(100):
            now.now = step / 100
            observer.on_progress(state, {})
        assert written(console).count(HEADLINE) - pictures <= 4
        observer.close()

    def test_redraws_less_often_where_drawing_is_slow(self, story: list[Event]) -> None:
        """A picture that takes 0.1 s is drawn every 3 to 4 s, so that candidates keep the cores."""
        console, now = terminal(), Clock()
        observer = LiveScreen(console, "micro_f1", now)
        state = send(observer, story)
        pictures = written(console).count(HEADLINE)

        def draw_slowly(*arguments: object, **options: object) -> None:
            now.now += 0.1
            update(*arguments, **options)

        update = observer._live.update
        observer._live.update = draw_slowly  # type: ignore[method-assign, assignment]
        while now.now < 30.0:
            now.now += 0.1
            observer.on_progress(state, {})
        assert 7 <= written(console).count(HEADLINE) - pictures <= 12
        observer.close()

    def test_an_event_costs_well_under_a_millisecond_however_long_the_run(self) -> None:
        script = Script()
        script.start()
        for node in range(1, 501):
            script.propose(
                node, "draft" if node == 1 else "improve", (node - 1,) * (node > 1), idea("Same again")
            )
            script.finish(node, result(0.5, 0.5, 0.01))
        observer = LiveScreen(terminal(), "micro_f1")
        state = RunState(higher_is_better=True)
        state.apply(script.events[0])
        observer.started(state, HEADLINE)
        spent = []
        for event in script.events[1:]:
            state.apply(event)
            began = time.thread_time()
            observer.on_event(event, state)
            spent.append(time.thread_time() - began)
        observer.close()
        assert sorted(spent)[len(spent) // 2] < 0.0003
        assert sum(spent) / len(spent) < 0.001


class TestChoice:
    def test_a_terminal_gets_the_screen(self) -> None:
        assert isinstance(make_observer(terminal(), json_mode=False), LiveScreen)

    def test_a_pipe_gets_lines(self) -> None:
        assert isinstance(make_observer(Console(file=io.StringIO()), json_mode=False), PlainLines)

    def test_json_mode_leaves_stdout_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        observer = make_observer(Console(), json_mode=True)
        observer.note("for people")
        observer.close()
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == "for people\n"
