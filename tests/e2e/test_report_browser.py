"""The joint report in a real browser: accessible, quiet, in both directions, on paper and on a telephone."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.joint_result import joint_result
from tests.simulators.pseudo_locale import PseudoArabic

from consilience.reporting.joint_report import render, write_report

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, NARROW = {"width": 1100, "height": 900}, {"width": 380, "height": 800}
VARIANTS: dict[str, dict[str, Any]] = {
    "light": {"page": "en", "color_scheme": "light"},
    "dark": {"page": "en", "color_scheme": "dark"},
    "print": {"page": "en", "media": "print"},
    "french": {"page": "fr"},
    "right-to-left": {"page": "rtl"},
    "right-to-left, dark": {"page": "rtl", "color_scheme": "dark"},
    "narrow": {"page": "en", "viewport": NARROW},
    "narrow, right-to-left": {"page": "rtl", "viewport": NARROW},
    "one laboratory": {"page": "one"},
    "hostile names": {"page": "hostile", "viewport": NARROW},
}


def _axe_source() -> Path | None:
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "axe.min.js"


@pytest.fixture(scope="module")
def axe() -> str:
    path = _axe_source()
    if path is None or not path.is_file():
        if os.environ.get("CI"):
            pytest.fail("axe-core is not installed")
        pytest.skip("axe-core is not installed (axe-playwright-python)")
    return path.read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if importlib.util.find_spec("playwright") is None or not shutil.which(CHROMIUM):
        if os.environ.get("CI"):
            pytest.fail(f"Chromium is not installed: {CHROMIUM}")
        pytest.skip(f"Chromium is not installed: {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of the pages by name."""
    folder = tmp_path_factory.mktemp("report")
    result = joint_result()
    write_report(result, folder / "en.html", data_folder=folder / "en-data")
    write_report(result, folder / "fr.html", language="fr")
    (folder / "rtl.html").write_text(render(result, language="ar-XB", texts=PseudoArabic()))
    (folder / "one.html").write_text(render(joint_result(laboratories=["only"], languages=["ar"])))
    names = ["W" * 200, "</bdi><script>alert(1)</script>", "\u202eabc"]
    hostile = joint_result(laboratories=names, models=["m" * 500], handling="TLP:" + "X" * 300)
    (folder / "hostile.html").write_text(render(hostile))
    return {path.stem: path.as_uri() for path in folder.glob("*.html")}


class Opened:
    """A page with what it asked for and complained of."""

    def __init__(self, browser: Any, address: str, *, media: str | None = None, **options: Any) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        options.setdefault("viewport", WIDE)
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)
        if media is not None:
            self.page.emulate_media(media=media)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def opened(browser: Any, pages: dict[str, str], variant: str) -> Opened:
    options = dict(VARIANTS[variant])
    return Opened(browser, pages[options.pop("page")], **options)


