"""The report in a real browser, opened from disk."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from agent.competition.metrics import get_metric
from agent.record.state import Node, RunState
from agent.report.html import ReportContext, write_report
from agent.report.node_files import NodeFiles
from tests.report.scripted_run import ANALYSIS, Script, idea, result

ATTACK = "</script><img src=x onerror='document.title=\"owned\"'>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        message = f"No browser is installed; looked for {', '.join(names)}."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield running
        running.close()


@dataclass
class Visit:
    """A page with its console errors and requests."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def visit(browser: Browser, file: Path, width: int = 1280, scheme: str = "light") -> Visit:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    seen = Visit(context.new_page())
    seen.page.set_default_timeout(10_000)
    seen.page.on("console", lambda message: seen.errors.append(message.text))
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.goto(file.as_uri())
    return seen


@pytest.fixture
def file(state: RunState, context: ReportContext, tmp_path: Path) -> Path:
    write_report(state, context, tmp_path / "report.html")
    return tmp_path / "report.html"


def test_opens_from_disk_without_errors_or_requests(browser: Browser, file: Path) -> None:
    seen = visit(browser, file)
    for name in ("003", "006", "011", "013"):
        seen.page.click(f".pill[href='#node-{name}']")
    assert seen.errors == []
    assert seen.requests == [file.as_uri()]


def test_a_click_on_a_node_opens_its_idea_diff_curves_and_log(browser: Browser, file: Path) -> None:
    page = visit(browser, file).page
    panel = page.locator("#panel")
    expect(panel).to_be_hidden()
    page.click(".pill[href='#node-005']")
    text = panel.inner_text()
    for promised in (
        "node 005",
        "Train longer",
        "AdamW with a cosine schedule",
        "0.6134 ± 0.0080",
        "Image size 128 instead of 96 helps",
        "Code against node 003",
        "epochs = 8  # Cite Lesson 00002",
        "Final Validation Metric: 0.6021",
        "culture::french",
    ):
        assert promised in text, promised
    expect(panel.locator(".plus", has_text="epochs = 8")).to_be_visible()
    expect(panel.locator(".minus", has_text="epochs = 5")).to_be_visible()
    assert "step(0)" not in text, "a file that is equal is not shown"
    expect(panel.locator("svg.chart")).to_have_count(2)
    panel.locator("a", has_text="003").first.click()
    expect(page.locator("#panel-title")).to_have_text("Larger pictures", use_inner_text=True)


def test_the_panel_names_the_files_that_were_edited(browser: Browser, file: Path) -> None:
    page = visit(browser, file).page
    page.click(".pill[href='#node-007']")
    edits = page.locator("#panel .chips li", has_text="library/models.py")
    expect(edits).to_have_text("library/models.py 1→ 2 lines")


def test_a_failed_node_says_why(browser: Browser, file: Path) -> None:
    page = visit(browser, file).page
    page.click(".pill[href='#node-006']")
    expect(page.locator("#panel .reason")).to_contain_text("no such backbone", use_inner_text=True)


def test_works_with_the_keyboard_alone(browser: Browser, file: Path) -> None:
    page = visit(browser, file).page
    page.focus(".pill[href='#node-001']")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#panel-title")).to_have_text("Small network, fine-tuned", use_inner_text=True)
    assert page.evaluate("document.activeElement.id") == "panel"
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#node-002"


def test_an_address_with_a_node_opens_it(browser: Browser, file: Path) -> None:
    page = visit(browser, file).page
    page.goto(f"{file.as_uri()}#node-011")
    expect(page.locator("#panel-title")).to_contain_text("Blend of nodes", use_inner_text=True)
    page.goto(f"{file.as_uri()}#node-999")
    expect(page.locator("#panel")).to_be_hidden()


def shown_nodes(page: Page) -> list[str]:
    return page.locator("#node-table tbody tr:visible td.node").all_inner_texts()


def test_the_table_sorts_both_ways_with_missing_scores_last(browser: Browser, file: Path) -> None:
    page = visit(browser, file).page
    page.click("th.score button")
    assert shown_nodes(page)[:3] == ["001", "002", "004"]
    assert page.get_attribute("th.score", "aria-sort") == "ascending"
    page.click("th.score button")
    assert shown_nodes(page)[:3] == ["008", "011", "010"]
    assert page.get_attribute("th.score", "aria-sort") == "descending"
    assert set(shown_nodes(page)[-3:]) == {"006", "009", "013"}
    page.click("th.change button")
    assert shown_nodes(page)[0] == "006", "A backbone twice as wide"


