"""The top of the report: what was measured by whom, the verdict, how sure it is, the key numbers, and the
warnings.

Pure. Invariants: simulated ratings and missing manifests are always warned of, whatever the notes of the
result say; "how sure" consists of facts (how wide, how many laboratories, what could not have been seen, who
checked the raters), never of a composite score.
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import Cell, MinimumDifference
from consilience.reporting import names, palette
from consilience.reporting.sections.context import Context, title_in
from consilience.reporting.sections.view import Reading


class Marking(msgspec.Struct, frozen=True, kw_only=True):
    """A marking as text, with the class of its colour; an unknown marking has no colour."""

    text: Markup
    class_: str


class KeyNumber(msgspec.Struct, frozen=True, kw_only=True):
    """One large number."""

    label: Markup
    value: Markup
    interval: Markup
    n: Markup
    remark: Markup
    known: bool


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A term and what it is."""

    term: Markup
    text: Markup


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Everything above the first section."""

    title: Markup
    plain_title: str
    marking: Marking
    facts: tuple[Fact, ...]
    verdict: tuple[Markup, Markup]
    limits: tuple[Markup, ...]
    """What the two sentences must be read with."""
    sure: Markup
    sure_points: tuple[Markup, ...]
    key_numbers: tuple[KeyNumber, ...]
    warnings: tuple[Markup, ...]
    notes: tuple[Markup, ...]


WARNING_NOTES = frozenset({"note_simulated", "note_no_manifest", "note_no_protocol"})


def summary(context: Context, result_digest: str) -> Summary:
    """Return the top of the report.

    Args:
        context: The result in one language.
        result_digest: Digest of the joint result.
    """
    result, voice = context.result, context.voice
    title = title_in(result.exercise.titles, voice.language, result.exercise.name)
    totals = total_cells(context)
    return Summary(
        title=names.isolated(title, limit=names.MAX_TITLE),
        plain_title=names.clean(title, limit=names.MAX_TITLE),
        marking=_marking(result.exercise.handling),
        facts=tuple(_facts(context, result_digest)),
        verdict=(voice.sentence(result.verdict[0]), voice.sentence(result.verdict[1])),
        limits=tuple(voice.sentence(limit) for limit in result.verdict_limits),
        sure=_sure(context, totals),
        sure_points=tuple(_sure_points(context)),
        key_numbers=(*(_key_number(context, cell) for cell in totals[:6]), *_spread_numbers(context)),
        warnings=tuple(_warnings(context)),
        notes=tuple(voice.sentence(note) for note in result.notes if note.code not in WARNING_NOTES),
    )


def total_cells(context: Context) -> list[Cell]:
    """Return the cells that carry the verdict: all laboratories, all languages, the primary rater."""
    return [c for c in context.result.cells if c.primary and c.laboratory is None and c.language is None]


def _marking(text: str) -> Marking:
    label = " ".join(text.upper().split())
    known = label in palette.TLP
    slug = "tlp-" + label.removeprefix("TLP:").replace("+", "-").lower() if known else "tlp-unknown"
    return Marking(text=names.isolated(label if known else text), class_=slug)


def _facts(context: Context, result_digest: str) -> list[Fact]:
    result, voice = context.result, context.voice
    exercise = result.exercise
    digest = voice.t("none: analysed without a protocol")
    if exercise.protocol_digest is not None:
        digest = _short(exercise.protocol_digest)
    return [
        Fact(term=voice.t("Measured by"), text=voice.write("name", result.laboratories)),
        Fact(term=voice.t("Model"), text=voice.write("name", result.models)),
        Fact(
            term=voice.t("Languages"),
            text=voice.listed([voice.language_name(tag) for tag in result.languages]),
        ),
        Fact(
            term=voice.t("Basis"),
            text=voice.t(
                "{items:count} items, {generations:count} answers, {scored:count} scores",
                items=result.counts.items,
                generations=result.counts.generations,
                scored=result.counts.scored,
            ),
        ),
        Fact(term=voice.t("Date"), text=voice.write("date", result.generated_at)),
        Fact(term=voice.t("Protocol"), text=digest),
        Fact(term=voice.t("Result"), text=_short(result_digest)),
    ]


def _short(digest: str) -> Markup:
    return Markup("<code>{}</code>").format(names.left_to_right(names.short_digest(digest)))


def _half_width(context: Context, cell: Cell) -> float | None:
    """Return how far the interval reaches, that of the corrected number where there is one."""
    corrected = context.corrected(cell)
    interval = (context.verdict_estimate(cell) if corrected is None else corrected.corrected).interval
    return None if interval is None else (interval.high - interval.low) / 2


def _sure(context: Context, totals: list[Cell]) -> Markup:
    """Say how wide the ranges are and how many laboratories measured."""
    voice, count = context.voice, len(context.result.laboratories)
    by_whom = (
        voice.t("by one laboratory alone") if count == 1 else voice.t("by {n:count} laboratories", n=count)
    )
    widths = [(half, cell) for cell in totals if (half := _half_width(context, cell)) is not None]
    if not totals or len(widths) < len(totals):
        return voice.t(
            "Not every result has a range, so how sure they are is partly unknown; found {by}.", by=by_whom
        )
    half, cell = max(widths, key=lambda entry: entry[0])
    scale = {"scale": "binary" if context.is_binary(cell.rater) else "continuous"}
    if len(widths) == 1:
        return voice.t(
            "The result is uncertain by about {half:spread} either way, found {by}.",
            half=half,
            by=by_whom,
            **scale,
        )
    return voice.t(
        "Each result is uncertain by about {half:spread} either way or less, found {by}.",
        half=half,
        by=by_whom,
        **scale,
    )


def _sure_points(context: Context) -> list[Markup]:
    voice, result = context.voice, context.result
    level = result.exercise.confidence_level
    if result.exercise.verdict_estimand == "benchmark":
        told = voice.t(
            "The ranges are made so that {level:level} of such ranges hold the value for exactly these "
            "items; other items may give another.",
            level=level,
        )
    else:
        told = voice.t(
            "The ranges allow for the choice of items: they are made so that {level:level} of such ranges "
            "hold the value for all items like these.",
            level=level,
        )
    points = [told]
    if any(context.corrected(cell) is not None for cell in total_cells(context)):
        points.append(
            voice.t("Where a rater’s errors are taken out, the range holds the doubt about them too.")
        )
    points += _visible(context)
    points += _checked(context)
    if len(result.laboratories) == 1:
        points.append(voice.t("Nobody has repeated the measurement."))
    return points


def _visible(context: Context) -> list[Markup]:
    """Say which differences could not have been seen, for each axis the largest over the concepts."""
    voice = context.voice
    words = {
        "language": voice.t("languages"),
        "laboratory": voice.t("laboratories"),
        "model": voice.t("models"),
        "rater": voice.t("raters"),
    }
    worst: dict[str, MinimumDifference] = {}
    for found in context.result.minimum_differences:
        if found.difference is not None:
            present = worst.get(found.axis)
            if present is None or present.difference is None or found.difference > present.difference:
                worst[found.axis] = found
    return [
        _missed(context, words[axis], found)
        for axis, found in worst.items()
        if axis in {"language", "laboratory"}
    ]


def _missed(context: Context, axis: Markup, found: MinimumDifference) -> Markup:
    """Say which difference could have been missed; one as wide as the scale means any."""
    voice, binary = context.voice, context.voice.scales.get(found.concept, "binary") == "binary"
    if binary and found.difference is not None and found.difference >= 1:
        told = voice.t(
            "Any difference between {axis} on “{concept:concept}” could have been missed.",
            axis=axis,
            concept=found.concept,
        )
    else:
        told = voice.t(
            "A difference between {axis} smaller than {difference:spread} on “{concept:concept}” "
            "could have been missed.",
            axis=axis,
            difference=found.difference,
            concept=found.concept,
        )
    raters = [one.primary_rater for one in context.result.concepts if one.id == found.concept]
    return Markup(" ").join([told, *context.as_given(*raters)])


def _checked(context: Context) -> list[Markup]:
    """Say for every judge that carries a verdict whether people checked it."""
    voice, result = context.voice, context.result
    kinds = {rater.id: rater.kind for rater in result.raters}
    told = []
    for rater in dict.fromkeys(concept.primary_rater for concept in result.concepts):
        if kinds.get(rater) != "judge":
            continue
        checks = [judged for judged in result.judges if judged.rater == rater]
        if not checks:
            told.append(voice.t("The judge {rater} was not checked against people.", rater=rater))
        elif any(judged.simulated for judged in checks):
            told.append(
                voice.t(
                    "The judge {rater} was checked against simulated ratings only, not against people.",
                    rater=rater,
                )
            )
        elif _uncorrected(context, rater):
            told.append(
                voice.t(
                    "The judge {rater} was checked against people on too few answers to correct its scores.",
                    rater=rater,
                )
            )
        else:
            told.append(voice.t("The judge {rater} was checked against people.", rater=rater))
    return told


def _uncorrected(context: Context, rater: str) -> bool:
    """Say whether a number that a judge carries could not be corrected for its errors."""
    return any(
        one.primary and one.rater == rater and one.laboratory is None and one.corrected.value is None
        for one in context.result.corrections
    )


def _key_number(context: Context, cell: Cell) -> KeyNumber:
    """Show a result with the rater's errors taken out where real human ratings show them, else as scored."""
    voice, corrected = context.voice, context.corrected(cell)
    estimate, binary = context.verdict_estimate(cell), context.is_binary(cell.rater)
    scored = context.reading(estimate, binary=binary)
    reading = scored if corrected is None else context.reading(corrected.corrected, binary=binary)
    counted = voice.tn(
        "{n:count} item, {scores:count} scores", "{n:count} items, {scores:count} scores",
        estimate.n_items, scores=estimate.n_scores,
    )  # fmt: skip
    if corrected is not None:
        counted = voice.t(
            "{counted}, {n:count} answers rated by humans", counted=counted, n=corrected.n_human
        )
    return KeyNumber(
        label=context.concept_and_model(cell.concept, cell.model),
        value=reading.value if reading.known else voice.t("not known"),
        interval=reading.interval if reading.known else reading.value,
        n=counted,
        remark=voice.t(", ").join(_remarks(context, cell, scored)),
        known=reading.known,
    )


