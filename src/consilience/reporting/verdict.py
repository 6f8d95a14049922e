"""The verdict in two sentences: what the model does, and how far the laboratories agree.

Pure. Composes the message codes whose parameters are lists or may be absent; the simple codes stand in
`sentences`. Rules kept here: a number never stands without its interval (or "no interval") and its n; "no
clear difference" is never said as "equal"; a deviation is named beside a difference and not called its cause.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from consilience.reporting.language_names import N_

if TYPE_CHECKING:
    from consilience.reporting.messages import Voice

Params = Mapping[str, Any]
Composer = Callable[["Voice", Params], Markup]


def _all(params: Params, key: str) -> list[Any]:
    """Return a list parameter; empty where it is none."""
    found = params.get(key)
    return list(found) if isinstance(found, list | tuple) else []


def _list(params: Params, key: str, length: int) -> list[Any]:
    """Return a list parameter with exactly `length` entries, None where there are none."""
    return (_all(params, key) + [None] * length)[:length]


def _interval(voice: Voice, params: Params, low: Any, high: Any, *, kind: str) -> Markup:
    if low is None or high is None:
        return voice.t("no interval")
    return voice.t(
        "{level:level} interval {range}",
        level=params.get("level"),
        range=voice.range(low, high, kind, params),
    )


def _measured_one(voice: Voice, params: Params, index: int, length: int) -> Markup:
    def at(key: str) -> Any:
        return _list(params, key, length)[index]

    scale = {**params, "scale": at("scales") or "binary"}
    text = voice.t(
        "{value} on “{concept:concept}” ({interval}; {items})",
        value=Markup("<strong>{}</strong>").format(voice.write("score", at("values"), scale)),
        concept=at("concepts"),
        interval=_interval(voice, scale, at("lows"), at("highs"), kind="score"),
        items=voice.tn("{n:count} item", "{n:count} items", at("n_items") or 0),
    )
    if at("corrected") is not None:
        text = _with_corrected(voice, scale, text, at)
    if at("higher_is_better") is False:
        text += voice.t(" (lower is better)")
    if at("simulated"):
        text += voice.t(" (simulated ratings)")
    return text


def _with_corrected(voice: Voice, scale: Params, text: Markup, at: Callable[[str], Any]) -> Markup:
    """Put the number beside it that is left after the rater's errors are taken out."""
    low, high = at("corrected_lows"), at("corrected_highs")
    known = low is not None and high is not None
    return voice.t(
        "{told}, or {value} ({range}) with the rater’s errors taken out, as human ratings of {n:count} "
        "answers show them",
        told=text,
        value=Markup("<strong>{}</strong>").format(voice.write("score", at("corrected"), scale)),
        range=voice.range(low, high, "score", scale) if known else voice.t("no interval"),
        n=at("corrected_humans"),
    )


def measured(voice: Voice, params: Params) -> Markup:
    """Say what was measured: every result of up to six, with interval and n."""
    length = len(_all(params, "values"))
    models = _list(params, "models", length)
    by_model: dict[Any, list[Markup]] = {}
    for index in range(length):
        by_model.setdefault(models[index], []).append(_measured_one(voice, params, index, length))
    parts = [
        voice.t("{model} scored {results}", model=model, results=voice.listed(results))
        for model, results in by_model.items()
    ]
    return voice.t("{parts}.", parts=voice.t("; ").join(parts))


