"""Ratings of objects by raters as rows, their linked sets, and the sums that additive models need.

Invariants: rows without a score are left out; codes are those of the raters and objects that have a score;
work is linear in the ratings but for the table raters × raters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from consilience.statistics.estimate import ArrayLike, FloatArray, IntArray

MAX_RATERS = 2_000
"""More raters than this are refused: the work grows with their number to the third power."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Scored ratings; `rater` and `object` are positions in `raters` and `objects`, the codes that occur."""

    rater: IntArray
    object: IntArray
    score: FloatArray
    raters: IntArray
    objects: IntArray

    @property
    def n_raters(self) -> int:
        """Number of raters with a score."""
        return int(self.raters.size)

    @property
    def n_objects(self) -> int:
        """Number of objects with a score."""
        return int(self.objects.size)

    @property
    def rater_counts(self) -> FloatArray:
        """Scores per rater."""
        return np.bincount(self.rater, minlength=self.n_raters).astype(np.float64)

    @property
    def object_counts(self) -> FloatArray:
        """Scores per object."""
        return np.bincount(self.object, minlength=self.n_objects).astype(np.float64)

    def object_means(self, values: FloatArray) -> FloatArray:
        """Mean over each object's ratings of values that stand at the ratings."""
        total = np.bincount(self.object, weights=values, minlength=self.n_objects)
        return np.asarray(total / self.object_counts, dtype=np.float64)

    def centred(self) -> FloatArray:
        """Scores less their object's mean."""
        return np.asarray(self.score - self.object_means(self.score)[self.object], dtype=np.float64)

    def incidence(self) -> sparse.csr_array:
        """Number of scores by object and rater, shape (n_objects, n_raters)."""
        ones = np.ones(self.score.size)
        shape = (self.n_objects, self.n_raters)
        return sparse.csr_array(sparse.coo_array((ones, (self.object, self.rater)), shape=shape))


def _codes(values: ArrayLike, shape: tuple[int, ...], name: str) -> IntArray:
    array = np.asarray(values)
    if array.shape != shape:
        raise ValueError(f"the codes of {name} have shape {array.shape}, expected {shape}")
    if array.size and (not np.issubdtype(array.dtype, np.integer) or array.min() < 0):
        raise ValueError(f"the codes of {name} must be integers from 0 on")
    return array.astype(np.int64, copy=False)


def rating_rows(objects: ArrayLike, raters: ArrayLike, scores: ArrayLike) -> Ratings:
    """Return the ratings that have a score (NaN: none).

    Args:
        objects: Code of the rated object, integers from 0 on, shape (ratings,).
        raters: Code of the rater, shape (ratings,).
        scores: The scores, shape (ratings,).

    Raises:
        ValueError: If shapes differ, codes are not integers from 0 on, a score is infinite, or there are more
            than `MAX_RATERS` raters.
    """
    score = np.asarray(scores, dtype=np.float64)
    if score.ndim != 1:
        raise ValueError(f"scores need the shape (ratings,), not {score.shape}")
    object_codes = _codes(objects, score.shape, "objects")
    rater_codes = _codes(raters, score.shape, "raters")
    if np.isinf(score).any():
        raise ValueError("scores must be finite, or NaN where there is none")
    keep = ~np.isnan(score)
    used_objects, object_place = np.unique(object_codes[keep], return_inverse=True)
    used_raters, rater_place = np.unique(rater_codes[keep], return_inverse=True)
    if used_raters.size > MAX_RATERS:
        raise ValueError(f"{used_raters.size} raters; at most {MAX_RATERS} can be compared at once")
    return Ratings(
        rater_place.ravel().astype(np.int64), object_place.ravel().astype(np.int64), score[keep],
        used_raters.astype(np.int64), used_objects.astype(np.int64),
    )  # fmt: skip


def connected_sets(rows: Ratings) -> tuple[IntArray, IntArray]:
    """Return the connected set of each rater and of each object (Weeks & Williams 1964).

    Two raters are connected if a chain of objects, each rated by two neighbours of the chain, joins them.
    Sets are numbered from 0, the one with the most ratings first.
    """
    n = rows.n_raters + rows.n_objects
    edges = (np.ones(rows.score.size), (rows.rater, rows.object + rows.n_raters))
    labels = csgraph.connected_components(sparse.coo_array(edges, shape=(n, n)), directed=False)[1]
    sizes = np.bincount(labels[rows.rater], minlength=int(labels.max(initial=-1)) + 1)
    order = np.argsort(-sizes, kind="stable")
    number = np.empty_like(order)
    number[order] = np.arange(order.size)
    sets = number[labels].astype(np.int64)
    return sets[: rows.n_raters], sets[rows.n_raters :]
