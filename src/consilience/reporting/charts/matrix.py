"""Matrix: how far each laboratory lies from the mean of the laboratories, language by language.

Pure. The cells become an HTML table whose ground has one of five tones; the signed number stands in every
cell, so the tone repeats what is written. Invariant: a cell without a value has no tone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

TONES = ("much-lower", "lower", "near", "higher", "much-higher")


class MatrixCell(msgspec.Struct, frozen=True, kw_only=True):
    """One value with its tone; both None where there is no value."""

    value: float | None
    tone: str | None


def tone_of(value: float, step: float) -> str:
    """Return the tone of a signed value: within one step it is near, beyond two steps much higher or lower.

    Args:
        value: Signed distance.
        step: What counts as one step (the margin of the protocol, or a tenth of the scale), above 0.
    """
    size = value / step
    if abs(size) <= 1:
        return "near"
    if abs(size) <= 2:
        return "higher" if size > 0 else "lower"
    return "much-higher" if size > 0 else "much-lower"


def distances(
    values: Mapping[tuple[str, str], float | None],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    step: float,
) -> dict[tuple[str, str], MatrixCell]:
    """Return each value minus the mean of its column, with its tone.

    Args:
        values: (row, column) → value; None or absent where there is none.
        rows: Names of the rows (laboratories).
        columns: Names of the columns (languages).
        step: See `tone_of`.

    Returns:
        A cell for every row and column. A column with fewer than two values has none, since there is nothing
        to compare.
    """
    cells = {}
    for column in columns:
        known = [found for name in rows if (found := values.get((name, column))) is not None]
        mean = sum(known) / len(known) if len(known) > 1 else None
        for name in rows:
            value = values.get((name, column))
            if value is None or mean is None:
                cells[name, column] = MatrixCell(value=None, tone=None)
            else:
                distance = round(value - mean, 12)
                cells[name, column] = MatrixCell(value=distance, tone=tone_of(distance, step))
    return cells