def test_the_table_filters_by_status_and_operator(browser: Browser, file: Path) -> None:
    page = visit(browser, file).page
    page.select_option("select[name=operator]", "draft")
    assert shown_nodes(page) == ["001", "002", "008"]
    page.select_option("select[name=status]", "suspect")
    assert shown_nodes(page) == ["008"]
    expect(page.locator("#shown")).to_have_text("1 of 13 nodes", use_inner_text=True)


def test_lessons_open_with_their_evidence_and_lead_to_nodes(browser: Browser, file: Path) -> None:
    page = visit(browser, file).page
    page.click("summary:has-text('Image size 128 instead of 96 helps')")
    body = page.locator("details[open] .lesson-body")
    expect(body).to_contain_text("11.2 % ± 1.8 % less error", use_inner_text=True)
    body.locator("dd a", has_text="010").click()
    expect(page.locator("#panel-title")).to_have_text("Two learning rates", use_inner_text=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 820, 1280])
def test_never_scrolls_sideways(browser: Browser, file: Path, width: int, scheme: str) -> None:
    page = visit(browser, file, width, scheme).page
    page.evaluate("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{file.as_uri()}#node-010")
    panel = page.locator("#panel")
    assert panel.evaluate("(panel) => panel.scrollWidth <= panel.clientWidth")


CONTRAST = """() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll("body *:not(svg *)")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility() || ["SCRIPT", "STYLE"].includes(node.tagName)) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${node.className} ${ratio.toFixed(2)} ${node.textContent.slice(0, 30)}`);
  }
  return faint;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_and_controls_have_names(browser: Browser, file: Path, scheme: str) -> None:
    page = visit(browser, file, 1280, scheme).page
    page.evaluate("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    page.click(".pill[href='#node-005']")
    assert page.evaluate(CONTRAST) == []
    nameless = (
        "[...document.querySelectorAll('a, button')].filter((e) => !e.ariaLabel && !e.textContent.trim())"
    )
    assert page.evaluate(f"{nameless}.length") == 0
    assert page.locator("svg:not([aria-hidden]):not([aria-label])").count() == 1, (
        "the tree: its group is named"
    )


def test_hostile_texts_stay_texts(browser: Browser, tmp_path: Path) -> None:
    script = Script()
    script.start(missing=(ATTACK,))
    script.propose(1, "draft", (), idea(ATTACK).model_copy(update={"model": ATTACK}))
    script.finish(1, result(0.5, 0.5, 3.0, "suspect", ATTACK))
    state = RunState.replay(script.events, higher_is_better=True)
    material = NodeFiles({ATTACK: ATTACK, "library/a.py": f'"""{ATTACK}'}, ATTACK, {ATTACK: ANALYSIS})
    file = tmp_path / "report.html"
    write_report(state, ReportContext("r", ATTACK, get_metric("accuracy"), lambda node: material), file)
    seen = visit(browser, file)
    title = seen.page.title()
    seen.page.click(".pill")
    panel = seen.page.locator("#panel")
    assert panel.locator("pre.log").inner_text().strip() == ATTACK
    expect(seen.page.locator("#panel-title")).to_have_text(ATTACK, use_inner_text=True)
    expect(seen.page.locator("img")).to_have_count(0)
    assert seen.page.title() == title
    assert seen.errors == []
    assert seen.requests == [file.as_uri()]


def test_five_hundred_nodes_open_quickly(browser: Browser, tmp_path: Path) -> None:
    script = Script()
    script.start()
    for node in range(1, 501):
        parents = () if node % 25 == 1 else (node - 1 - node % 2,)
        script.propose(node, "improve" if parents else "draft", parents, idea(f"Idea {node}"))
        script.finish(node, result(0.4 + node / 2_000, 0.4, 10.0))
    state = RunState.replay(script.events, higher_is_better=True)

    def material(node: Node) -> NodeFiles:
        lines = (f"line {number * (node.id if number % 3 else 1)}\n" for number in range(400))
        return NodeFiles({"main.py": "".join(lines)}, "log\n" * 200)

    file = tmp_path / "report.html"
    write_report(state, ReportContext("r", "Big", get_metric("accuracy"), material), file)
    page = visit(browser, file).page
    took_ms = min(
        page.evaluate(
            "(name) => { const began = performance.now(); location.hash = `#node-${name}`; showPanel();"
            " return performance.now() - began; }",
            name,
        )
        for name in ("125", "375", "250")
    )
    expect(page.locator("#panel-title")).to_contain_text("Idea 250", use_inner_text=True)
    assert took_ms < 500
