"""`exercise analyse --bayes`: the cells a second time, by a hierarchical logistic model, as a cross-check.

Responsible for what enters the model and for holding its intervals beside those of the document. Invariants:
only yes-or-no scores of the primary rater are modelled; averages are over the same laboratories and languages
as in `analysis_cells`; the generator of each table is seeded by the document's seed and the table's place, so
that one table does not change another one; numpyro is imported only when a model is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module, metadata
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from consilience.errors import LimitError, MissingExtraError
from consilience.evaluation.analysis_setting import (
    Estimand,
    Setting,
    make_setting,
    no_estimate,
    reason_message,
    to_estimate,
    to_interval,
)
from consilience.evaluation.joint_result import BetweenLaboratories, Cell, Estimate, JointResult, Message
from consilience.evaluation.merge import Merged
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.message_codes import say
from consilience.evaluation.result_bayes import BayesAgreement, BayesCell, BayesSpread, BayesTable
from consilience.statistics import estimate as statistics
from consilience.statistics.hierarchical import METHOD, HierarchicalFit, fit_hierarchical
from consilience.statistics.hierarchical_model import device
from consilience.statistics.references import METHODS

MAX_FITS = 100
"""Models × concepts of one document that are fitted."""
ESTIMANDS: tuple[Estimand, ...] = ("benchmark", "generalized")
INSTALL = "pip install 'consilience[bayes]'"

Flags = NDArray[np.bool_]


def check_bayes() -> None:
    """Say at once if the extra is missing.

    Raises:
        MissingExtraError: numpyro or jax is not installed.
    """
    for name in ("jax", "numpyro"):
        try:
            import_module(name)
        except ImportError as error:
            raise MissingExtraError(
                f"the cross-check by a hierarchical model needs {name}, which is not installed",
                next_step=f"Install it: {INSTALL}",
            ) from error


def with_bayes(
    result: JointResult, merged: Merged, progress: Callable[[str], None] | None = None
) -> JointResult:
    """Return the document with the cross-check, its method, and the software and device that computed it.

    Args:
        result: The document, complete otherwise.
        merged: The tables that it was computed from.
        progress: Told what is being done.

    Raises:
        LimitError: More models × concepts than MAX_FITS.
    """
    software = {
        **result.software,
        "jax": metadata.version("jax"),
        "numpyro": metadata.version("numpyro"),
        "jax device": device(),
    }
    setting = make_setting(merged, seed=result.seed)
    bayes = make_bayes(result.cells, result.between, merged.tables, setting, progress or (lambda _: None))
    methods = dict(sorted({**result.methods, METHOD: METHODS[METHOD]}.items()))
    return msgspec.structs.replace(result, bayes=bayes, software=software, methods=methods)


def make_bayes(
    cells: Sequence[Cell],
    between: Sequence[BetweenLaboratories],
    tables: ScoreTables,
    setting: Setting,
    tell: Callable[[str], None],
) -> tuple[BayesTable, ...]:
    """Fit the model of every model and concept that has scores of its primary rater.

    Raises:
        LimitError: More models × concepts than MAX_FITS.
    """
    places = list(_places(tables, setting))
    if len(places) > MAX_FITS:
        raise LimitError(
            f"{len(places)} models × concepts are more than the limit of {MAX_FITS} of the cross-check",
            next_step="Analyse fewer models or concepts at once, or leave out --bayes.",
        )
    found = []
    for number, place in enumerate(places):
        tell(f"hierarchical model {number + 1} of {len(places)}")
        mine = [
            cell
            for cell in cells
            if cell.primary
            and cell.model == tables.models[place.model]
            and cell.concept == tables.concepts[place.concept]
        ]
        found.append(_table(place, mine, between, tables, setting))
    return tuple(found)


class _Place(NamedTuple):
    concept: int
    model: int
    rater: int
    rows: Flags


def _places(tables: ScoreTables, setting: Setting) -> Iterator[_Place]:
    items = tables.items
    for concept, chosen in enumerate(setting.concepts):
        for model in range(len(tables.models)):
            rows = (items.concept == concept) & (items.model == model) & (items.counts[chosen.primary] > 0)
            if rows.any():
                yield _Place(concept, model, chosen.primary, rows)


def _table(
    place: _Place,
    cells: Sequence[Cell],
    between: Sequence[BetweenLaboratories],
    tables: ScoreTables,
    setting: Setting,
) -> BayesTable:
    model, concept = tables.models[place.model], tables.concepts[place.concept]
    core = next((b for b in between if (b.model, b.concept) == (model, concept) and b.language is None), None)
    fit = _fit(place, cells, tables, setting)
    reason = reason_message(fit.reason) if fit else say("not_binary", rater=setting.raters[place.rater].id)
    shown = tuple(_cell(cell, fit, number, reason) for number, cell in enumerate(cells))
    told = fit.convergence if fit is not None else None
    n_items = int(np.unique(tables.items.item[place.rows]).size)
    n_scores = int(tables.items.counts[place.rater][place.rows].sum())
    return BayesTable(
        model=model,
        concept=concept,
        rater=setting.raters[place.rater].id,
        cells=shown,
        spreads=_spreads(fit),
        between=_estimate(fit.between if fit else None, "generalized", reason),
        core_between_sd=core.between_sd if core else None,
        core_between_interval=core.between_sd_interval if core else None,
        agreement=tuple(agreement(shown, which) for which in ESTIMANDS),
        n_items=fit.n_items if fit else n_items,
        n_items_all=n_items,
        n_scores=fit.n_scores if fit else n_scores,
        chains=told.chains if told else None,
        draws=told.draws if told else None,
        divergences=told.divergences if told else None,
        r_hat=told.r_hat if told else None,
        effective_size=told.effective_size if told else None,
        method=METHOD,
        reason=reason,
    )


def _fit(
    place: _Place, cells: Sequence[Cell], tables: ScoreTables, setting: Setting
) -> HierarchicalFit | None:
    """Fit the model of one table; None where its scores are not yes or no."""
    items, rows = tables.items, place.rows
    successes = items.sums[place.rater][rows]
    if setting.raters[place.rater].scale != "binary" or np.any(successes != np.rint(successes)):
        return None
    laboratories, laboratory = np.unique(items.laboratory[rows], return_inverse=True)
    languages, language = np.unique(items.language[rows], return_inverse=True)
    filled = np.zeros((laboratories.size, languages.size), dtype=np.bool_)
    filled[laboratory, language] = True
    names = (
        {tables.laboratories[code]: at for at, code in enumerate(laboratories.tolist())},
        {tables.languages[code]: at for at, code in enumerate(languages.tolist())},
    )
    return fit_hierarchical(
        laboratory,
        language,
        items.item[rows],
        successes,
        items.counts[place.rater][rows],
        np.stack([_group(cell, filled, *names) for cell in cells]),
        compared=[n for n, cell in enumerate(cells) if cell.laboratory is not None and cell.language is None],
        level=setting.level,
        rng=np.random.default_rng([setting.seed, place.concept, place.model]),
    )


def _group(cell: Cell, filled: Flags, laboratories: dict[str, int], languages: dict[str, int]) -> Flags:
    """Return what a cell is the average of, shape (laboratories, languages): over languages those that every
    laboratory has, or all where they share none."""
    group = np.ones(filled.shape, dtype=np.bool_)
    if cell.laboratory is not None:
        group &= (np.arange(filled.shape[0]) == laboratories.get(cell.laboratory, -1))[:, None]
    if cell.language is not None:
        group &= np.arange(filled.shape[1]) == languages.get(cell.language, -1)
    else:
        shared = filled.all(axis=0)
        group &= shared if shared.any() else True
    return group


def _estimate(found: statistics.Estimate | None, estimand: Estimand, reason: Message | None) -> Estimate:
    if found is not None:
        return to_estimate(found, estimand)
    return no_estimate(reason or say("no_scores"), estimand)


def _cell(cell: Cell, fit: HierarchicalFit | None, number: int, reason: Message | None) -> BayesCell:
    benchmark = _estimate(fit.benchmark[number] if fit else None, "benchmark", reason)
    generalized = _estimate(fit.generalized[number] if fit else None, "generalized", reason)
    return BayesCell(
        laboratory=cell.laboratory,
        language=cell.language,
        benchmark=benchmark,
        generalized=generalized,
        core_benchmark=cell.benchmark,
        core_generalized=cell.generalized,
        benchmark_overlaps=overlaps(benchmark, cell.benchmark),
        generalized_overlaps=overlaps(generalized, cell.generalized),
    )


def overlaps(left: Estimate, right: Estimate) -> bool | None:
    """Say whether two intervals have a point in common; None where one is missing."""
    if left.interval is None or right.interval is None:
        return None
    return left.interval.low <= right.interval.high and right.interval.low <= left.interval.high


def _spreads(fit: HierarchicalFit | None) -> tuple[BayesSpread, ...]:
    if fit is None:
        return ()
    return tuple(
        BayesSpread(
            source=one.source,
            sd=one.value,
            interval=to_interval(one.interval),
            levels=one.levels,
            reason=reason_message(one.reason),
        )
        for one in fit.spreads
    )


def agreement(cells: Sequence[BayesCell], estimand: Estimand) -> BayesAgreement:
    """Count how far the intervals of the model and of the document agree.

    Args:
        cells: Of one table.
        estimand: Which of their two estimates.
    """
    both = [
        (cell, ours, core)
        for cell, ours, core in (
            (cell, cell.benchmark, cell.core_benchmark)
            if estimand == "benchmark"
            else (cell, cell.generalized, cell.core_generalized)
            for cell in cells
        )
        if overlaps(ours, core) is not None
    ]
    gaps = [
        (ours.value - core.value, cell)
        for cell, ours, core in both
        if ours.value is not None and core.value is not None
    ]
    largest = max(gaps, key=lambda gap: abs(gap[0]), default=None)
    return BayesAgreement(
        estimand=estimand,
        n_cells=len(both),
        n_overlapping=sum(bool(overlaps(ours, core)) for _, ours, core in both),
        n_inside=sum(_holds(ours, core.value) for _, ours, core in both),
        largest_difference=largest[0] if largest else None,
        laboratory=largest[1].laboratory if largest else None,
        language=largest[1].language if largest else None,
    )


def _holds(estimate: Estimate, value: float | None) -> bool:
    interval = estimate.interval
    return interval is not None and value is not None and interval.low <= value <= interval.high
