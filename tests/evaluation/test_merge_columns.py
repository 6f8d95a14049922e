"""Columns hold what they were given, wherever and in whatever type it lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from consilience.evaluation import merge_columns
from consilience.evaluation.merge_columns import Column, RaterColumns, Spool, narrow

FLOATS = st.one_of(
    st.floats(-1e300, 1e300), st.integers(0, 300).map(float), st.floats(-1000, 1000, width=32),
    st.integers(0, 2**17).map(float),
)  # fmt: skip


@given(arrays(np.float64, st.integers(0, 20), elements=FLOATS))
def test_floats_are_narrowed_without_loss(values: np.ndarray) -> None:
    small = narrow(values)
    assert small.itemsize <= 8
    assert np.array_equal(small.astype(np.float64), values)
    assert not np.shares_memory(small, values)


@given(arrays(np.int64, st.integers(0, 20), elements=st.integers(-5, 2**40)))
def test_whole_numbers_are_narrowed_without_loss(values: np.ndarray) -> None:
    assert np.array_equal(narrow(values).astype(np.int64), values)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0.0, 255.0], np.uint8), ([0.0, 256.0], np.uint16), ([0.5, 256.0], np.float32),
        ([65536.0], np.float32), ([0.1], np.float64), ([-1.0], np.float32), ([1e300], np.float64),
        ([1, 255], np.uint8), ([256], np.uint16), ([65536], np.uint32), ([-1], np.int64),
    ],
)  # fmt: skip
def test_the_type_is_the_narrowest(values: list[float], dtype: type) -> None:
    assert narrow(np.array(values)).dtype == dtype


@given(
    st.lists(arrays(np.float64, st.integers(0, 8), elements=FLOATS), min_size=1, max_size=5),
    st.sampled_from([0, 9, 1000]),
    st.sampled_from([0, 1000]),
)
def test_columns_are_read_as_they_were_given(parts: list[np.ndarray], memory: int, kept: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge_columns, "KEPT_NUMBERS", kept)
        spool = Spool(memory)
        column = Column([spool.add(part) for part in parts], np.float64)
        for _ in range(2):
            found = column.read()
            assert found.dtype == np.float64
            assert np.array_equal(found, np.concatenate(parts))
            assert not found.flags.writeable


def test_only_what_exceeds_the_budget_lies_in_a_file() -> None:
    spool = Spool(10)
    assert isinstance(spool.add(np.arange(10)), np.ndarray)
    assert not isinstance(spool.add(np.arange(1)), np.ndarray)


def test_columns_of_raters_are_read_by_rater_or_whole() -> None:
    spool = Spool()
    columns = [Column([spool.add(np.arange(3) + 10 * rater)], np.int64) for rater in range(2)]
    table = RaterColumns(columns)
    whole = np.array([[0, 1, 2], [10, 11, 12]])
    assert (table.shape, table.size, len(table)) == ((2, 3), 6, 2)
    assert np.array_equal(np.asarray(table), whole)
    assert np.asarray(table, dtype=np.float64).dtype == np.float64
    assert np.array_equal(table[1], whole[1])
    assert table[1, 2] == 12
    assert np.array_equal(table[:, [0, 2]], whole[:, [0, 2]])
    assert np.array_equal(table[[1, 0]], whole[[1, 0]])
    assert np.array_equal(np.stack(list(table)), whole)
    assert table.max() == 12