def measured_many(voice: Voice, params: Params) -> Markup:
    """Say the lowest and the highest of many results, corrected where that could be done."""
    scales = dict(zip(("lowest", "highest"), _list(params, "scales", 2), strict=True))

    def one(end: str) -> Markup:
        at = {**params, "concept": params.get(f"{end}_concept"), "scale": scales[end] or "binary"}
        told = voice.t(
            "{value} ({model} on “{concept:concept}”; {interval})",
            value=Markup("<strong>{}</strong>").format(voice.write("score", params.get(f"{end}_value"), at)),
            model=params.get(f"{end}_model"),
            concept=at["concept"],
            interval=_interval(voice, at, params.get(f"{end}_low"), params.get(f"{end}_high"), kind="score"),
        )
        corrected = {
            "corrected": params.get(f"{end}_corrected"),
            "corrected_lows": params.get(f"{end}_corrected_low"),
            "corrected_highs": params.get(f"{end}_corrected_high"),
            "corrected_humans": params.get(f"{end}_humans"),
        }
        return told if corrected["corrected"] is None else _with_corrected(voice, at, told, corrected.get)

    text = voice.t(
        "{n_models:count} models on {n_concepts:count} concepts give {n_results:count} results, "
        "from {lowest} to {highest}.",
        **{**params, "lowest": one("lowest"), "highest": one("highest")},
    )
    corrected, results = params.get("n_corrected"), params.get("n_results")
    if not corrected or corrected == results:
        return text
    return Markup(" ").join(
        [
            text,
            voice.t(
                "The rater’s errors could be taken out of {n_corrected:count} of {n_results:count} results.",
                **params,
            ),
        ]
    )


def _pair(voice: Voice, params: Params) -> Markup:
    """The largest difference of two laboratories, as a bracket."""
    difference = params.get("difference")
    if difference is None:
        return voice.t("no two of them could be compared")
    text = voice.t(
        "largest difference, {left} minus {right} on “{concept:concept}”{basis}: {difference:gap}, "
        "{interval}",
        **{
            **params,
            "basis": basis(voice, params),
            "interval": _interval(voice, params, params.get("low"), params.get("high"), kind="gap"),
        },
    )
    corrected, pairs = params.get("n_corrected"), params.get("n_pairs")
    if not corrected or corrected == pairs:
        return text
    return voice.t(
        "{told}; the rater’s errors are taken out of {n_corrected:count} of {n_pairs:count} differences",
        **{**params, "told": text},
    )


def basis(voice: Voice, params: Params) -> Markup:
    """Say after a difference whether the rater's errors are taken out of it; nothing for programs."""
    known = params.get("basis")
    if known == "corrected":
        return voice.t(
            ", with the errors of {rater} taken out as human ratings of {n_human:count} answers show them",
            **params,
        )
    return voice.t(", as {rater} scored", **params) if known == "as_given" else Markup("")


def laboratories_agree(voice: Voice, params: Params) -> Markup:
    """Say that all pairs are equivalent within the planned margin."""
    return voice.t(
        "The {n_laboratories:count} laboratories agree: "
        "whatever differences there are lie within the margin of {margin:spread} that was fixed in advance "
        "({pair}).",
        **{**params, "pair": _pair(voice, params)},
    )


def laboratories_inconclusive(voice: Voice, params: Params) -> Markup:
    """Say that neither agreement nor difference is shown, and why."""
    pair = _pair(voice, params)
    if params.get("margin") is None:
        text = voice.t(
            "Whether the {n_laboratories:count} laboratories agree is not known: no clear difference was "
            "found, "
            "but the protocol fixes no margin that would say what counts as agreement ({pair}).",
            **{**params, "pair": pair},
        )
    else:
        text = voice.t(
            "Whether the {n_laboratories:count} laboratories agree is not known: no clear difference was "
            "found, "
            "but one larger than the margin of {margin:spread} cannot be ruled out ({pair}).",
            **{**params, "pair": pair},
        )
    return text


def higher_or_lower(voice: Voice, params: Params) -> Markup:
    """Say by how much one is off; size and interval are both told in the direction of the difference."""
    difference, low, high = params.get("difference"), params.get("low"), params.get("high")
    is_lower = isinstance(difference, int | float) and difference < 0
    if is_lower and isinstance(low, int | float) and isinstance(high, int | float):
        low, high = -high, -low
    whole = {
        **params,
        "size": abs(difference) if isinstance(difference, int | float) else None,
        "items": voice.tn("{n:count} item", "{n:count} items", params.get("n_items") or 0),
        "interval": _interval(voice, params, low, high, kind="spread"),
        "basis": basis(voice, params),
    }
    if is_lower:
        return voice.t(
            "{size:spread} lower than the others on “{concept:concept}”{basis} ({interval}; {items})", **whole
        )
    return voice.t(
        "{size:spread} higher than the others on “{concept:concept}”{basis} ({interval}; {items})", **whole
    )


