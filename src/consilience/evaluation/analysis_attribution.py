"""Which recorded setting goes with the spread between laboratories: an association, never a proof.

For each model and concept by its primary rater, over all languages (each the same weight). Settings come from
the manifests (`recorded_settings`) and the accounts of imports (`imported_settings`). Invariants: settings
that these laboratories cannot tell apart are one comparison and name each other; with fewer than four
laboratories there is a difference and no interval; a setting that a single laboratory has is told as one with
that laboratory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.analysis_setting import Setting, reason_message, to_estimate
from consilience.evaluation.imported_settings import imported_facts, imported_runs
from consilience.evaluation.joint_result import Attribution, Deviation, Estimate, Message
from consilience.evaluation.merge import Merged
from consilience.evaluation.message_codes import say
from consilience.evaluation.recorded_settings import MAX_SETTINGS, RecordedSetting, recorded_settings
from consilience.statistics import attribution as statistics
from consilience.statistics.estimate import Estimate as Found
from consilience.statistics.estimate import Interval as FoundInterval

STREAM = 6
"""Number of the generator's stream for random arrangements of settings."""
Values = tuple[float | None, ...]


@dataclass(frozen=True)
class _Column:
    """A setting brought to 0 … 1 over its laboratories, the first known one at 0 or turned so that it is."""

    values: Values
    width: float
    """What 1 is in the setting's own units; negative where it was turned."""


def make_attributions(
    merged: Merged, setting: Setting, departures: Sequence[Deviation]
) -> tuple[tuple[Attribution, ...], list[Message]]:
    """Return the association of every recorded setting with the laboratories' results, and a note where
    settings were left out.

    Args:
        merged: Tables and manifests.
        setting: What the analysis goes by.
        departures: Deviations from the protocol.
    """
    found: list[Attribution] = []
    most = 0
    told = imported_runs(merged.imports)
    for concept in range(len(setting.concepts)) if merged.manifests or told else ():
        for model in range(len(merged.tables.models)):
            rows = _rows(merged, setting, model, concept)
            present = np.unique(merged.tables.items.laboratory[rows])
            if present.size < 2:
                continue
            rater = setting.raters[setting.concepts[concept].primary].id
            runs = told.get((merged.tables.models[model], setting.concepts[concept].id), [])
            settings = recorded_settings(
                merged.manifests,
                [merged.tables.laboratories[code] for code in present.tolist()],
                model=merged.tables.models[model],
                rater=rater,
                departures=departures,
                told=[(laboratory, imported_facts(run, rater)) for laboratory, run in runs],
            )
            most = max(most, len(settings))
            found += _attributed(merged, setting, (model, concept), rows, settings[:MAX_SETTINGS])
    notes = [say("note_settings_capped", n_settings=most, limit=MAX_SETTINGS)] if most > MAX_SETTINGS else []
    return tuple(found), notes


def _rows(merged: Merged, setting: Setting, model: int, concept: int) -> NDArray[np.bool_]:
    items, rater = merged.tables.items, setting.concepts[concept].primary
    rows = (items.concept == concept) & (items.model == model) & (items.counts[rater] > 0)
    return np.asarray(rows, dtype=np.bool_)


def _attributed(
    merged: Merged, setting: Setting, what: tuple[int, int], rows: NDArray[np.bool_],
    settings: Sequence[RecordedSetting],
) -> Iterator[Attribution]:  # fmt: skip
    columns = [_column(one.values) for one in settings]
    different = list(dict.fromkeys(column.values for column in columns))
    if not different:
        return
    model, concept = what
    items, rater = merged.tables.items, setting.concepts[concept].primary
    present, laboratory = np.unique(items.laboratory[rows], return_inverse=True)
    results = statistics.attribute_laboratories(
        laboratory.ravel(),
        items.item[rows],
        items.sums[rater][rows],
        items.counts[rater][rows],
        present.size,
        {str(number): np.array(values, dtype=np.float64) for number, values in enumerate(different)},
        part=items.language[rows],
        level=setting.level,
        rng=np.random.default_rng([setting.seed, STREAM, model, concept]),
    )
    by_values = dict(zip(different, results, strict=True))
    alike = _alike(settings, columns, different, results)
    names = [merged.tables.laboratories[code] for code in present.tolist()]
    for one, column in zip(settings, columns, strict=True):
        result = by_values[column.values]
        yield Attribution(
            model=merged.tables.models[model],
            concept=setting.concepts[concept].id,
            rater=setting.raters[rater].id,
            setting=one.name,
            level=one.level,
            unit="per unit" if one.level is None else "present or not",
            values=dict(zip(names, one.values, strict=True)),
            association=_in_units(result.association, column.width),
            p_value=result.p_value,
            p_adjusted=result.p_adjusted,
            p_permutation=result.p_permutation,
            p_smallest=result.p_smallest,
            between_sd=result.between_sd,
            between_sd_with=result.between_sd_with,
            sign_holds=result.sign_holds,
            same_as=tuple(name for name in alike[column.values] if name != one.name),
            n_laboratories=result.n_laboratories,
            only=_single(names, one.values),
            equal_weights=result.equal_weights,
        )


def _column(values: Values) -> _Column:
    """Settings that differ in unit, origin or direction only become equal."""
    known = [value for value in values if value is not None]
    low, width = min(known), max(known) - min(known)
    scaled = [None if value is None else round((value - low) / width, 9) for value in values]
    first = next(value for value in scaled if value is not None)
    last = next(value for value in reversed(scaled) if value is not None)
    if first > 0.5 or (first == 0.5 and last < 0.5):
        return _Column(tuple(None if value is None else round(1.0 - value, 9) for value in scaled), -width)
    return _Column(tuple(scaled), width)


def _alike(
    settings: Sequence[RecordedSetting], columns: Sequence[_Column], different: Sequence[Values],
    results: Sequence[statistics.Attribution],
) -> dict[Values, tuple[str, ...]]:  # fmt: skip
    """Per column the names of the settings that have it, or one that cannot be told from it."""
    named: dict[Values, list[str]] = {values: [] for values in different}
    for one, column in zip(settings, columns, strict=True):
        if one.name not in named[column.values]:
            named[column.values].append(one.name)
    return {
        values: tuple(
            dict.fromkeys([*named[values], *(n for at in result.same_as for n in named[different[int(at)]])])
        )
        for values, result in zip(different, results, strict=True)
    }


def _in_units(found: Found, width: float) -> Estimate:
    """Return an association over the whole width as one per unit of the setting."""
    interval = found.interval
    if interval is not None:
        low, high = sorted((interval.low / width, interval.high / width))
        interval = FoundInterval(low=low, high=high, level=interval.level, method=interval.method)
    error = found.standard_error
    scaled = replace(
        found,
        value=None if found.value is None else found.value / width,
        interval=interval,
        standard_error=None if error is None else error / abs(width),
    )
    reason = reason_message(found.reason, n_laboratories=found.n_items)
    return msgspec.structs.replace(to_estimate(scaled, "benchmark"), reason=reason)


def _single(names: Sequence[str], values: Values) -> str | None:
    """The laboratory that alone has one of two values; None where there is no such one."""
    known = [value for value in values if value is not None]
    if len(known) < 3 or len(set(known)) != 2:
        return None
    for name, value in zip(names, values, strict=True):
        if value is not None and known.count(value) == 1:
            return name
    return None
