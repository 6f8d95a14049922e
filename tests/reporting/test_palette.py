"""The palette is legible in both schemes, which page checkers cannot see inside SVG."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from consilience.reporting import palette


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("pair", palette.TEXT_PAIRS, ids="-on-".join)
def test_text_contrast(pair: tuple[str, str], scheme: str) -> None:
    text, ground = (getattr(palette.COLOURS[role], scheme) for role in pair)
    assert palette.contrast(text, ground) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("pair", palette.MARK_PAIRS, ids="-on-".join)
def test_mark_contrast(pair: tuple[str, str], scheme: str) -> None:
    mark, ground = (getattr(palette.COLOURS[role], scheme) for role in pair)
    assert palette.contrast(mark, ground) >= 3.0


@pytest.mark.parametrize("label", palette.TLP)
def test_marking_contrast(label: str) -> None:
    assert palette.contrast(palette.TLP[label], palette.TLP_GROUND) >= 4.5


def test_contrast_of_the_standard() -> None:
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_stylesheet_takes_every_colour_from_the_palette() -> None:
    style = (resources.files("consilience.reporting") / "templates" / "report.css").read_text()
    assert set(re.findall(r"#[0-9a-fA-F]{3,6}\b", style)) <= {"#ffffff"}  # the unknown marking, on black
    used = set(re.findall(r"var\(--([a-z-]+)\)", style)) - {"serif", "sans", "mono"}
    assert used <= set(palette.COLOURS)


def test_the_stylesheet_is_logical_so_that_it_turns_with_the_text() -> None:
    style = (resources.files("consilience.reporting") / "templates" / "report.css").read_text()
    physical = re.findall(
        r"(?:margin|padding|border)-(?:left|right)|(?<![-\w])(?:left|right)\s*:|float\s*:|(?<![-\w])width\s*:",
        style,
    )
    assert physical == []
