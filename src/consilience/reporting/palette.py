"""The colours of the report, for light and dark, and their contrast.

Pure. Every pair of text and ground that the stylesheet uses is listed in `TEXT_PAIRS`, every mark in
`MARK_PAIRS`; a test holds them against WCAG 2.2, success criteria 1.4.3 (text, 4.5 : 1) and 1.4.11 (graphics,
3 : 1), because automatic page checks cannot see the contrast inside SVG.
"""

from __future__ import annotations

from typing import NamedTuple


class Colour(NamedTuple):
    """One role in both schemes, as `#rrggbb`."""

    light: str
    dark: str


COLOURS: dict[str, Colour] = {
    "paper": Colour("#ffffff", "#15181b"),
    "surface": Colour("#f6f5f1", "#1d2125"),
    "ink": Colour("#1c2126", "#e9e7e2"),
    "muted": Colour("#565d66", "#a9b0b8"),
    "rule": Colour("#dcd9d1", "#343a40"),
    "line": Colour("#7b8188", "#7f868e"),
    "accent": Colour("#1d5480", "#93c0e6"),
    "pooled": Colour("#1c2126", "#e9e7e2"),
    "alarm": Colour("#a52a15", "#ff9c83"),
    "alarm-ground": Colour("#fcf0ec", "#331d18"),
    "notice": Colour("#7a5200", "#f0c368"),
    "notice-ground": Colour("#fdf6e3", "#2c2412"),
    "good": Colour("#1f6b45", "#83d0a4"),
    "band": Colour("#e6ecf1", "#26313a"),
    "series-1": Colour("#2b6ca3", "#7ab4e4"),
    "series-2": Colour("#a8591b", "#eaa467"),
    "series-3": Colour("#7a4fa0", "#c4a0e6"),
    "series-4": Colour("#2f7d54", "#7ccba0"),
    "series-5": Colour("#a03a6a", "#ee94bd"),
    "series-6": Colour("#5d6b1f", "#bccb6a"),
    "series-7": Colour("#1f7a80", "#6fcdd3"),
    "series-8": Colour("#6b5b4b", "#c9b5a1"),
}
"""Role → colour. The stylesheet gets each as a custom property `--ROLE`."""

SERIES = 8
"""How many series colours there are; shapes and letters tell series apart where colours repeat."""

TLP_GROUND = "#000000"
TLP: dict[str, str] = {
    "TLP:RED": "#ff2b2b",
    "TLP:AMBER": "#ffc000",
    "TLP:AMBER+STRICT": "#ffc000",
    "TLP:GREEN": "#33ff00",
    "TLP:CLEAR": "#ffffff",
}
"""Text colours of the labels on black (FIRST, Traffic Light Protocol 2.0, section 4)."""

TEXT_PAIRS: tuple[tuple[str, str], ...] = (
    ("ink", "paper"), ("ink", "surface"), ("ink", "alarm-ground"), ("ink", "notice-ground"), ("ink", "band"),
    ("muted", "paper"), ("muted", "surface"), ("muted", "band"),
    ("accent", "paper"), ("accent", "surface"), ("alarm", "paper"), ("alarm", "surface"),
    ("alarm", "alarm-ground"), ("notice", "paper"), ("notice", "surface"), ("notice", "notice-ground"),
    ("good", "paper"),
    ("good", "surface"), *((("paper", f"series-{number}")) for number in range(1, SERIES + 1)),
)  # fmt: skip

MARK_PAIRS: tuple[tuple[str, str], ...] = tuple(
    (mark, ground)
    for mark in ("pooled", "alarm", "line", *(f"series-{number}" for number in range(1, SERIES + 1)))
    for ground in ("paper", "surface", "band")
)


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.2, definition "relative luminance"), 0 to 1."""
    linear = []
    for start in (1, 3, 5):
        channel = int(colour[start : start + 2], 16) / 255
        linear.append(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, definition "contrast ratio"), 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def custom_properties() -> str:
    """Return the CSS declarations that set every colour for both schemes."""
    return "\n".join(f"  --{role}: light-dark({pair.light}, {pair.dark});" for role, pair in COLOURS.items())


def light_properties() -> str:
    """Return the CSS declarations that set every colour to its light form, for paper."""
    return "\n".join(f"  --{role}: {pair.light};" for role, pair in COLOURS.items())
