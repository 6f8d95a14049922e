"""SVG elements as safe markup.

Pure. Invariants: attribute values and texts are escaped; there is no `style` attribute (the content security
policy forbids it) and no colour (classes take them from the palette); numbers have at most two decimal
places, so that the same picture has the same bytes everywhere.
"""

from __future__ import annotations

from markupsafe import Markup, escape

Attribute = str | float | int | None


def number(value: float) -> str:
    """Return a coordinate with at most two decimal places and no trailing zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def percent(value: float) -> str:
    """Return a coordinate in percent of the drawing's width."""
    return number(value) + "%"


def element(tag: str, *content: Markup | str, **attributes: Attribute) -> Markup:
    """Return one element. `class_` is written `class`, other underscores as hyphens; None leaves an attribute
    out.

    Args:
        tag: Name of the element.
        content: Children; plain strings are escaped.
        attributes: Their values; floats are rounded to two places.
    """
    written = []
    for key, value in attributes.items():
        if value is None:
            continue
        name = "class" if key == "class_" else key.replace("_", "-")
        told = number(value) if isinstance(value, float | int) else value
        written.append(f' {name}="{escape(told)}"')
    inside = "".join(escape(part) for part in content)
    # Tags and attribute names are written in this package; values and children were escaped just above.
    return Markup(f"<{tag}{''.join(written)}>{inside}</{tag}>")  # noqa: S704


def drawing(
    *content: Markup, title: str, description: str = "", class_: str, **attributes: Attribute
) -> Markup:
    """Return an `svg` with role `img` and its title and description, which screen readers say and pointers
    show."""
    head = [element("title", title)]
    if description:
        head.append(element("desc", description))
    return element("svg", *head, *content, role="img", class_=class_, **attributes)


def mark(shape: str, *, x: str, y: str = "50%", class_: str) -> Markup:
    """Return one mark, centred at a place given in percent.

    Args:
        shape: A key of `SHAPES`.
        x: Horizontal place, such as `42%`.
        y: Vertical place.
        class_: Class of the shape.
    """
    return element("svg", element("path", d=SHAPES[shape]), x=x, y=y, overflow="visible", class_=class_)


SHAPES: dict[str, str] = {
    "diamond": "M-7 0 0-7 7 0 0 7Z",
    "circle": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0Z",
    "square": "M-4-4H4V4H-4Z",
    "triangle": "M0-5.2 5 3.8H-5Z",
    "down": "M0 5.2 5-3.8H-5Z",
    "plus": "M-1.6-5H1.6V-1.6H5V1.6H1.6V5H-1.6V1.6H-5V-1.6H-1.6Z",
    "hexagon": "M-5 0-2.5-4.3H2.5L5 0 2.5 4.3H-2.5Z",
    "bar": "M-2-5.5H2V5.5H-2Z",
    "kite": "M0-6 3.5 0 0 6-3.5 0Z",
}
"""Paths around the origin, in pixels. The diamond is kept for pooled results."""

SERIES_SHAPES = ("circle", "square", "triangle", "down", "plus", "hexagon", "bar", "kite")
"""Shapes of series in their order; a series has its own shape beside its own colour."""


def series_shape(index: int) -> str:
    """Return the shape of the series with this index, counted from 0."""
    return SERIES_SHAPES[index % len(SERIES_SHAPES)]
