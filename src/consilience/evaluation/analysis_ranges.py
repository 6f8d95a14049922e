"""Where the methods of a document keep what they say, and how many of its numbers rest on less.

The ranges were found by simulation (docs/explanation/validity.md) and stand in `statistics.ranges`. Here each
interval and test of a document is counted with the units that it rests on: items, human ratings, laboratories
or raters, as its method has it. Invariants: a method enters where the document uses it and it has a range;
what has no interval is not counted; the cross-check (`bayes`), which repeats cells, is left out; the note is
there if, and only if, an interval may be too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from consilience.evaluation.joint_result import (
    Agreement,
    BetweenLaboratories,
    Contrast,
    Correction,
    Estimate,
    JointResult,
    RangeOfUse,
    VarianceTable,
)
from consilience.evaluation.message_codes import say
from consilience.statistics.ranges import range_of

Use = tuple[str, int]
"""Key of a method, and the units that one of its intervals or tests rests on."""


def with_ranges(result: JointResult) -> JointResult:
    """Return the document with the ranges of its methods, and a note where intervals may be too narrow."""
    ranges = make_ranges(result)
    narrow = [one for one in ranges if one.narrow and one.n_outside]
    notes = result.notes
    if narrow:
        n_all = sum(1 for _ in uses(result))
        note = say(
            "note_narrow",
            n_narrow=sum(one.n_outside for one in narrow),
            n_wide=sum(one.n_outside for one in ranges if not one.narrow),
            n_inside=n_all - sum(one.n_outside for one in ranges),
            n_all=n_all,
            methods=[one.method for one in narrow],
        )
        notes = (*notes, note)
    return msgspec.structs.replace(result, ranges=ranges, notes=notes)


def make_ranges(result: JointResult) -> tuple[RangeOfUse, ...]:
    """Count the intervals and tests of every method that has a range of use."""
    counts: dict[str, list[int]] = {}
    for method, units in uses(result):
        found = range_of(method)
        if found is not None:
            count = counts.setdefault(found.method, [0, 0])
            count[0] += 1
            count[1] += units < found.n_holds
    rows = []
    for method, (n_estimates, n_outside) in sorted(counts.items()):
        found = range_of(method)
        if found is not None:
            rows.append(
                RangeOfUse(
                    method=method,
                    n_holds=found.n_holds,
                    narrow=found.narrow,
                    n_estimates=n_estimates,
                    n_outside=n_outside,
                )
            )
    return tuple(rows)


def uses(result: JointResult) -> Iterator[Use]:
    """Yield every interval and test of a document with its units."""
    for cell in result.cells:
        yield from _of(cell.benchmark, cell.generalized)
    for contrast in result.contrasts:
        yield from _of_contrast(contrast)
    yield from _of_raters(result)
    yield from _of_spread(result)


def _of_raters(result: JointResult) -> Iterator[Use]:
    for row in result.agreement:
        yield from _of_agreement(row)
    for judged in result.judges:
        yield from _of(judged.agreement, judged.sensitivity, judged.specificity, judged.bias)
    for one in result.corrections:
        yield from _of_correction(one)
    for pair in result.corrected_differences:
        yield from _at(pair.corrected, pair.n_human)
    for raters in result.severity:
        yield from _of(*(rater.severity for rater in raters.raters))


def _of_spread(result: JointResult) -> Iterator[Use]:
    for components in result.variance:
        yield from _of_variance(components)
    for between in result.between:
        yield from _of_between(between)
    for setting in result.attributions:
        yield from _at(setting.association, setting.n_laboratories)
    for study in result.decisions:
        if study.half_width is not None:
            yield study.method, study.design.get("laboratory", 1)


def _of(*estimates: Estimate) -> Iterator[Use]:
    for estimate in estimates:
        if estimate.interval is not None:
            yield estimate.interval.method, estimate.n_items


def _at(estimate: Estimate, units: int) -> Iterator[Use]:
    if estimate.interval is not None:
        yield estimate.interval.method, units


def _of_contrast(contrast: Contrast) -> Iterator[Use]:
    yield from _of(contrast.difference)
    if contrast.test is not None and contrast.p_value is not None:
        if contrast.difference.interval is None or contrast.test != contrast.difference.interval.method:
            yield contrast.test, contrast.n_common
        if contrast.margin is not None:
            yield "tost", contrast.n_common


def _of_agreement(row: Agreement) -> Iterator[Use]:
    if row.interval is not None:
        yield row.interval.method, row.n_shared if row.n_items is None else row.n_items


def _of_correction(one: Correction) -> Iterator[Use]:
    yield from _of(one.raw)
    yield from _at(one.corrected, one.n_human)
    yield from _at(one.rogan_gladen, one.n_human)


def _of_variance(table: VarianceTable) -> Iterator[Use]:
    items = next((one.levels for one in table.components if one.source == "item"), 0)
    for one in table.components:
        for interval in (one.interval, one.share_interval):
            if interval is not None:
                yield interval.method, items


def _of_between(table: BetweenLaboratories) -> Iterator[Use]:
    count = len(table.laboratories)
    if count > 1 and table.between_sd is not None:
        yield "item_paired_laboratories", count
    if table.between_sd_interval is not None:
        yield table.between_sd_interval.method, count
    for score in table.laboratories:
        yield from _of(score.mean)
        yield from _of(*([score.deviation] if score.deviation is not None else []))
    summary = table.summary
    if summary is None:
        return
    yield from _at(summary.mean, summary.n_laboratories)
    for interval in (summary.tau_interval, summary.i_squared_interval, summary.prediction):
        if interval is not None:
            yield interval.method, summary.n_laboratories
