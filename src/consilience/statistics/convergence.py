"""Whether the chains of a sampler agree: R-hat and effective sample size of every quantity that is reported.

Responsible for the judgement only; no sampler is needed for it. Follows Vehtari, Gelman, Simpson, Carpenter
& Bürkner (2021), Bayesian Anal. 16:667-718: draws are replaced by normal scores of their ranks (eq. 14), so
that heavy tails do not hide what chains disagree about; chains are split in halves. Invariant: quantities
that do not vary at all are left out, since no chain can disagree about them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

AGREED_R_HAT = 1.01
"""Largest R-hat at which chains count as agreed (Vehtari et al. 2021, sec. 4)."""
MIN_EFFECTIVE = 400.0
"""Smallest effective sample size, in the bulk and in the tails, over all chains together (the same)."""
DIVERGENT_SHARE = 0.001
"""Largest share of draws that end in a divergence of the integrator."""
TAILS = (0.05, 0.95)

Draws = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """How well the chains agree, over all quantities: the worst of each."""

    chains: int
    draws: int
    """Kept draws of each chain."""
    divergences: int
    r_hat: float | None
    """None: nothing varies."""
    effective_size: float | None

    @property
    def holds(self) -> bool:
        """Whether numbers may be taken from these draws."""
        if self.r_hat is None or self.effective_size is None:
            return False
        few = self.divergences <= DIVERGENT_SHARE * self.chains * self.draws
        return few and self.r_hat <= AGREED_R_HAT and self.effective_size >= MIN_EFFECTIVE


def assess(draws: Draws, divergences: int) -> Convergence:
    """Judge draws of several quantities.

    Args:
        draws: Shape (chains, draws, quantities), at least 2 chains and 8 draws.
        divergences: Number of divergent transitions.

    Raises:
        ValueError: The shape is another, or a draw is not finite.
    """
    if draws.ndim != 3 or draws.shape[0] < 2 or draws.shape[1] < 8:
        raise ValueError(f"draws must have shape (chains >= 2, draws >= 8, quantities), not {draws.shape}")
    if not np.isfinite(draws).all():
        raise ValueError("draws must be finite")
    chains, length, _ = draws.shape
    varies = np.ptp(draws.reshape(chains * length, -1), axis=0) > 0.0
    halves = split(draws[:, :, varies])
    if not halves.shape[2]:
        return Convergence(
            chains=chains, draws=length, divergences=divergences, r_hat=None, effective_size=None
        )
    scores = rank_scores(halves)
    folded = rank_scores(np.abs(halves - np.median(halves, axis=(0, 1))))
    ends = np.quantile(halves, TAILS, axis=(0, 1))
    sizes = [effective_size(scores), *(effective_size((halves <= end).astype(np.float64)) for end in ends)]
    return Convergence(
        chains=chains,
        draws=length,
        divergences=divergences,
        r_hat=float(max(r_hat(scores).max(), r_hat(folded).max())),
        effective_size=float(min(size.min() for size in sizes)),
    )


def split(draws: Draws) -> Draws:
    """Return the halves of chains as chains, shape (2 chains, draws // 2, quantities)."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def rank_scores(draws: Draws) -> Draws:
    """Return normal scores of the ranks over all chains, `ndtri((r - 3/8) / (S + 1/4))` (eq. 14)."""
    flat = draws.reshape(-1, draws.shape[2])
    ranks = np.argsort(np.argsort(flat, axis=0, kind="stable"), axis=0) + 1.0
    return np.asarray(ndtri((ranks - 0.375) / (flat.shape[0] + 0.25)), dtype=np.float64).reshape(draws.shape)


def r_hat(draws: Draws) -> Draws:
    """Return the potential scale reduction of each quantity (eqs. 1 to 4); `draws` are split already."""
    within = draws.var(axis=1, ddof=1).mean(axis=0)
    between = draws.mean(axis=1).var(axis=0, ddof=1)
    n = draws.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.sqrt((n - 1.0) / n + between / within)
    return np.where(within > 0.0, found, np.where(between > 0.0, np.inf, 1.0))


def effective_size(draws: Draws) -> Draws:
    """Return the effective number of draws of each quantity by Geyer's initial monotone sequence (eqs. 10 to
    13).

    Args:
        draws: Shape (chains, draws, quantities), chains split already.
    """
    chains, n, quantities = draws.shape
    covariance = _autocovariance(draws)
    within = covariance[:, 0].mean(axis=0) * n / (n - 1.0)
    total = within * (n - 1.0) / n + draws.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = 1.0 - (within - covariance.mean(axis=0) * n / (n - 1.0)) / total
    correlation[0] = 1.0
    pairs = correlation[: n // 2 * 2].reshape(n // 2, 2, quantities).sum(axis=1)
    positive = np.logical_and.accumulate(pairs > 0.0, axis=0)
    pairs = np.where(positive, np.minimum.accumulate(pairs, axis=0), 0.0)
    time = np.maximum(2.0 * pairs.sum(axis=0) - 1.0, 1.0 / np.log10(chains * n))
    return np.where(total > 0.0, chains * n / time, float(chains * n))


def _autocovariance(draws: Draws) -> Draws:
    """Autocovariance of every chain, divided by its length, shape (chains, lags, quantities)."""
    n = draws.shape[1]
    centred = draws - draws.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred, n=2 * n, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(np.fft.irfft(power, n=2 * n, axis=1)[:, :n] / n, dtype=np.float64)
