"""Lines of the conformance list that count numbers: smallest differences that the data show, and intervals.

Pure. Invariants: every axis that can be compared is held against the wanted difference; what is not known
meets nothing; every count is told with what it is out of.
"""

from __future__ import annotations

from collections.abc import Iterator

from consilience.evaluation.checklist_evidence import Evidence, Line, State, without_protocol
from consilience.evaluation.joint_result import Estimate, MinimumDifference
from consilience.evaluation.message_codes import say

AXES = ("laboratory", "language", "model")
"""Along which a wanted difference is looked for; raters are compared too, but nothing is planned of them."""
RESULTS = ("score", "difference", "corrected_score", "corrected_difference")
"""Numbers that speak of models: without an interval on each of them line 11 is not met."""
Counted = tuple[str, bool]
"""What kind of number it is, and whether it has an interval."""


def powered(e: Evidence) -> Line:
    """5. Number of items justified by a power analysis."""
    protocol = e.merged.protocol
    if protocol is None:
        return without_protocol(5)
    wanted = protocol.analysis.wanted_difference
    if wanted is None:
        return "not met", say("check_power_missing")
    asked = [
        m
        for m in e.minimum_differences
        if m.axis in AXES and (m.reason is None or m.reason.code != "no_contrast")
    ]
    worst = [found for axis in AXES if (found := _worst(asked, axis)) is not None]
    unknown = sum(m.difference is None for m in asked)
    if any((found.difference or 0.0) > wanted for found in worst):
        state: State = "not met"
    else:
        state = "met" if worst and not unknown else "not assessed"
    scales = {one.id: e.setting.raters[one.primary].scale for one in e.setting.concepts}
    return state, say(
        "check_power",
        wanted=wanted,
        power=protocol.analysis.power,
        axes=[found.axis for found in worst],
        concepts=[found.concept for found in worst],
        detectable=[found.difference for found in worst],
        scales=[scales[found.concept] for found in worst],
        scale=scales[e.setting.concepts[0].id],
        n_compared=len(asked),
        n_unknown=unknown,
    )


def _worst(asked: list[MinimumDifference], axis: str) -> MinimumDifference | None:
    """Return the concept of an axis in which the smallest difference that could be seen is largest."""
    known = [m for m in asked if m.axis == axis and m.difference is not None]
    return max(known, key=lambda m: m.difference or 0.0, default=None)


def uncertain(e: Evidence) -> Line:
    """11. Uncertainty on every result. Scores count in the estimand that carries the verdict; further
    numbers, such as those on raters, are counted beside."""
    counts: dict[str, list[int]] = {}
    for kind, ranged in _numbers(e):
        count = counts.setdefault(kind, [0, 0])
        count[0] += ranged
        count[1] += 1
    if not counts:
        return "not assessed", say("check_uncertainty_none")
    missing = any(counts[kind][0] < counts[kind][1] for kind in RESULTS if kind in counts)
    return ("not met" if missing else "met"), say(
        "check_uncertainty",
        kinds=[*counts],
        with_interval=[count[0] for count in counts.values()],
        of=[count[1] for count in counts.values()],
    )


def _numbers(e: Evidence) -> Iterator[Counted]:
    """Yield every number of the document that has a value."""
    for cell in e.cells:
        estimate = cell.benchmark if e.setting.estimand == "benchmark" else cell.generalized
        yield from _of("score", estimate)
    for contrast in e.contrasts:
        yield from _of("difference", contrast.difference)
    for one in e.corrections:
        yield from _of("corrected_score", one.corrected, one.rogan_gladen)
    for pair in e.corrected_differences:
        yield from _of("corrected_difference", pair.corrected)
    yield from _of_raters(e)
    yield from _of_laboratories(e)
    for components in e.variance:
        for part in components.components:
            if part.share is not None:
                yield "variance_share", part.share_interval is not None


def _of_raters(e: Evidence) -> Iterator[Counted]:
    for judge in e.judges:
        yield from _of("judge_rate", judge.agreement, judge.sensitivity, judge.specificity, judge.bias)
    for row in e.agreement:
        if row.value is not None:
            yield "agreement", row.interval is not None
    for table in e.severity:
        yield from _of("severity", *(rater.severity for rater in table.raters))


def _of_laboratories(e: Evidence) -> Iterator[Counted]:
    for table in e.between:
        yield from _of("laboratory_mean", *(score.mean for score in table.laboratories))
        if table.summary is not None:
            yield from _of("laboratory_mean", table.summary.mean)
        if table.between_sd is not None:
            yield "spread", table.between_sd_interval is not None


def _of(kind: str, *estimates: Estimate) -> Iterator[Counted]:
    for estimate in estimates:
        if estimate.value is not None:
            yield kind, estimate.interval is not None
