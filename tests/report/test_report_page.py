"""The report as a file: complete, bounded, self-contained, and inert for hostile texts."""

import io
import json
import re
import time
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.competition.metrics import get_metric
from agent.core.errors import InfrastructureError
from agent.record.events import (
    CurvePoint,
    ExpectedScore,
    ImportedRepository,
    NodeResult,
    RefitFinished,
    RefitResult,
    RunFinished,
)
from agent.record.state import Node, RunState
from agent.report.formatting import fair_limit
from agent.report.geometry import Scale, lay_out_tree, robust_range
from agent.report.html import ReportContext, render_report, write_report
from agent.report.node_files import NodeFiles
from agent.report.node_view import render_node
from agent.report.path_redaction import PathRedactor
from agent.repository.git_source import GitSource
from tests.report.scripted_run import LOG, SETTINGS, Script, curve, idea, lesson, node_files_of, result

ATTACK = "</script><img src=x onerror=alert(1)><!--<script>"


class Elements(HTMLParser):
    """Collects every tag with its attributes, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append(data)


def details(page: str) -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = embedded(page, "node-data")
    return content


def embedded(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found.group(1))


def code_of(page: str, node: str) -> dict[str, str]:
    """Return {path: text} of a node's files, assembled from line runs as on the page."""
    code, texts = embedded(page, "code-data"), {}
    for path, number in details(page)[node]["files"].items():
        runs = code["texts"][number]
        pairs = zip(runs[::2], runs[1::2], strict=True)
        texts[path] = "\n".join(
            line for start, count in pairs for line in code["lines"][start : start + count]
        )
    return texts


def test_page_contains_the_essential_facts(state: RunState, context: ReportContext) -> None:
    page = render_report(state, context)
    for promised in (
        "iMet Collection 2020",
        "SAMPLE data",
        "0f1e2d3c4b5a",
        "cannot be compared with scores on the full data",
        "candidates can reach the network",
        "audit scores are unprotected",
        "micro_f1",
        "higher is better",
        get_metric("micro_f1").definition,
        "9 valid, 1 suspect, 1 failed, 1 pruned",
        "0.6371",
        "The budget is spent.",
        "no such backbone",
        "Image size 128 instead of 96 helps",
        "11.2 % ± 1.8 % less error (1 pair)",
        "<dt>pinned</dt><dd>none</dd>",
        "<dt>executor</dt><dd>warm</dd>",
    ):
        assert promised in page, promised


def test_the_page_says_what_score_to_expect(context: ReportContext) -> None:
    script = Script()
    script.start()
    script.propose(1, "draft", (), idea("A draft"))
    script.finish(1, result(0.61, None, 3.0))
    expected = ExpectedScore(
        value=0.5987,
        standard_error=0.01,
        lower=0.579,
        upper=0.6183,
        method="repeated_choice",
        choices=36,
        nodes=9,
    )
    ended = RunFinished(elapsed_s=script.now, reason="done", chosen=1, expected=expected)
    page = render_report(RunState.replay([*script.events, ended], higher_is_better=True), context)
    assert "<dt>Expected on new rows</dt>" in page
    assert "<dd>0.5987</dd>" in page
    assert f"95 % interval 0.5790 to 0.6183: {expected.how}" in page


def test_every_node_has_its_details(state: RunState, context: ReportContext) -> None:
    page = render_report(state, context)
    nodes = details(page)
    for node in state.nodes.values():
        assert code_of(page, node.name) == node_files_of(node).files
    assert list(nodes) == [node.name for node in state.nodes.values()]
    assert LOG in str(nodes["005"]["log"])
    assert nodes["007"]["idea"]["edits"] == [{"file": "library/models.py", "old": 1, "new": 2}]
    assert "edits of library/models.py" in page
    assert nodes["011"]["best"] is True
    assert nodes["011"]["kept"] is True
    assert nodes["011"]["parents"] == ["010", "005", "007"]


