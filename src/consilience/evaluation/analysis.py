"""`exercise analyse`: from the score files of several laboratories to one joint result.

Responsible for the order of the work. Rows are read once, by `merge`; everything here works on its small
tables. Invariants: the same inputs, protocol and seed give the same result; all randomness comes from one
generator whose seed is in the document; every sentence in it is a code that `message_codes` lists.
"""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import scipy

from consilience import __version__
from consilience.evaluation.analysis_attribution import make_attributions
from consilience.evaluation.analysis_bayes import check_bayes, with_bayes
from consilience.evaluation.analysis_cells import cell_rows, make_cells
from consilience.evaluation.analysis_contrasts import make_contrasts
from consilience.evaluation.analysis_corrected_differences import (
    CorrectedOdd,
    make_corrected_differences,
    make_corrected_odds,
)
from consilience.evaluation.analysis_correction import make_corrections
from consilience.evaluation.analysis_decisions import make_decisions
from consilience.evaluation.analysis_judged import judged_raters
from consilience.evaluation.analysis_laboratories import make_between, method_keys
from consilience.evaluation.analysis_notes import Noted, make_notes
from consilience.evaluation.analysis_ranges import with_ranges
from consilience.evaluation.analysis_raters import make_agreement, make_judges
from consilience.evaluation.analysis_setting import Setting, make_setting
from consilience.evaluation.analysis_severity import make_severity
from consilience.evaluation.analysis_tallies import (
    language_order,
    make_concepts,
    make_counts,
    make_exercise,
    make_failures,
    make_inputs,
    make_raters,
    make_runs,
)
from consilience.evaluation.analysis_ties import make_ties
from consilience.evaluation.analysis_variance import (
    estimate_spread,
    make_minimum_differences,
    make_variance,
)
from consilience.evaluation.checklist import Evidence, make_checklist
from consilience.evaluation.deviations import deviations
from consilience.evaluation.joint_result import (
    Agreement,
    BetweenLaboratories,
    Cell,
    Contrast,
    CorrectedDifference,
    Correction,
    Deviation,
    Estimate,
    JointResult,
    JudgeAgainstHuman,
    Message,
    MinimumDifference,
)
from consilience.evaluation.merge import Merged, merge
from consilience.evaluation.merge_choice import LOCAL_ENGINE
from consilience.evaluation.merge_engine import MEMORY_LIMIT, THREADS
from consilience.evaluation.protocol import Protocol
from consilience.evaluation.verdict import Findings, make_limits, make_verdict
from consilience.statistics.references import METHODS

Progress = Callable[[str], None]


def analyse(
    inputs: Sequence[Path],
    *,
    protocol: Protocol | None,
    now: datetime.datetime,
    seed: int | None = None,
    progress: Progress | None = None,
    memory_limit: str = MEMORY_LIMIT,
    threads: int = THREADS,
    engine: str = LOCAL_ENGINE,
    bayes: bool = False,
) -> JointResult:
    """Merge the scores of laboratories and compute the joint result.

    Args:
        inputs: Score files, run folders, or folders of these.
        protocol: The protocol; None: the one in the run folders, if there is one.
        now: For the document's date.
        seed: Of resampling; None: the protocol's.
        progress: Told what is being done.
        memory_limit: Of the columnar engine, in each process.
        threads: Of the columnar engine; of a Ray on this machine: its workers.
        engine: Who reads the rows: `duckdb`, `ray` or `ray://HOST:PORT`; the result is the same.
        bayes: Whether to cross-check by a hierarchical model (extra `bayes`).

    Raises:
        MissingExtraError: `bayes` is asked for and numpyro is not installed, or `ray` and Ray is not.
        PartnerError: The Ray cluster, or a worker of it, fails.
        InputError: A file cannot be used; the error names file and line.
        IncompatibleError: Files do not belong together; the error says which and why.
        LimitError: A documented limit is passed.
    """
    if bayes:
        check_bayes()
    merged = merge(
        inputs,
        protocol=protocol,
        progress=progress,
        memory_limit=memory_limit,
        threads=threads,
        engine=engine,
    )
    result = analyse_merged(merged, now=now, seed=seed, progress=progress)
    return with_bayes(result, merged, progress) if bayes else result


