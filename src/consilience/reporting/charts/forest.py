"""Forest plot: one row per result, a mark with its interval on a common axis.

Pure. Each row is its own small drawing inside a row of an HTML table, which holds the label, the number, the
interval and n beside the mark: so the chart is its own data table, wraps at any width and prints. Coordinates
are in percent, marks in pixels. Invariant: a mark is drawn only where there is a value, an interval only
where there is one.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from markupsafe import Markup

from consilience.reporting.charts import svg
from consilience.reporting.charts.axis import Axis


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One result on the axis."""

    value: float | None
    low: float | None = None
    high: float | None = None
    shape: str = "circle"
    tone: str = "pooled"
    """Class of the colour: `pooled`, `series-1` …, `alarm`."""


def axis_row(axis: Axis, label: Callable[[float], str], *, title: str, description: str) -> Markup:
    """Return the head of the plot: the ticks with their labels.

    Args:
        axis: Range and ticks.
        label: Writes a tick.
        title: What the chart shows.
        description: How to read it.
    """
    parts = []
    for tick in axis.ticks:
        x = axis.place(tick)
        parts.append(
            svg.element("text", label(tick), x=svg.percent(x), y="70%", text_anchor="middle", class_="tick")
        )
    return svg.drawing(*parts, title=title, description=description, class_="axis")


def row(mark: Mark, axis: Axis, *, title: str) -> Markup:
    """Return the drawing of one row.

    Args:
        mark: The result; without a value only the grid is drawn.
        axis: Range and ticks, the same for every row.
        title: The row in words.
    """
    return svg.drawing(*grid(axis), *_marks(mark, axis), title=title, class_="row")


def grid(axis: Axis) -> list[Markup]:
    """Return the ground of a row: the shaded band, a line at each tick, and the line of reference."""
    parts: list[Markup] = []
    if axis.band is not None:
        left, right = axis.place(axis.band[0]), axis.place(axis.band[1])
        parts.append(
            svg.element(
                "rect",
                x=svg.percent(left),
                y="0",
                width=svg.percent(right - left),
                height="100%",
                class_="band",
            )
        )
    parts += [_vertical(axis.place(tick), "grid") for tick in axis.ticks]
    if axis.reference is not None:
        parts.append(_vertical(axis.place(axis.reference), "reference"))
    return parts


def _vertical(place: float, class_: str) -> Markup:
    x = svg.percent(place)
    return svg.element("line", x1=x, x2=x, y1="0", y2="100%", class_=class_)


def _marks(mark: Mark, axis: Axis) -> list[Markup]:
    parts = []
    if mark.low is not None and mark.high is not None:
        left, right = axis.place(mark.low), axis.place(mark.high)
        parts.append(
            svg.element(
                "line",
                x1=svg.percent(left),
                x2=svg.percent(right),
                y1="50%",
                y2="50%",
                class_=f"whisker {mark.tone}",
            )
        )
        parts.append(_end(left, inside=axis.holds(mark.low), towards=-1, tone=mark.tone))
        parts.append(_end(right, inside=axis.holds(mark.high), towards=1, tone=mark.tone))
    if mark.value is not None and axis.holds(mark.value):
        parts.append(svg.mark(mark.shape, x=svg.percent(axis.place(mark.value)), class_=f"mark {mark.tone}"))
    return parts


def _end(place: float, *, inside: bool, towards: int, tone: str) -> Markup:
    """The end of an interval: a short bar, or an arrow where it goes on beyond the axis."""
    path = "M0-4V4" if inside else f"M{-4 * towards}-4 0 0 {-4 * towards} 4"
    return svg.element(
        "svg",
        svg.element("path", d=path),
        x=svg.percent(place),
        y="50%",
        overflow="visible",
        class_=f"end {tone}",
    )
