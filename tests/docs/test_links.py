"""Every link inside the documentation leads somewhere, and every page can be reached."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.docs import pages


@pytest.mark.parametrize("page", pages.pages(), ids=pages.name)
def test_links_of_a_page_resolve(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = []
    for target in pages.links(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (
            anchor
            and there.suffix == ".md"
            and anchor not in pages.anchors(there.read_text(encoding="utf-8"))
        ):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", sorted(pages.DOCS.rglob("*.md")), ids=pages.name)
def test_links_of_the_documentation_stay_inside_it(page: Path) -> None:
    """The built site has no files from outside `docs/`."""
    outside = []
    for target in pages.links(page.read_text(encoding="utf-8")):
        file = target.partition("#")[0]
        if "://" not in target and file and not (page.parent / file).resolve().is_relative_to(pages.DOCS):
            outside.append(target)
    assert outside == []


@pytest.mark.parametrize("page", pages.pages(), ids=pages.name)
def test_a_page_has_one_title_and_pictures_have_words(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    titles = [line for line in pages.prose(text).splitlines() if line.startswith("# ")]
    assert len(titles) == 1
    assert all(len(match["alt"]) >= 10 for match in pages.IMAGE.finditer(text))


def _leaves(nav: list[Any]) -> list[str]:
    found: list[str] = []
    for entry in nav:
        for value in entry.values():
            found += [value] if isinstance(value, str) else _leaves(value)
    return found


def test_the_navigation_has_every_page_and_nothing_else() -> None:
    project = tomllib.loads((pages.ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    listed = _leaves(project["nav"])
    there = {path.relative_to(pages.DOCS).as_posix() for path in pages.DOCS.rglob("*.md")}
    assert len(listed) == len(set(listed))
    assert set(listed) == there