def test_page_is_self_contained(state: RunState, context: ReportContext) -> None:
    tags = Elements(render_report(state, context)).tags
    assert {"script", "style", "a"} <= {tag for tag, _ in tags}
    for tag, attributes in tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "action", "srcset", "data"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,")), (tag, name)


def test_no_text_becomes_markup(state: RunState, context: ReportContext) -> None:
    script = Script()
    script.start(lesson("00001", 2, 1, 0.1, 0.01, ATTACK), missing=(ATTACK,))
    script.propose(
        1, "draft", (), idea(ATTACK, cites={"loss": ("00001",)}).model_copy(update={"model": ATTACK})
    )
    outcome = result(0.5, 0.5, 3.0, "suspect", ATTACK)
    point = CurvePoint(stage=ATTACK, fraction=1.0, elapsed_s=1.0, metric=0.5)
    script.finish(1, outcome.model_copy(update={"facts": {ATTACK: ATTACK}, "curve": (point,)}))
    script.end(ATTACK, 1)
    hostile = RunState.replay(script.events, higher_is_better=True)
    material = NodeFiles({ATTACK: ATTACK}, ATTACK, {ATTACK: [{ATTACK: ATTACK}]})
    page = render_report(
        hostile, ReportContext(ATTACK, ATTACK, get_metric("micro_f1"), lambda node: material)
    )
    honest = Elements(render_report(state, context))
    elements = Elements(page)
    assert {tag for tag, _ in elements.tags} <= {tag for tag, _ in honest.tags}
    assert "img" not in {tag for tag, _ in elements.tags}
    assert elements.scripts[-1] == honest.scripts[-1], "the code of the page is the same"
    assert code_of(page, "001") == {ATTACK: ATTACK}


def test_only_its_own_script_may_run(state: RunState, context: ReportContext) -> None:
    page = render_report(state, context)
    policy = next(a["content"] for t, a in Elements(page).tags if t == "meta" and "http-equiv" in a)
    assert policy
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def test_the_page_and_the_terminal_name_the_same_scores(state: RunState, context: ReportContext) -> None:
    refit = RefitResult(status="kept", seconds=72.0, audit_metric=0.6012, audit_se=0.0121)
    state.apply(RefitFinished(elapsed_s=state.elapsed_s + 72.0, node=5, result=refit))
    scores = details(render_report(state, context))["005"]["scores"]
    assert list(scores)[:4] == ["Validation", "Audit", "Other seeds", "Refit"]
    assert scores["Refit"] == "audit 0.6012 ± 0.0121, kept, 1:12"
    console = Console(file=io.StringIO(), width=140)
    console.print(render_node(state, state.nodes[5], Path("nodes/005"), "", {}))
    assert isinstance(console.file, io.StringIO)
    shown = [line.strip() for line in console.file.getvalue().splitlines()]
    for name in list(scores)[:4]:
        (line,) = [line for line in shown if line.startswith(f"{name.lower()}  ")]
        assert line.endswith(scores[name])


def test_what_json_lacks_becomes_null(context: ReportContext) -> None:
    script = Script()
    script.start()
    script.propose(1, "draft", (), idea("Diverged"))
    wild = CurvePoint.model_construct(  # as older versions recorded it
        stage="train", fraction=1.0, elapsed_s=1.0, train_loss=float("nan"), metric=float("inf")
    )
    script.finish(1, result(0.5, 0.5, 3.0).model_copy(update={"curve": (wild,)}))
    state = RunState.replay(script.events, higher_is_better=True)
    assert details(render_report(state, context))["001"]["curve"] == [["train", 1.0, 1.0, None, None]]


@pytest.mark.parametrize("events", [1, 2, 3])
def test_a_run_that_has_hardly_begun_has_a_report_too(context: ReportContext, events: int) -> None:
    script = Script()
    script.start()
    script.propose(1, "draft", (), idea("First"))
    script.finish(1, result(None, None, 1.0, "failed", "It stopped."))
    state = RunState.replay(script.events[:events], higher_is_better=True)
    assert "no valid node yet" in render_report(state, context)


