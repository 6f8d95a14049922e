"""Tables of scores beside each other: the same names, and the same numbers."""

from __future__ import annotations

import numpy as np

from consilience.evaluation.merge_tables import ScoreTables

NAMES = ("laboratories", "models", "languages", "concepts", "item_names", "raters", "generations")
CODES = ("laboratory", "model", "language", "concept", "item")
ITEMS = (*CODES, "sums", "counts", "squares", "attempts")
PAIRS = ("count", "first", "second", "cross")


def assert_same_tables(left: ScoreTables, right: ScoreTables, *, rtol: float = 0.0) -> None:
    """Assert that two tables are the same, numbers within a relative tolerance."""
    for name in NAMES:
        assert getattr(left, name) == getattr(right, name)
    assert left.pairs.keys() == right.pairs.keys()
    assert left.units.sampled == right.units.sampled
    compared = [(left.items, right.items, ITEMS), (left.units, right.units, (*CODES, "scores"))]
    compared += [(left.pairs[pair], right.pairs[pair], PAIRS) for pair in left.pairs]
    for one, other, fields in compared:
        for field in fields:
            values, expected = (np.asarray(getattr(table, field)) for table in (one, other))
            assert values.dtype == expected.dtype
            np.testing.assert_allclose(values, expected, rtol=rtol, atol=0.0, err_msg=field)
