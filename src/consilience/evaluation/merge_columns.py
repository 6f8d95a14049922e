"""Columns of large tables, kept small: every number in the narrowest type that holds it exactly, and beyond a
budget of memory in a file.

Responsible for where the numbers of the item table lie. A column is made of segments, one per partition of
the rows, and is read whole, in the type that the statistics compute with. Invariants: what is read is what
was given, bit for bit (but for the sign of a zero); the file has no name and goes away with the columns;
arrays that are read cannot be written to, since several readers may have the same one.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

KEPT_NUMBERS = 1_000_000
"""Columns of at most so many numbers stay in memory in the type that they are read in."""
SEGMENT_BYTES = 64 * 2**20
"""Of all segments of a table that are held in memory; further ones lie in a file."""
Numbers = NDArray[Any]


def narrow(values: Numbers) -> Numbers:
    """Return a copy of numbers (whole ones from 0 on, or floating ones) in the narrowest type that holds them
    exactly."""
    if values.size == 0:
        return values.astype(np.uint8)
    low, high = values.min(), values.max()
    if values.dtype.kind in "iu":
        return values.astype(np.min_scalar_type(int(high)) if low >= 0 else values.dtype)
    if low >= 0.0 and high <= np.iinfo(np.uint16).max:
        whole = values.astype(np.uint8 if high <= np.iinfo(np.uint8).max else np.uint16)
        if np.array_equal(whole, values):
            return whole
    if max(abs(float(low)), abs(float(high))) <= float(np.finfo(np.float32).max):
        single = values.astype(np.float32)
        if np.array_equal(single, values):
            return single
    return values.astype(np.float64)


class _File:
    """A file without a name, which goes away with the last segment in it."""

    def __init__(self) -> None:
        self._stream = tempfile.TemporaryFile(prefix="consilience-columns-", buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._stream.close)
        self._end = 0

    def append(self, values: Numbers) -> int:
        """Write numbers at the end and return where they begin."""
        begin = self._stream.seek(self._end)
        left = memoryview(values.data).cast("B")
        while left:
            left = left[self._stream.write(left) :]
        self._end += values.nbytes
        return begin

    def read(self, begin: int, into: Numbers) -> None:
        """Read numbers."""
        self._stream.seek(begin)
        left = memoryview(into.data).cast("B")
        while left:
            taken = self._stream.readinto(left)
            if not taken:
                raise OSError("the file of the tables ends too early")
            left = left[taken:]


@dataclass(frozen=True, eq=False)
class _Stored:
    """Numbers in the file."""

    file: _File
    begin: int
    size: int
    dtype: np.dtype[Any]

    def read(self, into: Numbers) -> None:
        """Read the numbers into an array of any type that holds them."""
        values = into if into.dtype == self.dtype else np.empty(self.size, dtype=self.dtype)
        self.file.read(self.begin, values)
        if values is not into:
            into[:] = values


Segment = Numbers | _Stored


class Spool:
    """Takes segments and decides where they lie."""

    def __init__(self, memory_bytes: int | None = None) -> None:
        self._left = SEGMENT_BYTES if memory_bytes is None else memory_bytes
        self._file: _File | None = None

    def add(self, values: Numbers) -> Segment:
        """Keep numbers as one segment."""
        small = narrow(values)
        if small.nbytes <= self._left:
            self._left -= small.nbytes
            return small
        if self._file is None:
            self._file = _File()
        return _Stored(self._file, self._file.append(small), small.size, small.dtype)


class Column:
    """Numbers of one column, in segments."""

    def __init__(self, segments: Sequence[Segment], dtype: DTypeLike) -> None:
        self._segments = tuple(segments)
        self._dtype = np.dtype(dtype)
        self.size = sum(segment.size for segment in self._segments)
        self._kept: Numbers | None = None
        if self.size <= KEPT_NUMBERS:
            self._kept, self._segments = self._whole(), ()

    def read(self) -> Numbers:
        """Return the numbers as one array."""
        return self._kept if self._kept is not None else self._whole()

    def _whole(self) -> Numbers:
        values, end = np.empty(self.size, dtype=self._dtype), 0
        for segment in self._segments:
            begin, end = end, end + segment.size
            if isinstance(segment, _Stored):
                segment.read(values[begin:end])
            else:
                values[begin:end] = segment
        values.flags.writeable = False
        return values


class RaterColumns:
    """One column per rater; `columns[rater]` reads one, anything else reads all of them."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = tuple(columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (raters, rows)."""
        return len(self._columns), self._columns[0].size if self._columns else 0

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[Numbers]:
        return (column.read() for column in self._columns)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | np.integer):
            return self._columns[key].read()
        if isinstance(key, tuple) and key and isinstance(key[0], int | np.integer):
            return self._columns[key[0]].read()[key[1:]]
        return np.asarray(self)[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Numbers:
        whole = np.stack([column.read() for column in self._columns])
        return whole if dtype is None else whole.astype(dtype)

    def max(self) -> Any:
        """Return the largest number; there must be one."""
        return max(column.read().max() for column in self._columns)