@dataclass(frozen=True, eq=False)
class _Measured:
    """What is computed from the tables, before it is judged."""

    setting: Setting
    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast, ...]
    capped: list[Message]
    agreement: tuple[Agreement, ...]
    sampled: list[tuple[str, ...]]
    judges: tuple[JudgeAgainstHuman, ...]
    between: tuple[BetweenLaboratories, ...]
    minimum: tuple[MinimumDifference, ...]
    corrections: tuple[Correction, ...]
    corrected_differences: tuple[CorrectedDifference, ...]
    corrected_odds: tuple[CorrectedOdd, ...]


def _measure(merged: Merged, setting: Setting, tell: Progress) -> _Measured:
    tables = merged.tables
    rng = np.random.default_rng(setting.seed)
    tell("cells")
    cells = make_cells(merged, setting)
    tell("differences")
    contrasts, capped = make_contrasts(tables, setting)
    tell("raters")
    agreement, sampled = make_agreement(tables, setting, rng)
    judges = make_judges(tables, setting)
    judged = judged_raters(merged, setting)
    corrections, cut = make_corrections(merged, setting, judged, cells)
    corrected, left_out = make_corrected_differences(merged, setting, judged)
    odds = make_corrected_odds(merged, setting, judged)
    capped += [*cut, *left_out]
    del judged
    tell("laboratories")
    between = make_between(tables, setting)
    minimum = make_minimum_differences(contrasts, setting)
    return _Measured(
        setting, cells, contrasts, capped, agreement, sampled, judges, between, minimum,
        corrections, corrected, odds,
    )  # fmt: skip


def analyse_merged(
    merged: Merged, *, now: datetime.datetime, seed: int | None = None, progress: Progress | None = None
) -> JointResult:
    """Compute the joint result of merged tables; arguments as `analyse`."""
    setting = make_setting(merged, seed=seed)
    tables = merged.tables
    m = _measure(merged, setting, progress or (lambda _: None))
    departures = _deviations(merged)
    findings = _findings(merged, m, departures)
    attributions, unattributed = make_attributions(merged, setting, departures)
    spreads = estimate_spread(tables, setting)
    result = JointResult(
        generated_at=now.astimezone(datetime.UTC).isoformat(timespec="seconds"),
        software=_software(),
        seed=setting.seed,
        exercise=make_exercise(merged, setting),
        laboratories=tables.laboratories,
        models=tables.models,
        languages=language_order(tables.languages, merged.protocol),
        concepts=make_concepts(setting, merged.protocol),
        raters=make_raters(setting),
        counts=make_counts(merged),
        verdict=make_verdict(findings),
        verdict_limits=make_limits(findings),
        cells=m.cells,
        contrasts=m.contrasts,
        agreement=m.agreement,
        judges=m.judges,
        variance=make_variance(spreads, tables, setting),
        decisions=make_decisions(spreads, merged, setting),
        between=m.between,
        minimum_differences=m.minimum,
        failures=make_failures(merged),
        deviations=departures,
        checklist=(),
        runs=make_runs(merged),
        inputs=make_inputs(merged),
        methods={},
        notes=(*_notes(merged, m), *unattributed),
        corrections=m.corrections,
        corrected_differences=m.corrected_differences,
        severity=make_severity(tables, setting),
        ties=make_ties(m.contrasts, setting),
        attributions=attributions,
    )
    checked = msgspec.structs.replace(result, checklist=make_checklist(_evidence(merged, setting, result)))
    return _with_methods(with_ranges(checked))