def test_five_hundred_nodes_stay_small_and_quick(tmp_path: Path) -> None:
    script = Script()
    script.start()
    for node in range(1, 501):
        parents = () if node % 10 == 1 else (max(1, node - 1 - node % 3),)
        script.propose(node, "improve" if parents else "draft", parents, idea(f"Idea {node}"))
        metric = 0.5 + node / 2_000
        steps = curve(metric, 60.0) * 20
        script.finish(node, result(metric, metric - 0.01, 60.0).model_copy(update={"curve": steps}))
    state = RunState.replay(script.events, higher_is_better=True)
    texts = NodeFiles(
        files={"main.py": "".join(f"line {number} of code\n" for number in range(9_000))},
        log="epoch 1 loss 0.5 metric 0.4\n" * 2_000,
        analysis={f"feature {index}": index / 7 for index in range(400)},
    )

    def varied(node: Node) -> NodeFiles:
        return NodeFiles(
            {**texts.files, "library/config.py": "".join(f"{node.id * k}\n" for k in range(1_000))}
        )

    file = tmp_path / "report.html"
    for load_files in (varied, lambda node: texts):
        began = time.process_time()
        write_report(state, ReportContext("r", "Title", get_metric("accuracy"), load_files), file)
        assert time.process_time() - began < 3.0
        assert file.stat().st_size < 5_000_000
    page = file.read_text(encoding="utf-8")
    nodes = details(page)
    assert "further characters left out" in code_of(page, "001")["main.py"]
    assert "earlier characters left out" in str(nodes["001"]["log"])


