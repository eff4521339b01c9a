"""Filtering, comparing, code and lessons of the report, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from agent.competition.metrics import get_metric
from agent.record.state import Node, RunState
from agent.report.html import ReportContext, write_report
from agent.report.node_files import NodeFiles
from tests.report.scripted_run import Script, files_of, idea, result
from tests.report.test_report_browser import ATTACK, browser, file, shown_nodes, visit
from tests.report.test_report_page import code_of

__all__ = ["browser", "file"]


@pytest.fixture
def page(browser: Browser, file: Path) -> Page:
    return visit(browser, file).page


def open_hash(page: Page, address: str) -> None:
    page.evaluate("(address) => { location.hash = address; }", address)
    page.wait_for_selector("#panel:not([hidden])")


def test_search_looks_at_ideas_slots_reasons_and_lessons(page: Page) -> None:
    for words, nodes in (
        ("larger pictures", ["003"]),
        ("image_size=128", ["003"]),
        ("such backbone", ["006"]),
        ("LESSON 00001", ["002", "010"]),
        ("debug", ["007"]),
        ("nothing like it", []),
    ):
        page.fill("#filters [name=words]", words)
        assert shown_nodes(page) == nodes, words
    page.click("text=Clear")
    page.locator("#node-table tbody tr:visible").nth(12).wait_for()  # the page follows a moment later
    assert len(shown_nodes(page)) == 13


def test_a_slot_value_filters_table_and_pictures(page: Page) -> None:
    offered = page.locator("#filters [name=slot] option").all_inner_texts()
    assert "image_size = 128 (1)" in offered
    assert not any(text.startswith("backbone") for text in offered), "it has one value everywhere"
    page.select_option("#filters [name=slot]", label="epochs = 8 (1)")
    assert shown_nodes(page) == ["005"]
    expect(page.locator(".pill:not(.dim)")).to_have_count(1)
    expect(page.locator(".pill.dim")).to_have_count(12)


def test_two_ticked_nodes_are_compared(page: Page) -> None:
    page.check("[value='002']")
    expect(page.locator("#picked")).to_contain_text("Tick a second node", use_inner_text=True)
    page.check("[value='001']")
    page.check("[value='003']")
    assert not page.is_checked("[value='002']"), "the first one is let go of"
    page.click("#picked a")
    expect(page.locator("#panel-title")).to_have_text("Node 001 and node 003", use_inner_text=True)


def test_a_comparison_shows_scores_slots_curves_and_code(page: Page) -> None:
    open_hash(page, "#compare-002-003")
    text = page.locator("#panel").inner_text()
    for promised in (
        "0.5518 ± 0.0080",
        "0.6021 ± 0.0080",
        "+0.0503 ± 0.0113, better",
        "+0.0531 ± 0.0297, within 2 standard errors",
        "paired over the same rows: 11.2 % ± 1.8 % less error",
        "1.5 × the time",
        "further slots have equal values",
    ):
        assert promised in text, promised
    slots = page.locator("h3:has-text('Slots that differ') + div tbody tr")
    assert slots.all_inner_texts() == ["image_size\t96\t128"]
    expect(page.locator("#panel .curves polyline.stage-0")).to_have_count(2)
    expect(page.locator("#panel .curves polyline.stage-1")).to_have_count(2)
    expect(page.locator("#panel .split .minus", has_text="image_size = 96")).to_be_visible()
    expect(page.locator("#panel .split .plus", has_text="image_size = 128")).to_be_visible()
    page.click("#panel >> text=Swap")
    expect(page.locator("#panel")).to_contain_text("−0.0503 ± 0.0113, worse", use_inner_text=True)


def test_a_node_offers_to_be_compared(page: Page) -> None:
    open_hash(page, "#node-005")
    page.select_option("#panel .compare-choice select", "010")
    expect(page.locator("#panel-title")).to_have_text("Node 010 and node 005", use_inner_text=True)
    page.go_back()
    expect(page.locator("#panel-title")).to_have_text("Train longer", use_inner_text=True)


def test_a_failed_or_running_node_can_be_compared_too(page: Page) -> None:
    open_hash(page, "#compare-006-013")
    expect(page.locator("#panel")).to_contain_text("✗ failed, improve", use_inner_text=True)
    page.goto(page.url.split("#")[0] + "#compare-003-999")
    expect(page.locator("#panel")).to_be_hidden()


def test_a_citation_in_the_code_opens_the_lesson_and_its_evidence_the_nodes(page: Page) -> None:
    open_hash(page, "#node-010")
    page.click("#panel >> text=All files")
    page.click("#panel summary:has-text('library/config.py')")
    code = page.locator("#panel .numbered")
    expect(code).to_contain_text("epochs = 5  # Cite Lesson 00001, 00002", use_inner_text=True)
    assert code.locator(".keyword").all_inner_texts() == ["class", "False"]
    code.locator("a", has_text="00002").click()
    expect(page.locator("#panel-title")).to_have_text(
        "Image size 128 instead of 96 helps", use_inner_text=True
    )
    expect(page.locator("#panel")).to_contain_text("11.2 % ± 1.8 % less error", use_inner_text=True)
    page.click("#panel .evidence a:has-text('compare')")
    expect(page.locator("#panel-title")).to_have_text("Node 002 and node 003", use_inner_text=True)
    page.go_back()
    page.click("#panel .evidence a:has-text('003')")
    expect(page.locator("#panel-title")).to_have_text("Larger pictures", use_inner_text=True)


def test_lessons_are_filtered(page: Page) -> None:
    lessons = page.locator("#lessons-list > .lesson:visible .lesson-id")
    page.select_option("#lesson-filters [name=verdict]", "inconclusive")
    assert lessons.all_inner_texts() == ["00003"]
    page.select_option("#lesson-filters [name=verdict]", "")
    page.fill("#lesson-filters [name=words]", "asymmetric")
    assert lessons.all_inner_texts() == ["00001"]


def test_keys_step_through_what_the_table_shows(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("draft")
    assert shown_nodes(page) == ["001", "002", "008"]
    page.click(".pill[href='#node-001']")
    for expected in ("002", "008", "008"):
        page.keyboard.press("j")
        expect(page.locator(".panel-bar")).to_contain_text(f"node {expected}")
    page.keyboard.press("k")
    expect(page.locator(".panel-bar")).to_contain_text("node 002")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()


def test_the_theme_can_be_switched(page: Page) -> None:
    def paper() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = paper()
    page.click("#theme")
    assert paper() != light
    page.reload()
    assert page.locator("#theme").inner_text() == "Light", "the choice is remembered"
    page.click("#theme")
    assert paper() == light


@pytest.mark.parametrize("width", [400, 820, 1280])
def test_comparisons_and_lessons_never_scroll_sideways(browser: Browser, file: Path, width: int) -> None:
    page = visit(browser, file, width).page
    for address in ("#compare-002-003", "#lesson-00002", "#node-010"):
        open_hash(page, address)
        fits = "(panel) => panel.scrollWidth <= panel.clientWidth"
        assert page.locator("#panel").evaluate(fits), address


def test_the_differences_turn_one_text_into_the_other(page: Page) -> None:
    check = """([before, after]) => {
      const [a, b] = [before, after].map((text) => text.split(""));
      const script = lineDiff(a, b);
      const side = (gone) => script.filter(([sign]) => sign !== gone).map(([, line]) => line).join("");
      return [side("+"), side("-"), script.filter(([sign]) => sign !== " ").length];
    }"""
    for before, after, edits in (
        ("abcabba", "cbabac", 5),
        ("", "abc", 3),
        ("abc", "", 3),
        ("same", "same", 0),
        ("xaxcxabc", "abcy", 6),
        ("aaab", "aab", 1),
    ):
        assert page.evaluate(check, [before, after]) == [before, after, edits]
    long = ["".join(chr(97 + k * step % 23) for k in range(3_000)) for step in (7, 9)]
    assert page.evaluate(check, long)[:2] == long, "beyond the bound it is still right"


def test_hostile_code_stays_text_in_every_view(browser: Browser, tmp_path: Path) -> None:
    script = Script()
    script.start()
    for node in (1, 2):
        script.propose(node, "improve" if node > 1 else "draft", (1,) * (node > 1), idea(ATTACK))
        script.finish(node, result(0.5, 0.5, 3.0))
    state = RunState.replay(script.events, higher_is_better=True)

    def material(node: Node) -> NodeFiles:
        lines = [f'"""{ATTACK}', f"# Cite Lesson 00001{ATTACK}", f"x = {node.id}", "__proto__"]
        names = ["__proto__", *["constructor"] * (node.id - 1)]  # what every object of the page has
        return NodeFiles({**dict.fromkeys(names, ATTACK * node.id), f"{ATTACK}.py": "\n".join(lines)})

    file = tmp_path / "report.html"
    write_report(state, ReportContext("r", ATTACK, get_metric("accuracy"), material), file)
    seen = visit(browser, file, 1440)
    for address in ("#compare-001-002", "#node-001", "#node-002"):
        open_hash(seen.page, address)
        for summary in seen.page.locator("#panel .file > summary").all():
            summary.click()
        expect(seen.page.locator("#panel")).to_contain_text(ATTACK, use_inner_text=True)
    expect(seen.page.locator("img")).to_have_count(0)
    assert seen.errors == []
    assert seen.requests == [file.as_uri()]


def test_a_hundred_nodes_fit_into_a_mail(tmp_path: Path) -> None:
    script = Script()
    script.start()
    for node in range(1, 101):
        script.propose(
            node, "improve" if node > 1 else "draft", (node // 2,) * (node > 1), idea(f"Idea {node}")
        )
        script.finish(node, result(0.4 + node / 500, 0.4, 60.0))
    state = RunState.replay(script.events, higher_is_better=True)

    def material(node: Node) -> NodeFiles:
        """Return a file of about 40,000 characters; a child changes every tenth line."""
        lines = [
            f"    value_{k} = compute({k}, {node.id if k % 10 == node.id % 10 else 0})" for k in range(1_100)
        ]
        return NodeFiles(
            {**files_of(node), "library/models.py": "\n".join(lines)}, "epoch 1 loss 0.5\n" * 300
        )

    file = tmp_path / "report.html"
    write_report(state, ReportContext("r", "Mail", get_metric("accuracy"), material), file)
    assert file.stat().st_size < 2_000_000
    page = file.read_text(encoding="utf-8")
    for node in state.nodes.values():
        assert code_of(page, node.name) == material(node).files, "nothing is cut"
