"""From variance components: how dependable a level's value is.

Generalizability coefficients of G theory (Brennan 2001), and what they share with decision studies
(`decision_study`): which facets a source has, and over how many levels it is averaged. A facet is a source of
conditions: items, laboratories, languages, raters, attempts; its levels are a sample of such levels.

Invariants: a negative component counts as 0; a source that was not estimated is named and never counts as 0
silently.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from consilience.statistics.components import ATTEMPT, RATER, RESIDUAL, VarianceComponents
from consilience.statistics.estimate import Reason

MAX_LEVELS = 1_000_000
"""More levels of a facet than this are neither taken nor proposed."""

Design = Mapping[str, int]
Source = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """Generalizability coefficients of the levels of `object` as they are ordered and as they are.

    `relative` (Eρ²) is that of comparisons between levels, `absolute` (Φ) that of their values. None where
    the object's component is not estimated or nothing varies; `left_out` names sources that were not
    estimated, so that coefficients are no higher than these numbers.
    """

    object: str
    relative: float | None
    absolute: float | None
    relative_error_variance: float | None
    absolute_error_variance: float | None
    left_out: tuple[str, ...]
    reason: Reason | None


def facets_of(components: VarianceComponents) -> tuple[str, ...]:
    """Return the facets that the sources name, in their order."""
    names: list[str] = []
    for component in components.components:
        if component.source not in {ATTEMPT, RESIDUAL}:
            names += [name for name in component.source.split(":") if name not in names]
    return tuple(names)


def is_rated(components: VarianceComponents) -> bool:
    """Whether the residual (rater × generation) stands apart from the attempt."""
    return any(c.source == RESIDUAL and c.variance is not None for c in components.components)


def known_variances(components: VarianceComponents) -> dict[Source, float]:
    """Estimated components by their facets, negative ones as 0. The attempt is crossed with all facets; where
    the residual stands apart, the attempt is not crossed with the rater, and the residual is."""
    facets, rated = facets_of(components), is_rated(components)
    known: dict[Source, float] = {}
    for component in components.components:
        if component.variance is None:
            continue
        if component.source == ATTEMPT:
            source = (*(facet for facet in facets if not (rated and facet == RATER)), ATTEMPT)
        elif component.source == RESIDUAL:
            source = (*facets, ATTEMPT)
        else:
            source = tuple(component.source.split(":"))
        known[source] = max(component.variance, 0.0)
    return known


def label_of(source: Source, *, rated: bool) -> str:
    """Return the name of a source as the components give it."""
    if ATTEMPT not in source:
        return ":".join(source)
    return RESIDUAL if rated and RATER in source else ATTEMPT


def left_out_of(components: VarianceComponents) -> tuple[str, ...]:
    """Return the sources that were not estimated."""
    return tuple(component.source for component in components.components if component.variance is None)


def _levels(design: Design, facet: str) -> int:
    number = design.get(facet, 1)
    if isinstance(number, bool) or number != int(number) or not 1 <= number <= MAX_LEVELS:
        raise ValueError(f"the design needs 1 to {MAX_LEVELS} levels of {facet}, not {number!r}")
    return int(number)


def checked_levels(design: Design, facets: Collection[str]) -> dict[str, int]:
    """Return the levels of every facet and of the attempt, 1 where the design does not name one.

    Raises:
        ValueError: If a facet is not known, or a number of levels is not an integer from 1 to MAX_LEVELS.
    """
    for facet in design:
        if facet not in facets and facet != ATTEMPT:
            raise ValueError(
                f"the components know no facet {facet!r}; they have {', '.join(facets)}, {ATTEMPT}"
            )
    return {facet: _levels(design, facet) for facet in (*facets, ATTEMPT)}


def divisors_of(
    known: Collection[Source], levels: Mapping[str, int], present: Mapping[str, int] | None, *, rated: bool,
    shared: bool,
) -> dict[Source, float]:  # fmt: skip
    """Levels of each source: as present, else the product over its facets. Raters who rate the same
    generation share what happened in it."""
    found = {}
    for source in known:
        counted = [f for f in source if not (shared and not rated and f == RATER and ATTEMPT in source)]
        number = None if present is None else present.get(label_of(source, rated=rated))
        found[source] = math.prod(float(levels[f]) for f in counted) if number is None else float(number)
    return found


def coefficients(
    components: VarianceComponents, design: Design, *, object_facet: str = "item",
    present: Mapping[str, int] | None = None, fixed: Collection[str] = (),
    raters_share_generations: bool = True,
) -> Coefficients:  # fmt: skip
    """Return the generalizability coefficients of one facet's levels (Brennan 2001, ch. 4).

    `Eρ² = σ²(o) / (σ²(o) + σ²(δ))` and `Φ = σ²(o) / (σ²(o) + σ²(Δ))`: δ holds the components that contain the
    object and other facets, Δ all others, each divided by the numbers of levels of its other facets. Of a
    facet that is held fixed, what it shares with the object belongs to the object, and its own part to
    neither (Brennan 2001, sec. 4.4, mixed models).

    Args:
        components: From `variance.variance_components`.
        design: Levels of each facet that a value is averaged over, by name (`laboratory`, `attempt`, …);
            facets that are not named have one level.
        object_facet: The facet whose levels are compared, such as the item, or the laboratory.
        present: How many levels of each source there are in all, where the design is not complete.
        fixed: Facets whose levels are all that is spoken of.
        raters_share_generations: Whether raters rate the same generation, so that more raters do not average
            out the attempt. Where the components have no residual, the part of the attempt that is the
            raters' own is then counted too high.

    Raises:
        ValueError: If a facet is not one of the components', or a number of levels is not a positive integer.
    """
    facets = facets_of(components)
    levels = checked_levels({facet: n for facet, n in design.items() if facet != object_facet}, facets)
    if object_facet not in facets:
        raise ValueError(f"the components know no facet {object_facet!r}; they have {', '.join(facets)}")
    known, left_out = known_variances(components), left_out_of(components)
    levels[object_facet] = 1
    if (object_facet,) not in known:
        reason = components.get(object_facet).reason or components.reason
        return Coefficients(
            object=object_facet, relative=None, absolute=None, relative_error_variance=None,
            absolute_error_variance=None, left_out=left_out, reason=reason,
        )  # fmt: skip
    universe, relative, absolute = known[(object_facet,)], 0.0, 0.0
    divisors = divisors_of(
        known, levels, present, rated=is_rated(components), shared=raters_share_generations
    )
    objects = float((present or {}).get(object_facet, 1))
    for source, variance in known.items():
        part = variance / divisors[source] * (objects if object_facet in source else 1.0)
        random = set(source) - set(fixed)
        if source == (object_facet,) or not random:
            continue
        if random == {object_facet}:
            universe += part
            continue
        absolute += part
        relative += part if object_facet in source else 0.0
    return Coefficients(
        object=object_facet,
        relative=universe / (universe + relative) if universe + relative > 0.0 else None,
        absolute=universe / (universe + absolute) if universe + absolute > 0.0 else None,
        relative_error_variance=relative, absolute_error_variance=absolute, left_out=left_out,
        reason=None if universe + absolute > 0.0 else Reason.ALL_EQUAL,
    )  # fmt: skip