def _evidence(merged: Merged, setting: Setting, result: JointResult) -> Evidence:
    return Evidence(
        merged=merged,
        setting=setting,
        cells=result.cells,
        contrasts=result.contrasts,
        agreement=result.agreement,
        judges=result.judges,
        minimum_differences=result.minimum_differences,
        corrections=result.corrections,
        corrected_differences=result.corrected_differences,
        between=result.between,
        severity=result.severity,
        variance=result.variance,
    )


def _findings(merged: Merged, m: _Measured, departures: Sequence[Deviation]) -> Findings:
    return Findings(
        tables=merged.tables,
        setting=m.setting,
        counts=make_counts(merged),
        cells=m.cells,
        contrasts=m.contrasts,
        between=m.between,
        minimum_differences=m.minimum,
        deviations=departures,
        has_protocol=merged.protocol is not None,
        with_manifest=frozenset((one.laboratory, one.model) for one in merged.manifests),
        corrections=m.corrections,
        corrected_differences=m.corrected_differences,
        corrected_odds=m.corrected_odds,
    )


def _notes(merged: Merged, m: _Measured) -> tuple[Message, ...]:
    noted = Noted(
        merged=merged,
        setting=m.setting,
        counts=make_counts(merged),
        failures=make_failures(merged),
        judges=m.judges,
        sampled=m.sampled,
        filled=frozenset(cell_rows(merged)),
    )
    return (*make_notes(noted), *m.capped)


def _deviations(merged: Merged) -> tuple[Deviation, ...]:
    """Deviations of every run; none can be computed without a protocol."""
    if merged.protocol is None:
        return ()
    found: dict[Deviation, None] = {}
    for manifest in merged.manifests:
        found.update(dict.fromkeys(deviations(merged.protocol, manifest)))
    return tuple(sorted(found, key=lambda one: (one.laboratory, one.model)))


def _software() -> dict[str, str]:
    return {
        "consilience": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "duckdb": duckdb.__version__,
    }


def _with_methods(result: JointResult) -> JointResult:
    """Fill in the references of the methods that the document names."""
    keys = sorted(_method_keys(result))
    return msgspec.structs.replace(result, methods={key: METHODS[key] for key in keys})


def _method_keys(result: JointResult) -> set[str]:
    keys = {estimate.interval.method for estimate in _estimates(result) if estimate.interval is not None}
    keys |= {contrast.test for contrast in result.contrasts if contrast.test is not None}
    keys |= {row.statistic for row in result.agreement}
    keys |= {row.interval.method for row in result.agreement if row.interval is not None}
    keys |= {table.method for table in result.variance}
    keys |= {table.method for table in result.severity}
    keys |= {
        interval.method
        for table in result.variance
        for component in table.components
        for interval in (component.interval, component.share_interval)
        if interval is not None
    }
    keys |= {study.method for study in result.decisions}
    keys |= method_keys(result.between) | ({"tie_groups"} if result.ties else set())
    keys |= {"setting_regression"} if result.attributions else set()
    keys |= {b.between_sd_interval.method for b in result.between if b.between_sd_interval is not None}
    keys.add(result.exercise.multiplicity)
    return keys


def _estimates(result: JointResult) -> Iterator[Estimate]:
    for cell in result.cells:
        yield from _of_cell(cell)
    for contrast in result.contrasts:
        yield contrast.difference
    for row in result.judges:
        yield from (row.agreement, row.sensitivity, row.specificity, row.bias)
    for one in result.corrections:
        yield from (one.corrected, one.rogan_gladen)
    for pair in result.corrected_differences:
        yield pair.corrected
    for table in result.severity:
        yield from (one.severity for one in table.raters)
    for between in result.between:
        yield from _of_laboratories(between)


def _of_laboratories(between: BetweenLaboratories) -> Iterator[Estimate]:
    if between.summary is not None:
        yield between.summary.mean
    for score in between.laboratories:
        yield score.mean
        if score.deviation is not None:
            yield score.deviation


def _of_cell(cell: Cell) -> tuple[Estimate, Estimate]:
    return cell.benchmark, cell.generalized
