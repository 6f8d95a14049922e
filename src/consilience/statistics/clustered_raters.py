"""Errors of rater effects where objects belong together: the answers to one item are no independent evidence.

A judge that misreads an item misreads all answers to it. The variance here is the cluster-robust one with the
CR2 correction, and each effect has Satterthwaite's degrees of freedom. The formulas need matrices of raters ×
raters only: with X the raters' columns after the objects are swept out, M the inverse of X'X and M = L L',
`L' X_g' (I - X_g M X_g')^(-1/2) = (I - K_g)^(-1/2) L' X_g'` where `K_g = L' X_g' X_g L`.

Invariants: an object lies in one cluster; the order of clusters does not matter but for how more than
`MAX_CLUSTERS` are put together; the objects' own effects need no adjustment of their own, since they are
nested in clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from consilience.statistics.estimate import ArrayLike, FloatArray, IntArray
from consilience.statistics.ratings import Ratings

MAX_CLUSTERS = 500
"""More clusters than this are put together, every 500th into one group; the groups are as independent."""
MAX_CLUSTERED_RATERS = 200
"""More raters than this are refused with clusters: a matrix of raters × raters is held for each cluster."""
NOTHING_LEFT = 1e-9
"""An eigenvalue of I - K_g below this is 0: the cluster alone fixes that effect (Moore-Penrose inverse)."""


@dataclass(frozen=True, slots=True)
class ClusteredErrors:
    """Covariance of the rater effects, and by rater: degrees of freedom and clusters that it rated."""

    covariance: FloatArray
    df: FloatArray
    n_clusters: IntArray


def cluster_codes(rows: Ratings, clusters: ArrayLike, scored: np.ndarray) -> IntArray:
    """Return the cluster of each object of `rows` as codes from 0 on.

    Args:
        rows: The ratings that have a score.
        clusters: Label of each rating's object, shape (ratings,), also of those without a score.
        scored: Which ratings have a score, shape (ratings,).

    Raises:
        ValueError: If the shape differs, an object lies in two clusters, or there are more than
            `MAX_CLUSTERED_RATERS` raters.
    """
    if rows.n_raters > MAX_CLUSTERED_RATERS:
        raise ValueError(f"{rows.n_raters} raters; with clusters at most {MAX_CLUSTERED_RATERS} are compared")
    labels = np.asarray(clusters)
    if labels.shape != scored.shape:
        raise ValueError(f"clusters need the shape {scored.shape}, not {labels.shape}")
    given = labels[scored]
    of_object = np.empty(rows.n_objects, dtype=given.dtype)
    of_object[rows.object] = given
    if not np.array_equal(of_object[rows.object], given):
        raise ValueError("an object lies in two clusters; each object needs one label")
    return np.unique(of_object, return_inverse=True)[1].ravel().astype(np.int64)


def _seen(rows: Ratings, of_object: IntArray) -> IntArray:
    """Number of clusters that each rater rated."""
    rated = np.bincount(of_object[rows.object] * rows.n_raters + rows.rater) > 0
    return np.bincount(np.flatnonzero(rated) % rows.n_raters, minlength=rows.n_raters)


def _information(rows: Ratings, groups: IntArray, n_groups: int) -> FloatArray:
    """X_g' X_g of each group, shape (groups, raters, raters)."""
    size = rows.n_raters
    share = rows.incidence().toarray() / np.sqrt(rows.object_counts)[:, None]
    ratings = np.bincount(groups[rows.object] * size + rows.rater, minlength=n_groups * size)
    result = np.empty((n_groups, size, size))
    for one in range(size):
        for other in range(one, size):
            both = np.bincount(groups, weights=share[:, one] * share[:, other], minlength=n_groups)
            result[:, one, other] = result[:, other, one] = -both
    index = np.arange(size)
    result[:, index, index] += ratings.reshape(n_groups, size)
    return result


def clustered_errors(
    rows: Ratings, inverse: FloatArray, residual: FloatArray, of_object: IntArray
) -> ClusteredErrors:
    """Return the errors of the additive model's rater effects, clustered by what objects belong to.

    CR2 with Satterthwaite's degrees of freedom, independent errors of equal size as the working model (Bell &
    McCaffrey 2002; Pustejovsky & Tipton 2018, sec. 2 and theorem 2 on absorbed effects).

    Args:
        rows: The ratings.
        inverse: Generalised inverse of the raters' information matrix, shape (raters, raters).
        residual: Residual of each rating, shape (ratings,).
        of_object: Cluster of each object, codes from 0 on, shape (objects,).
    """
    seen = _seen(rows, of_object)
    groups = of_object % MAX_CLUSTERS
    n_groups, size = int(groups.max()) + 1, rows.n_raters
    values, vectors = np.linalg.eigh(inverse)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    pulled = root.T @ _information(rows, groups, n_groups) @ root
    left, frame = np.linalg.eigh(np.eye(size) - pulled)
    known = left > NOTHING_LEFT
    scale = np.where(known, 1.0 / np.sqrt(np.where(known, left, 1.0)), 0.0)
    adjust = np.einsum("gij,gj,gkj->gik", frame, scale, frame)
    sums = np.bincount(
        groups[rows.object] * size + rows.rater, weights=residual, minlength=n_groups * size
    ).reshape(n_groups, size)
    moved = np.einsum("gij,gj->gi", adjust, sums @ root)
    covariance = root @ (moved.T @ moved) @ root.T
    return ClusteredErrors(covariance, _satterthwaite(pulled, adjust, root), seen)


def _satterthwaite(pulled: FloatArray, adjust: FloatArray, root: FloatArray) -> FloatArray:
    """(tr G)² / tr(G G) of each rater's effect, G the covariance of what the clusters add to its variance."""
    size = root.shape[0]
    result = np.ones(size)
    for rater in range(size):
        b = np.einsum("gij,j->gi", adjust, root[rater])
        w = np.einsum("gij,gj->gi", pulled, b)
        own = np.einsum("gi,gi->g", b, w)
        shared = np.einsum("gi,gi->g", w, w)
        trace = float((own - shared).sum())
        squared = float((own**2 - 2.0 * own * shared).sum() + ((w.T @ w) ** 2).sum())
        if trace > 0.0 and squared > 0.0:
            result[rater] = max(trace**2 / squared, 1.0)
    return result


def equality_p(effect: FloatArray, errors: ClusteredErrors, n_contrasts: int) -> float | None:
    """Return the p value of "all raters are equally severe".

    Hotelling's T² with the smallest degrees of freedom of the effects, after the AHT test of Tipton &
    Pustejovsky (2015, sec. 3); for clusters that all raters rated alike it is Hotelling's (1931) exactly.

    Args:
        effect: Rater effects, adding to 0 in each connected set.
        errors: Their errors.
        n_contrasts: Raters less connected sets.

    Returns:
        None where the clusters are too few for so many raters.
    """
    df = float(errors.df.min())
    rest = df - n_contrasts + 1.0
    values, vectors = np.linalg.eigh(errors.covariance)
    if n_contrasts < 1 or rest <= 0.0:
        return None
    kept = np.argsort(values)[-n_contrasts:]
    if not values[kept].min() > 1e-9 * values[kept].max():
        return None
    distance = float((((vectors[:, kept].T @ effect) ** 2) / values[kept]).sum())
    return float(special.fdtrc(n_contrasts, rest, distance * rest / (df * n_contrasts)))
