"""What all sections share: the result, the voice, and how a laboratory, a language or an estimate is written.

Pure. Invariant: an estimate is written with interval and n, or with the reason why something is missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from consilience import languages
from consilience.evaluation.joint_result import Cell, Correction, Estimate, Interval, JointResult, Message
from consilience.reporting import names, numbers, palette
from consilience.reporting.charts import svg
from consilience.reporting.charts.forest import Mark
from consilience.reporting.messages import Catalogue, Voice
from consilience.reporting.sections.view import Reading


class Context:
    """One result in one language.

    Args:
        result: The joint result.
        language: Language of the report.
        texts: A catalogue other than the packaged one.
    """

    def __init__(self, result: JointResult, language: str = "en", *, texts: Catalogue | None = None) -> None:
        self.result = result
        self.rater_scales: Mapping[str, str] = {rater.id: rater.scale for rater in result.raters}
        self.simulated = frozenset(rater.id for rater in result.raters if rater.simulated)
        self.voice = Voice(
            language,
            titles={
                concept.id: title_in(concept.titles, language, concept.id) for concept in result.concepts
            },
            scales={
                concept.id: self.rater_scales.get(concept.primary_rater, "binary")
                for concept in result.concepts
            },
            texts=texts,
        )
        self.judges = frozenset(rater.id for rater in result.raters if rater.kind == "judge")
        self._corrected = {
            (one.model, one.concept, one.rater): one
            for one in result.corrections
            if one.laboratory is None
            and one.language is None
            and not one.simulated
            and one.corrected.value is not None
        }
        self._laboratory_index = {name: index for index, name in enumerate(result.laboratories)}
        self._concept_index = {concept.id: index for index, concept in enumerate(result.concepts)}
        self._model_index = {name: index for index, name in enumerate(result.models)}

    def is_binary(self, rater: str | None) -> bool:
        """Say whether a rater's scores are rates. A rater that is not listed counts as binary."""
        return self.rater_scales.get(rater or "", "binary") == "binary"

    def key(self, concept: str, model: str | None = None) -> str:
        """Return the part of an element id for a concept and model: numbers, since names are hostile."""
        concept_at = self._concept_index.get(concept, len(self._concept_index))
        return f"c{concept_at}" + (
            "" if model is None else f"-m{self._model_index.get(model, len(self._model_index))}"
        )

    def tone(self, laboratory: str) -> str:
        """Return the colour class of a laboratory."""
        return f"series-{self._laboratory_index.get(laboratory, 0) % palette.SERIES + 1}"

    def shape(self, laboratory: str) -> str:
        """Return the mark shape of a laboratory."""
        return svg.series_shape(self._laboratory_index.get(laboratory, 0))

    def name(self, text: str | None) -> Markup:
        """Write a name, or that it is not known."""
        return names.isolated(text) if text is not None else self.voice.t("not known")

    def title(self, concept: str) -> Markup:
        """Write the title of a concept."""
        return self.voice.write("concept", concept)

    def concept_and_model(self, concept: str, model: str) -> Markup:
        """Write the title of a concept, with the model where there are several."""
        if len(self.result.models) < 2:
            return self.title(concept)
        return self.voice.t("{concept:concept}: {model}", concept=concept, model=model)

    def language(self, tag: str | None) -> Markup:
        """Write a language: its name for the reader, then what it calls itself."""
        if tag is None:
            return self.voice.t("all languages")
        own = languages.endonym(tag)
        told = self.voice.language_name(tag)
        if own == tag or Markup("<bdi>{}</bdi>").format(own) == told:
            return told
        return Markup('{} <span class="endonym" lang="{}" dir="{}">{}</span>').format(
            told, names.clean(tag), languages.direction(tag), own
        )

    def laboratory(self, name: str | None) -> Markup:
        """Write a laboratory, or that all are meant."""
        return self.voice.t("all laboratories") if name is None else names.isolated(name)

    def estimand(self, which: str) -> Markup:
        """Write what an estimate speaks of (NIST AI 800-3)."""
        if which == "benchmark":
            return self.voice.t("on exactly these items")
        return self.voice.t("on items like these")

    def verdict_estimate(self, cell: Cell) -> Estimate:
        """Return the estimate that the protocol chose for the verdict."""
        return cell.benchmark if self.result.exercise.verdict_estimand == "benchmark" else cell.generalized

    def corrected(self, cell: Cell) -> Correction | None:
        """Return the number over everything with the rater's errors taken out, as real humans show them."""
        return self._corrected.get((cell.model, cell.concept, cell.rater))

    def as_given(self, *raters: str) -> list[Markup]:
        """Say that numbers speak of scores as raters gave them, where one is a judge or could be corrected;
        nothing for other programs and humans."""
        corrected = {rater for _, _, rater in self._corrected}
        named = [rater for rater in raters if rater in self.judges or rater in corrected]
        if not named:
            return []
        told = self.voice.t(
            "This speaks of scores as {raters} gave them: errors are not taken out.", raters=named
        )
        return [told]

    def interval(self, interval: Interval | None, *, binary: bool, kind: str = "score") -> Markup:
        """Write an interval as `48.1 to 66.0%`, or that there is none."""
        if interval is None:
            return self.voice.t("no interval")
        style = self.voice.style
        if kind == "gap":
            low, high = (numbers.gap(end, style, binary=binary) for end in (interval.low, interval.high))
        else:
            low, high = (numbers.score(end, style, binary=binary) for end in (interval.low, interval.high))
        return names.left_to_right(numbers.range_of(low, high, style))

    def value(self, value: float | None, *, binary: bool, kind: str = "score") -> Markup | None:
        """Write a value; None where it is not known."""
        if value is None or not numbers.is_known(value):
            return None
        style = self.voice.style
        if kind == "gap":
            return names.left_to_right(numbers.gap(value, style, binary=binary))
        return names.left_to_right(numbers.score(value, style, binary=binary))

    def reading(self, estimate: Estimate, *, binary: bool, kind: str = "score") -> Reading:
        """Write an estimate with its interval and n."""
        counted = self.voice.t(
            "{items:count} ({scores:count})", items=estimate.n_items, scores=estimate.n_scores
        )
        value = self.value(estimate.value, binary=binary, kind=kind)
        if value is None:
            return Reading(
                value=self.not_estimable(estimate.reason),
                interval=self.voice.t("no interval"),
                has_interval=False,
                n=counted,
                known=False,
            )
        interval = self.interval(estimate.interval, binary=binary, kind=kind)
        if estimate.interval is None and estimate.reason is not None:
            interval = self.voice.t("no interval: {reason}", reason=self.voice.reason(estimate.reason))
        return Reading(value=value, interval=interval, n=counted, has_interval=estimate.interval is not None)

    def not_estimable(self, reason: Message | None) -> Markup:
        """Write that there is no number, and why."""
        return self.voice.t("not estimable: {reason}", reason=self.voice.reason(reason))

    def number(
        self, value: float | None, reason: Message | None = None, *, places: int = 2, signed: bool = False
    ) -> Markup:
        """Write a plain number, or why there is none."""
        if value is None or not numbers.is_known(value):
            return self.not_estimable(reason)
        return names.left_to_right(numbers.decimal(value, self.voice.style, places=places, signed=signed))

    def count(self, value: int | None) -> Markup:
        """Write a count, or that it is not known."""
        return self.voice.write("count", value)

    def probability(self, value: float | None) -> Markup:
        """Write a p value, or that there is none."""
        return self.voice.t("none") if value is None else self.voice.write("p", value)

    def equation(self, p: float) -> Markup:
        """Write a p value after its letter: `= 0.012` or `< 0.001`."""
        told = self.voice.number("p", p)
        return names.left_to_right(f"< {told[1:]}" if told.startswith("<") else f"= {told}")

    def tick(self, value: float, *, binary: bool, kind: str = "score", step: float = 1.0) -> str:
        """Write a tick of an axis as plain text."""
        style = self.voice.style
        if kind == "gap" and binary:
            places = 0 if abs(step * 100 - round(step * 100)) < 1e-9 else 1
            return numbers.decimal(value * 100, style, places=places, signed=True)
        if binary:
            return numbers.percent(value, style, places=0)
        places = 0 if step >= 1 else 1 if step >= 0.1 else 2
        return numbers.decimal(value, style, places=places, signed=kind == "gap")


def title_in(titles: Mapping[str, str], language: str, otherwise: str) -> str:
    """Return the title in a language, else in English, else any, else `otherwise`."""
    for tag in (language, languages.primary(language), "en"):
        if titles.get(tag):
            return titles[tag]
    return next((title for title in titles.values() if title), otherwise)


def mark_of(estimate: Estimate, *, shape: str, tone: str) -> Mark:
    """Return the mark of an estimate; without a value it stays empty."""
    known = numbers.is_known(estimate.value)
    interval = estimate.interval if known else None
    return Mark(
        value=estimate.value if known else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        shape=shape,
        tone=tone,
    )
