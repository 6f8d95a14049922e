"""The built documentation: it builds, and a reader's browser asks no foreign host."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from tests.docs import pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=[\"']?(?P<src>[^\"'\s>]+)"
    r"|<link\b[^>]*\bhref=[\"']?(?P<href>[^\"'\s>]+)"
    r"|url\([\"']?(?P<url>[^\"')]+)",
    re.IGNORECASE,
)
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("zensical") is None:
        if os.environ.get("CI"):
            pytest.fail("zensical is not installed")
        pytest.skip("zensical is not installed: run `make setup`")
    folder = tmp_path_factory.mktemp("documentation")
    shutil.copy(pages.ROOT / "zensical.toml", folder)
    shutil.copytree(pages.DOCS, folder / "docs")
    done = subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--clean", "--strict"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    assert done.returncode == 0, said
    return folder / "site"


def test_every_page_is_built(site: Path) -> None:
    for page in pages.DOCS.rglob("*.md"):
        assert (site / page.relative_to(pages.DOCS)).with_suffix(".html").is_file(), pages.name(page)


def test_no_built_page_loads_anything_from_a_foreign_host(site: Path) -> None:
    foreign = []
    for page in [*site.rglob("*.html"), *site.rglob("*.css")]:
        for match in LOADED.finditer(page.read_text(encoding="utf-8")):
            address = match["src"] or match["href"] or match["url"]
            if re.match(r"(?:[a-z]+:)?//", address, re.IGNORECASE):
                foreign.append(f"{page.name}: {address}")
    assert foreign == []


def test_the_pattern_finds_foreign_hosts() -> None:
    text = '<link rel="stylesheet" href="https://fonts.example/css"><script src=//cdn.example/x.js></script>'
    assert [m["href"] or m["src"] for m in LOADED.finditer(text)] == [
        "https://fonts.example/css",
        "//cdn.example/x.js",
    ]


@pytest.fixture
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed")
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_asks_no_foreign_host_and_finds_pages_accessible(
    site: Path, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    asked: list[str] = []
    found: list[str] = []
    page = browser.new_page(color_scheme=scheme)
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index.html", "explanation/honesty.html", "reference/cli.html"):
        page.goto((site / name).as_uri())
        page.wait_for_load_state("load")
        violations = Axe().run(page).response["violations"]
        found += [f"{name}: {v['id']}" for v in violations if v["impact"] in {"serious", "critical"}]
    assert len(asked) > 3
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert found == []
