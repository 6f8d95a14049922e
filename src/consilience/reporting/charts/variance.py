"""Where the variance comes from: one bar cut into shares, each with its letter.

Pure. Invariant: only known shares above 0 are drawn; what is not estimable is never a part of the bar.
The letters stand in the table under the bar too, so that colour is not needed to read it.
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.reporting.charts import svg
from consilience.reporting.charts.axis import Axis
from consilience.reporting.charts.forest import grid

LETTER_FROM = 5.0
"""Least width, in percent, of a part that carries its letter."""
GAP = 0.35
BAR = 12.0
"""Height of a single bar, in pixels."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One share of the bar."""

    letter: str
    share: float
    tone: str


def stacked_bar(parts: tuple[Part, ...], *, title: str, description: str) -> Markup:
    """Return the bar. Shares are drawn as they are; they fill the bar only where they add up to 1.

    Args:
        parts: Shares from 0 to 1 in drawing order.
        title: What the chart shows.
        description: The shares in words.
    """
    drawn, start = [], 0.0
    whole = max(1.0, sum(part.share for part in parts))
    for part in parts:
        width = part.share / whole * 100
        if width <= 0:
            continue
        drawn.append(
            svg.element(
                "rect",
                x=svg.percent(start),
                y="0",
                width=svg.percent(width - min(GAP, width / 2)),
                height="100%",
                class_=f"slice {part.tone}",
            )
        )
        if width >= LETTER_FROM:
            drawn.append(
                svg.element(
                    "text",
                    part.letter,
                    x=svg.percent(start + (width - GAP) / 2),
                    y="50%",
                    dy="0.35em",
                    class_="letter",
                )
            )
        start += width
    return svg.drawing(*drawn, title=title, description=description, class_="stacked")


def share_bar(
    share: float | None, low: float | None, high: float | None, *, axis: Axis, tone: str, title: str
) -> Markup:
    """Return a bar from 0 to a share with its interval as a line.

    Args:
        share: 0 to 1; None draws the grid only.
        low: Lower end of the interval, or None.
        high: Upper end, or None.
        axis: From 0 to 1, the same for every row.
        tone: Class of the colour.
        title: The bar in words.
    """
    parts = grid(axis)
    start = axis.place(0.0)
    if share is not None and share > 0:
        width = svg.percent(axis.place(share) - start)
        bar = svg.element(
            "rect", x=svg.percent(start), y=-BAR / 2, width=width, height=BAR, class_=f"slice {tone}"
        )
        parts.append(svg.element("svg", bar, x="0", y="50%", width="100%", overflow="visible"))
    if low is not None and high is not None:
        left, right = svg.percent(axis.place(low)), svg.percent(axis.place(high))
        parts.append(svg.element("line", x1=left, x2=right, y1="50%", y2="50%", class_="halo"))
        parts.append(svg.element("line", x1=left, x2=right, y1="50%", y2="50%", class_="whisker pooled"))
    return svg.drawing(*parts, title=title, class_="row share")
