"""How an interval narrows with more of one facet: a track from the half width now to what is left in the end.

Pure. One row for each facet on one axis from 0; the margin is a line, and the ground inside it is shaded.
Marks: a circle now, bars at multiples of now, a square at the end, which no number reaches. Invariant: what
is not known is not drawn.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from markupsafe import Markup

from consilience.reporting.charts import svg
from consilience.reporting.charts.axis import Axis, value_axis
from consilience.reporting.charts.forest import grid


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """Half widths of one facet."""

    widths: tuple[float, ...]
    """Now first, then with more and more."""
    left: float | None
    """With endlessly many."""


def width_axis(widths: Iterable[float | None], *, margin: float | None) -> Axis:
    """Return an axis from 0 that holds all half widths, with the margin marked.

    Args:
        widths: Half widths; None is left out.
        margin: What is aimed at, or None.
    """
    axis = value_axis([0.0, margin, *widths])
    if margin is None:
        return axis
    return msgspec.structs.replace(axis, reference=margin, band=(0.0, margin))


def track_row(track: Track, axis: Axis, *, tone: str, title: str) -> Markup:
    """Return the drawing of one facet.

    Args:
        track: Its half widths; empty draws the ground only.
        axis: The same for every row.
        tone: Class of the colour.
        title: The row in words.
    """
    parts = grid(axis)
    known = [*track.widths, *([] if track.left is None else [track.left])]
    if known:
        ends = svg.percent(axis.place(min(known))), svg.percent(axis.place(max(known)))
        parts.append(
            svg.element("line", x1=ends[0], x2=ends[1], y1="50%", y2="50%", class_=f"whisker {tone}")
        )
    if track.left is not None:
        parts.append(_mark("square", track.left, axis, tone))
    parts += [_mark("bar", width, axis, tone) for width in track.widths[1:]]
    parts += [_mark("circle", width, axis, tone) for width in track.widths[:1]]
    return svg.drawing(*parts, title=title, class_="row")


def _mark(shape: str, width: float, axis: Axis, tone: str) -> Markup:
    return svg.mark(shape, x=svg.percent(axis.place(width)), class_=f"mark {tone}")