def _remarks(context: Context, cell: Cell, scored: Reading) -> list[Markup]:
    voice = context.voice
    concept = next((c for c in context.result.concepts if c.id == cell.concept), None)
    remarks = []
    if concept is not None and concept.kind:
        remarks.append(voice.word("kind", concept.kind))
    if concept is not None and not concept.higher_is_better:
        remarks.append(voice.t("lower is better"))
    if cell.rater in context.simulated:
        remarks.append(voice.t("simulated ratings"))
    if context.corrected(cell) is not None:
        remarks.append(
            voice.t(
                "the rater’s errors taken out; as {rater} scored: {value} ({range})",
                rater=cell.rater,
                value=scored.value,
                range=scored.interval,
            )
        )
    elif cell.rater in context.judges:
        remarks.append(voice.t("as {rater} scored", rater=cell.rater))
    return remarks


def _spread_numbers(context: Context) -> list[KeyNumber]:
    """The spread between laboratories, for the concept where it is largest."""
    voice = context.voice
    tables = [t for t in context.result.between if t.language is None and t.between_sd is not None]
    if not tables:
        return []
    table = max(tables, key=lambda t: t.between_sd or 0.0)
    scale = {"scale": "binary" if context.is_binary(table.rater) else "continuous"}
    interval = voice.t("no interval")
    if table.between_sd_interval is not None:
        ends = table.between_sd_interval
        interval = voice.range(ends.low, ends.high, "spread", scale)
    return [
        KeyNumber(
            label=voice.t("Largest spread between laboratories"),
            value=voice.write("spread", table.between_sd, scale),
            interval=interval,
            n=voice.tn("{n:count} laboratory", "{n:count} laboratories", len(table.laboratories)),
            remark=voice.t(", ").join(
                [
                    voice.t("standard deviation, on “{concept:concept}”", concept=table.concept),
                    *(
                        [voice.t("as {rater} scored", rater=table.rater)]
                        if context.as_given(table.rater)
                        else []
                    ),
                ]
            ),
            known=True,
        )
    ]


def _warnings(context: Context) -> list[Markup]:
    voice, result = context.voice, context.result
    warnings = []
    simulated = [rater.id for rater in result.raters if rater.simulated]
    if simulated:
        counted = sum(rater.n_scored for rater in result.raters if rater.simulated)
        warnings.append(
            voice.t(
                "Simulated ratings: the {n_scores:count} scores of {raters} were made by a program for "
                "demonstration. "
                "Nobody gave them.",
                raters=simulated,
                n_scores=counted,
            )
        )
    having = {run.laboratory for run in result.runs if run.has_manifest}
    without = [name for name in result.laboratories if name not in having]
    if without:
        warnings.append(
            voice.t(
                "No manifest from {laboratories}: how it really ran is not known, so its deviations cannot "
                "be computed.",
                laboratories=without,
            )
        )
    if result.exercise.protocol_digest is None:
        warnings.append(
            voice.t(
                "The analysis had no protocol: margins, plan and deviations are not known, and no "
                "agreement can be shown."
            )
        )
    return warnings