def departures(voice: Voice, params: Params) -> Markup:
    """Say which fields deviate: `temperature was 1 where the protocol said 0.2`."""
    fields = _all(params, "fields")
    length = len(fields)
    parts = [
        voice.t(
            "{field:field} was {actual:setting} where the protocol said {planned:setting}",
            field=f,
            planned=p,
            actual=a,
        )
        for f, p, a in zip(
            fields, _list(params, "planned", length), _list(params, "actual", length), strict=True
        )
    ]
    return voice.listed(parts)


def without_it(voice: Voice, params: Params) -> Markup:
    """Say what becomes of the spread between laboratories without `laboratory`; empty where it is not
    known."""
    spread, rest = params.get("spread"), params.get("spread_without")
    if not isinstance(spread, int | float) or not isinstance(rest, int | float):
        return Markup("")
    if rest < spread:
        return voice.t(
            "with {laboratory} left out, the spread between laboratories falls from {spread:spread} to "
            "{spread_without:spread}",
            **params,
        )
    return voice.t(
        "with {laboratory} left out, the spread between laboratories does not fall "
        "({spread:spread}, then {spread_without:spread})",
        **params,
    )


def _without(voice: Voice, params: Params) -> Markup:
    told = without_it(voice, params)
    if not told:
        return told
    if params.get("basis") in ("corrected", "as_given"):
        return voice.t("; by the scores as {rater} gave them, {told}", rater=params.get("rater"), told=told)
    return voice.t("; {told}", told=told)


def _also(voice: Voice, params: Params) -> Markup:
    if not _all(params, "also"):
        return Markup("")
    return voice.t("; among the others there are smaller differences ({also})", also=params["also"])


def _missing(voice: Voice, params: Params) -> Markup:
    return voice.listed([voice.word("document", str(name)) for name in _all(params, "missing")])


def _one_differs(explanation: str) -> Composer:
    def compose(voice: Voice, params: Params) -> Markup:
        return voice.t(
            "The laboratories do not agree: {laboratory} is {how}; {explanation}{also}{without}.",
            **{
                **params,
                "how": higher_or_lower(voice, params),
                "explanation": voice.t(
                    explanation,
                    **{**params, "departures": departures(voice, params), "missing": _missing(voice, params)},
                ),
                "also": _also(voice, params),
                "without": _without(voice, params),
            },
        )

    return compose


def laboratories_differ_pair(voice: Voice, params: Params) -> Markup:
    """Say that two laboratories differ, where it cannot be said which one is off."""
    deviating = _all(params, "laboratories")
    length = len(deviating)
    told = [
        voice.t(
            "at {laboratory} {field:field} was {actual:setting} where the protocol said {planned:setting}",
            laboratory=laboratory, field=f, planned=p, actual=a,
        )
        for laboratory, f, p, a in zip(
            deviating,
            _list(params, "fields", length),
            _list(params, "planned", length),
            _list(params, "actual", length),
            strict=True,
        )
    ]  # fmt: skip
    return voice.t(
        "The laboratories do not agree, and it cannot be said which of them is off ({pair}); {explanation}.",
        **{
            **params,
            "pair": _pair(voice, params),
            "explanation": voice.listed(told)
            if told
            else voice.t("no deviation from the protocol explains it"),
        },
    )


COMPOSERS: dict[str, Composer] = {
    "measured": measured,
    "measured_many": measured_many,
    "laboratories_agree": laboratories_agree,
    "laboratories_inconclusive": laboratories_inconclusive,
    "laboratories_differ_deviation": _one_differs(N_("there {departures}")),
    "laboratories_differ_unexplained": _one_differs(
        N_("its manifest shows no deviation from the protocol that the others do not have")
    ),
    "laboratories_differ_unknown": _one_differs(N_("without {missing} its deviations are not known")),
    "laboratories_differ_pair": laboratories_differ_pair,
}
"""Message code → how its sentence is composed."""
