"""The cross-check of a joint result by a hierarchical model: its intervals beside those of the document.

Pure types; `joint_result` holds the document. Invariant: where the model gives no number there is a reason;
nothing else in the document rests on this part.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from consilience.evaluation.result_values import Estimate, Interval, Message


class BayesCell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the document's `cells` by its primary rater, estimated a second time."""

    laboratory: str | None
    language: str | None
    benchmark: Estimate
    generalized: Estimate
    core_benchmark: Estimate
    """As in `cells`."""
    core_generalized: Estimate
    benchmark_overlaps: bool | None
    """Whether the two intervals overlap; None where one is missing."""
    generalized_overlaps: bool | None


class BayesSpread(msgspec.Struct, frozen=True, kw_only=True):
    """Standard deviation of one source on the logit scale."""

    source: str
    """item, laboratory, language, and their interactions: `item:language` …"""
    sd: float | None
    interval: Interval | None
    levels: int
    reason: Message | None = None


class BayesAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far the two ways agree over the cells of one table that have both intervals."""

    estimand: Literal["benchmark", "generalized"]
    n_cells: int
    n_overlapping: int
    n_inside: int
    """Cells whose value in the document lies inside the model's interval."""
    largest_difference: float | None
    """Model minus document, of the cell where it is largest in size; None: no cell has both values."""
    laboratory: str | None
    """Of that cell."""
    language: str | None


class BayesTable(msgspec.Struct, frozen=True, kw_only=True):
    """The hierarchical model of one model and concept by its primary rater."""

    model: str
    concept: str
    rater: str
    cells: tuple[BayesCell, ...]
    spreads: tuple[BayesSpread, ...]
    between: Estimate
    """Standard deviation of these laboratories' probabilities on items like these, over the languages."""
    core_between_sd: float | None
    """As in `between` of the document, over all languages."""
    core_between_interval: Interval | None
    agreement: tuple[BayesAgreement, ...]
    n_items: int
    n_items_all: int
    """More than `n_items` where a random subset was fitted."""
    n_scores: int
    chains: int | None
    """Chains of the sampler; None: it did not run."""
    draws: int | None
    """Kept draws of each chain."""
    divergences: int | None
    r_hat: float | None
    """The worst of all quantities; near 1 where chains agree."""
    effective_size: float | None
    """The smallest of all quantities."""
    method: str
    reason: Message | None = None