def test_is_written_aside_and_renamed(state: RunState, context: ReportContext, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "report.html"
    write_report(state, context, file)
    write_report(state, context, file)
    assert [path.name for path in file.parent.iterdir()] == ["report.html"]
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(InfrastructureError, match=r"folder\.html: the report cannot be written"):
        write_report(state, context, tmp_path / "folder.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "folder.html"]
    with pytest.raises(InfrastructureError, match=r"page\.html: the report cannot be written"):
        write_report(state, context, file / "page.html")


class TestGeometry:
    def test_pills_never_overlap_and_children_stand_to_the_right(self, state: RunState) -> None:
        layout = lay_out_tree(state)
        places = {place.node.id: place for place in layout.nodes}
        assert len({(place.x, place.y) for place in layout.nodes}) == len(state.nodes)
        for column in {place.x for place in layout.nodes}:
            heights = sorted(place.y for place in layout.nodes if place.x == column)
            assert all(after - before >= 26 for before, after in pairwise(heights))
        for node in state.nodes.values():
            if node.parent is not None:
                assert places[node.id].x > places[node.parent].x
        assert sum(edge.secondary for edge in layout.edges) == 2

    def test_one_diverged_value_does_not_set_the_scale(self) -> None:
        lo, hi = robust_range([*(0.5 + step / 100 for step in range(20)), 1e9])
        assert lo < 0.5
        assert 0.69 < hi < 2.0

    @pytest.mark.parametrize("values", [[], [3.0], [0.0, 0.0], [float("nan"), 1.0], [-2.0, 5.0]])
    def test_a_range_is_never_empty(self, values: list[float]) -> None:
        lo, hi = robust_range(values)
        assert lo < hi
        ticks = Scale(lo, hi, 0, 100).ticks()
        assert 2 <= len(ticks) <= 8
        assert all(lo <= tick <= hi for tick in ticks)

    @pytest.mark.parametrize(
        ("sizes", "limit"),
        [([10, 10], 90), ([100, 10], 90), ([100, 100, 1], 49), ([1000] * 200, 0), ([], 90)],
    )
    def test_fair_limit(self, sizes: list[int], limit: int) -> None:
        assert fair_limit(sizes, total=100, most=90) == limit
        assert sum(min(size, limit) for size in sizes) <= 100


def test_lower_is_better_is_stated_and_drawn(tmp_path: Path) -> None:
    script = Script()
    script.start()
    for node, loss in ((1, 0.9), (2, 0.4), (3, 0.6)):
        script.propose(node, "draft", (), idea(f"Draft {node}"))
        script.finish(node, result(loss, loss + 0.01, 5.0))
    state = RunState.replay(script.events, higher_is_better=False)
    page = render_report(state, ReportContext("r", "Prices", get_metric("rmse"), node_files_of))
    assert "lower is better" in page
    assert "above it, a node scores better on validation rows" in page
    assert 'class="accent">0.4000' in page


def test_a_page_hides_the_path_of_the_home(tmp_path: Path) -> None:
    home = tmp_path / "lab <1>"
    file = home / "workspaces" / "r" / "nodes" / "001" / "main.py"
    script = Script()
    script.start()
    settings = SETTINGS.model_copy(update={"folder": str(tmp_path / "my_folder")})
    script.events[0] = script.events[0].model_copy(update={"settings": settings})
    script.propose(1, "draft", (), idea("Draft"))
    script.finish(1, NodeResult(status="failed", reason=f"{file}:3 failed.", commit="0" * 40, seconds=1.0))
    log = f'File "{file}", line 3\nread {Path.home()}/notes.txt, beside {home}.'
    material = NodeFiles(log=log, analysis={"worst": [{f"{home}/input/a.jpg": f"as {home}"}]})
    context = ReportContext(
        "r", "Toy", get_metric("accuracy"), lambda node: material, home / "solutions" / "toy", home
    )
    state = RunState.replay(script.events, higher_is_better=True)
    page = render_report(state, context)
    node = details(page)["001"]
    assert node["log"] == (
        'File "$MARS_HOME/workspaces/r/nodes/001/main.py", line 3\nread ~/notes.txt, beside $MARS_HOME.'
    )
    assert node["analysis"] == {"worst": [{"$MARS_HOME/input/a.jpg": "as $MARS_HOME"}]}
    assert node["reason"] == "$MARS_HOME/workspaces/r/nodes/001/main.py:3 failed."
    assert "<dt>folder</dt><dd>my_folder</dd>" in page
    assert str(tmp_path) not in page


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/a.git", "https://example.org/a.git"),
        ("/srv/private/own", "own"),
        ("file:///srv/own", "own"),
    ],
)
def test_the_page_names_the_git_source_without_folders_of_this_machine(
    context: ReportContext, url: str, shown: str
) -> None:
    source = GitSource(url=url, revision="v1", commit="c" * 40)
    imported = ImportedRepository(commit="0" * 40, idea=idea("Mine"), source=source)
    script = Script()
    script.start()
    settings = SETTINGS.model_copy(update={"imported": imported})
    script.events[0] = script.events[0].model_copy(update={"settings": settings})
    page = render_report(RunState.replay(script.events, higher_is_better=True), context)
    assert f"<dd>{shown}@v1, commit cccccccccccc; commit {'0' * 40} of the run</dd>" in page
    assert "/srv" not in page


def test_only_whole_folders_are_replaced() -> None:
    redactor = PathRedactor(Path("/srv/mars"))
    for text in ("/srv/mars2/a", "/srv/mars-old", "/backup/srv/mars/a", "mars"):
        assert redactor.text(text) == text
    assert redactor.text("a=/srv/mars/b:/srv/mars") == "a=$MARS_HOME/b:$MARS_HOME"
    assert PathRedactor(Path("/")).text("/srv/a / b") == "/srv/a / b"
    assert [redactor.folder(path) for path in ("/srv/mars/a", "/opt/own", "rel/own")] == [
        "$MARS_HOME/a",
        "own",
        "rel/own",
    ]