@pytest.mark.parametrize("variant", VARIANTS)
def test_axe_finds_nothing_and_the_page_is_quiet(
    browser: Any, pages: dict[str, str], axe: str, variant: str
) -> None:
    with opened(browser, pages, variant) as it:
        for details in it.page.locator("details").all():
            details.evaluate("element => { element.open = true; }")
        it.page.evaluate(axe)
        found = it.page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})",
            AXE_TAGS,
        )
        violations = [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]]
        assert violations == []
        assert it.complaints == []
        assert [url for url in it.requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("variant", [name for name in VARIANTS if "narrow" in name or "hostile" in name])
def test_nothing_scrolls_sideways_on_a_telephone(browser: Any, pages: dict[str, str], variant: str) -> None:
    with opened(browser, pages, variant) as it:
        assert it.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        assert it.page.evaluate("document.body.scrollWidth") <= NARROW["width"]


def test_paper_is_wide_enough(browser: Any, pages: dict[str, str]) -> None:
    paper = {"width": 673, "height": 1000}  # A4 within its margins, in CSS pixels
    with Opened(browser, pages["en"], media="print", viewport=paper, color_scheme="dark") as it:
        assert it.page.evaluate("document.documentElement.scrollWidth") <= paper["width"]
        assert it.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert it.page.pdf(format="A4", prefer_css_page_size=True).startswith(b"%PDF")


RANGE_ORDER = """() => [...document.querySelectorAll('bdi[dir="ltr"]')].map(element => {
  const text = element.firstChild;
  if (!text || text.nodeType !== 3 || !/^\\S*\\d\\S*.to.\\S*\\d/.test(text.data)) return null;
  const place = (from, to) => {
    const range = document.createRange();
    range.setStart(text, from); range.setEnd(text, to);
    return range.getClientRects()[0];
  };
  const first = place(0, 1), last = place(text.length - 1, text.length);
  if (!first || !last || first.top !== last.top) return null;
  return [text.data, first.left < last.left];
}).filter(Boolean)"""


@pytest.mark.parametrize("variant", ["light", "right-to-left"])
def test_ranges_read_from_low_to_high(browser: Any, pages: dict[str, str], variant: str) -> None:
    with opened(browser, pages, variant) as it:
        ranges = it.page.evaluate(RANGE_ORDER)
        assert len(ranges) > 40
        assert [text for text, in_order in ranges if not in_order] == []


def test_the_order_test_sees_what_it_is_for(browser: Any, pages: dict[str, str]) -> None:
    """In a right-to-left line a range without its element is drawn in reverse, and the test sees it."""
    with opened(browser, pages, "right-to-left") as it:
        it.page.evaluate(
            "for (const e of document.querySelectorAll('.reading .i bdi')) "
            "{ e.textContent = e.textContent.replace('to', '\\u0627\\u0644\\u0649'); "
            "e.style.direction = 'rtl'; }"
        )
        reversed_order = it.page.evaluate(RANGE_ORDER.replace(".to.", ".\\u0627\\u0644\\u0649."))
        assert any(not in_order for _, in_order in reversed_order)


OVERLAPS = """() => [...document.querySelectorAll('svg.axis')].flatMap(axis => {
  const boxes = [...axis.querySelectorAll('text')].filter(text => getComputedStyle(text).display !== 'none')
    .map(text => text.getBoundingClientRect()).sort((a, b) => a.left - b.left);
  return boxes.slice(1).filter((box, i) => box.left < boxes[i].right - 0.5).map(box => box.left);
})"""


@pytest.mark.parametrize("variant", ["light", "right-to-left", "narrow", "narrow, right-to-left"])
def test_labels_of_an_axis_do_not_overlap(browser: Any, pages: dict[str, str], variant: str) -> None:
    with opened(browser, pages, variant) as it:
        assert it.page.locator("svg.axis").count() > 5
        assert it.page.evaluate(OVERLAPS) == []


def test_the_first_tab_is_the_way_to_the_verdict(browser: Any, pages: dict[str, str]) -> None:
    with opened(browser, pages, "light") as it:
        it.page.keyboard.press("Tab")
        focused = it.page.evaluate(
            "[document.activeElement.className, document.activeElement.getAttribute('href')]"
        )
        assert focused == ["skip", "#verdict"]
        box = it.page.locator(".skip").bounding_box()
        assert box is not None
        assert box["y"] >= 0
        outline = it.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


def test_it_works_without_script(browser: Any, pages: dict[str, str]) -> None:
    with Opened(browser, pages["en"], java_script_enabled=False) as it:
        assert it.complaints == []
        assert "The laboratories do not agree" in it.page.locator("#verdict").inner_text()
        table = it.page.locator("#scores details").first
        assert not table.locator("table").is_visible()
        table.locator("summary").click()
        assert table.locator("table").is_visible()
        it.page.locator('nav a[href="#checklist"]').click()
        assert it.page.url.endswith("#checklist")


def test_links_give_the_data_without_any_request(browser: Any, pages: dict[str, str], tmp_path: Path) -> None:
    with opened(browser, pages, "light") as it:
        with it.page.expect_download() as caught:
            it.page.locator('a[download="cells.csv"]').click()
        caught.value.save_as(tmp_path / "cells.csv")
        assert (tmp_path / "cells.csv").read_text().startswith("laboratory,model,language,concept,rater")
        assert [url for url in it.requests if not url.startswith(("file:", "data:"))] == []


def test_the_style_is_really_applied(browser: Any, pages: dict[str, str]) -> None:
    with opened(browser, pages, "dark") as it:
        assert it.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
