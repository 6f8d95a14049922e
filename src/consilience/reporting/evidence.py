"""Evidence of the checklist whose parameters are lists: pairs of judges, smallest differences, intervals.

Pure. Invariant: a count never stands without what it is out of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from consilience.reporting.language_names import N_
from consilience.reporting.verdict import Composer

if TYPE_CHECKING:
    from consilience.reporting.messages import Voice

Params = Mapping[str, Any]
BETWEEN = {
    "laboratory": N_("between laboratories {difference:spread} or more (“{concept:concept}”)"),
    "language": N_("between languages {difference:spread} or more (“{concept:concept}”)"),
    "model": N_("between models {difference:spread} or more (“{concept:concept}”)"),
}


def _lists(params: Params, *keys: str) -> list[tuple[Any, ...]]:
    """Return lists that stand side by side; nothing where they do not."""
    found = [params.get(key) for key in keys]
    lists = [list(one) for one in found if isinstance(one, list | tuple)]
    if len(lists) < len(keys) or len({len(one) for one in lists}) != 1:
        return []
    return list(zip(*lists, strict=True))


def _simulated(voice: Voice, params: Params) -> Markup:
    if not params.get("simulated"):
        return Markup("")
    return voice.t(" Simulated, and therefore not counted: {simulated}.", **params)


def judges_one(voice: Voice, params: Params) -> Markup:
    """Say that there is one judge only, and which are simulated."""
    return voice.t("{rater} is the only judge.", **params) + _simulated(voice, params)


def judges_agreement(voice: Voice, params: Params) -> Markup:
    """Say how many pairs of judges have their agreement reported."""
    told = voice.t(
        "Judges: {raters}; agreement is reported for {n_pairs:count} of {of:count} pairs.", **params
    )
    return told + _simulated(voice, params)


def correction_partial(voice: Voice, params: Params) -> Markup:
    """Say for which judges and languages errors could not be taken out, and what would do."""
    told = voice.t(
        "Not done for {raters} in {languages:language}: {n_human:count} human ratings in the least rated of "
        "them.",
        **params,
    )
    return Markup(" ").join([told, _would_do(voice, params)])


def correction_no_human(voice: Voice, params: Params) -> Markup:
    """Say of which judges no human rated the answers, and what would do."""
    told = voice.t("Scores of {raters} are shown as given: no human rated the same answers.", **params)
    return Markup(" ").join([told, _would_do(voice, params)])


def _would_do(voice: Voice, params: Params) -> Markup:
    if params.get("needed") is not None:
        return voice.t("About {needed:count} human ratings in each language would do.", **params)
    if params.get("items") is not None:
        return voice.t(
            "Human ratings of every answer would not be enough; about {items:count} items in each language "
            "would be.",
            **params,
        )
    return voice.t("How many would do is not known.")


def power(voice: Voice, params: Params) -> Markup:
    """Say the wanted difference, and along each axis the smallest that the data could have shown."""
    wanted = voice.t("Wanted difference {wanted:spread} at a power of {power:level}", **params)
    parts = [
        voice.t(BETWEEN[axis], concept=concept, difference=difference, scale=scale)
        for axis, concept, difference, scale in _lists(params, "axes", "concepts", "detectable", "scales")
        if axis in BETWEEN
    ]
    if not parts:
        told = voice.t("{wanted}; which differences these data can show is not known.", wanted=wanted)
    else:
        told = voice.t(
            "{wanted}; these data can show {parts} (the worst of the concepts).",
            wanted=wanted,
            parts=voice.listed(parts),
        )
    if params.get("n_unknown"):
        told += voice.t(
            " Not known for {n_unknown:count} of {n_compared:count} combinations of axis and concept.",
            **params,
        )
    return told


def uncertainty(voice: Voice, params: Params) -> Markup:
    """Say of each kind of number how many have an interval."""
    parts = [
        voice.t("{n:count} of {of:count} {kind:counted}", n=n, of=of, kind=kind)
        for kind, n, of in _lists(params, "kinds", "with_interval", "of")
    ]
    return voice.t("With an interval: {parts}; every other number has its reason.", parts=voice.listed(parts))


COMPOSERS: dict[str, Composer] = {
    "check_judges_one": judges_one,
    "check_judges_agreement": judges_agreement,
    "check_correction_partial": correction_partial,
    "check_correction_no_human": correction_no_human,
    "check_power": power,
    "check_uncertainty": uncertainty,
}
"""Message code → how its sentence is composed."""
