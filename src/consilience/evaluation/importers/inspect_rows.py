"""From the samples of one Inspect log to rows, metrics and told numbers in the sink.

Responsible for what a sample means: one row of each score and each part of a score, and a row with a cause of
each planned score that a sample does not have. Invariants: nothing is averaged; a sample without any score
still has a row of every rater of the run; at most MAX_PENDING samples wait for raters to be known; what a
metric says of its scale is what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from consilience.evaluation.importers.imported import Direction, Metric, Options, ScaleKind
from consilience.evaluation.importers.inspect_header import LogHeader, Scorer, Told
from consilience.evaluation.importers.inspect_samples import (
    AnySample,
    AnyScore,
    Prompt,
    Sample,
    language_of,
    told_language,
)
from consilience.evaluation.importers.inspect_values import (
    NAN,
    WORDS,
    cause_of_error,
    cause_of_unscored,
    number_of,
    parts_of,
)
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.scores import Cause, Status

MAX_RATERS = 1_000
"""Raters of one log."""
MAX_EPOCH = 1_000_000
"""The largest number of an attempt."""
MAX_PENDING = 50_000
"""Samples that wait until all raters are known."""
SHOWN = 5
"""Raters that one finding names."""
STOPS = frozenset({"context", "time", "working", "message", "token", "turn", "cost", "operator", "custom"})
_FAULTS = {
    "unmapped_value": "a score is a word that has no number",
    "nested_value": "a score holds lists or dictionaries within each other, and is no number",
    "infinite_value": "a score is infinite, and is no number",
}


@dataclass
class Tally:
    """What was seen of one rater."""

    scored: int = 0
    words: dict[str, float] = field(default_factory=dict)
    only_words: bool = True
    values: set[float] = field(default_factory=set)
    """Different numbers, up to 100."""


class Place(NamedTuple):
    """What the rows of one sample have in common."""

    item: str
    attempt: int
    digest: str | None
    language: str | None
    generation: str | None


class Unscored(NamedTuple):
    """Why a sample has no score."""

    status: Status
    cause: Cause


class SampleRows:
    """The rows of one log."""

    def __init__(self, sink: Sink, header: LogHeader, options: Options) -> None:
        """Begin the run in the sink.

        Raises:
            LimitError: Of the sink.
        """
        self._sink = sink
        self._header = header
        self._file = header.run.file
        self._values: Mapping[str, float] = options.values
        self._only = frozenset(options.scorers)
        self._run = sink.add_run(header.run)
        self._planned = tuple(s.name for s in header.scorers if self._selected(s.name, s.name))
        self._tallies: dict[str, Tally] = {}
        self._raters_of: dict[str, list[str]] = {}
        """Score → its raters, one or one of each part."""
        self._pending: list[tuple[Place, Unscored, tuple[str, ...]]] = []
        self.samples = 0

    @property
    def run(self) -> int:
        """Number of the run in the sink."""
        return self._run

    def _selected(self, name: str, rater: str) -> bool:
        return not self._only or rater in self._only or name in self._only

    def _say(self, code: str, text: str, offset: int | None = None, step: str | None = None) -> None:
        self._sink.add_finding("warning", code, text, file=self._file, offset=offset, next_step=step)

    def take(self, sample: AnySample, prompt: Prompt, offset: int | None) -> None:
        """Add the rows of a sample.

        Args:
            sample: As decoded.
            prompt: Its prompt.
            offset: Where it stands, for findings.
        """
        place = self._place(sample, prompt, offset)
        if place is None:
            return
        self.samples += 1
        if isinstance(sample, Sample) and sample.invalidation:
            self._say(
                "invalidated", "a sample is marked as invalid in the log; its scores were taken", offset
            )
        scores = self._scores_of(sample)
        limit = self._limit_of(sample, bool(scores), offset)
        for name, score in scores.items():
            self._take_score(name, score, sample, place, offset)
        missing = tuple(name for name in self._planned if name not in scores)
        if missing or not scores:
            why = self._why_none(sample, bool(scores), limit)
            self._pending.append((place, why, missing))
        if len(self._pending) >= MAX_PENDING:
            self._write_pending()

    def _place(self, sample: AnySample, prompt: Prompt, offset: int | None) -> Place | None:
        item, epoch = sample.id, sample.epoch
        if not isinstance(item, int | str) or isinstance(item, bool) or item == "":
            self._say(
                "bad_sample_id", "a sample has no id that is a word or a number; it was left out", offset
            )
            return None
        epoch = 1 if epoch is None else epoch
        if not isinstance(epoch, int) or isinstance(epoch, bool) or not 1 <= epoch <= MAX_EPOCH:
            self._say("bad_epoch", "a sample has no epoch that is a number from 1; it was left out", offset)
            return None
        language = language_of(sample)
        if language is None and told_language(sample):
            self._sink.add_finding(
                "note", "language_not_tag", "the metadata name a language, but not by a tag of BCP 47",
                file=self._file, next_step="Name it with --language, as a tag such as sw or zh-Hant.",
            )  # fmt: skip
        if not prompt.text:
            self._say("no_prompt", "a sample has no text as its input, and goes by its id", offset)
        elif not prompt.whole:
            self._say("prompt_not_whole", "the input of a sample is not whole; it goes by its id", offset)
        text = prompt.text if prompt.whole else ""
        digest = self._sink.add_prompt(text) if text else None
        generation = sample.uuid if isinstance(sample.uuid, str) else None
        return Place(str(item), epoch, digest, language, generation)

    def _scores_of(self, sample: AnySample) -> Mapping[str, AnyScore]:
        if isinstance(sample, Sample) and sample.score is not None and not sample.scores:
            return {self._planned[0] if self._planned else "score": sample.score}
        return sample.scores or {}

    def _limit_of(self, sample: AnySample, scored: bool, offset: int | None) -> bool:
        limit = sample.limit
        if limit is None:
            return False
        kind = limit.get("type") if isinstance(limit, dict) else limit
        named = kind if isinstance(kind, str) and kind in STOPS else "unknown"
        what = "its score counts" if scored else "it has no score"
        self._sink.add_finding(
            "note", "limit", f"a sample stopped at its {named} limit; {what}", file=self._file, offset=offset
        )
        return True

    def _why_none(self, sample: AnySample, scored: bool, limit: bool) -> Unscored:
        if sample.error is not None:
            return Unscored(Status.UNSCORED if scored else Status.FAILED, _cause_of(sample.error))
        return Unscored(Status.UNSCORED, Cause.LIMIT_REACHED if limit else Cause.NOT_RATED)

    def _take_score(
        self, name: str, score: AnyScore, sample: AnySample, place: Place, offset: int | None
    ) -> None:
        if score.edited:
            self._sink.add_finding(
                "note", "edited", f"a score of {name[:100]} was changed after the run; the last value counts",
                file=self._file, offset=offset,
            )  # fmt: skip
        value = score.value
        if isinstance(value, dict | list) and not value:
            value = None
        if value is None or value == NAN:
            why = self._why_unscored(score, sample)
            self._pending.append((place, Unscored(Status.UNSCORED, why), (name,)))
            return
        for rater, part in parts_of(name, value):
            tally = self._tally(name, rater, offset)
            if tally is not None:
                self._take_part(rater, part, tally, place, score, sample)

    def _take_part(
        self,
        rater: str,
        part: Any,
        tally: Tally,
        place: Place,
        score: AnyScore,
        sample: AnySample,
    ) -> None:
        found = number_of(part, self._values)
        cause = None
        if found.score is None:
            cause = self._cause_of_none(found.fault, found.word, score, sample)
        else:
            tally.scored += 1
            if found.word is not None and len(tally.words) < 50:
                tally.words[found.word] = found.score
            elif found.word is None:
                tally.only_words = False
            if len(tally.values) < 100:
                tally.values.add(found.score)
        self._sink.add_score(
            self._run, place.item, rater=rater, score=found.score,
            status=Status.SCORED if cause is None else Status.UNSCORED, cause=cause, attempt=place.attempt,
            item_digest=place.digest, language=place.language, generation=place.generation,
        )  # fmt: skip

    def _cause_of_none(
        self, fault: str | None, word: str | None, score: AnyScore, sample: AnySample
    ) -> Cause:
        if fault is None:
            return self._why_unscored(score, sample)
        named = "" if word is None else f": {word}"
        step = None
        if fault == "unmapped_value":
            step = "Say which number the word is, and import again."
        self._say(fault, _FAULTS[fault] + named, step=step)
        return Cause.UNKNOWN

    def _why_unscored(self, score: AnyScore, sample: AnySample) -> Cause:
        if sample.error is not None:
            return _cause_of(sample.error)
        output = sample.output if isinstance(sample, Sample) else None
        stop = output.choices[0].stop_reason if output is not None and output.choices else None
        cause = cause_of_unscored(score.why(), stop, None if output is None else output.completion)
        return Cause.LIMIT_REACHED if cause is Cause.UNKNOWN and sample.limit is not None else cause

    def _tally(self, name: str, rater: str, offset: int | None = None) -> Tally | None:
        tally = self._tallies.get(rater)
        if tally is not None:
            return tally
        if not self._selected(name, rater):
            return None
        if len(self._tallies) >= MAX_RATERS:
            self._say("too_many_raters", f"the log has more than {MAX_RATERS:,} raters; further ones were "
                      "left out", offset)  # fmt: skip
            return None
        self._raters_of.setdefault(name, []).append(rater)
        self._tallies[rater] = Tally()
        return self._tallies[rater]

    def _write_pending(self) -> None:
        for place, why, names in self._pending:
            for name in names or tuple(self._raters_of) or ("score",):
                for rater in self._raters_of.get(name) or [name]:
                    if self._tally(name, rater) is not None:
                        self._sink.add_score(
                            self._run, place.item, rater=rater, score=None, status=why.status,
                            cause=why.cause, attempt=place.attempt, item_digest=place.digest,
                            language=place.language, generation=place.generation,
                        )  # fmt: skip
        self._pending.clear()

    def finish(self) -> None:
        """Write what waited, the metrics and the told numbers."""
        self._write_pending()
        scorers = {scorer.name: scorer for scorer in self._header.scorers}
        unknown = []
        for name, raters in self._raters_of.items():
            for rater in raters:
                scorer = scorers.get(name) or Scorer(name)
                metric = _metric(rater, scorer, self._tallies[rater], self._values, whole=rater == name)
                self._sink.add_metric(self._run, metric)
                if metric.direction == "unknown":
                    unknown.append(rater[:100])
        if unknown:
            self._sink.add_finding(
                "note", "direction_unknown", f"the log does not say whether a higher score is better: "
                f"{', '.join(unknown[:SHOWN])}{' …' if len(unknown) > SHOWN else ''}", file=self._file,
                next_step="Name it in a protocol; an analysis without one takes higher for better.",
            )  # fmt: skip
        for told in self._header.told:
            if not self._only or told.rater in self._tallies:
                reason = told.reason or self._incomparable(told)
                self._sink.add_summary(self._run, told.rater, told.statistic, told.value, reason)

    def _incomparable(self, told: Told) -> str:
        """Say why a told number of several epochs is not one of the rows."""
        epochs = self._header.epochs
        if epochs == 1:
            return ""
        if told.statistic == "n":
            return "the source counts items, the rows are attempts"
        tally = self._tallies.get(told.rater)
        if told.scored is None or tally is None or tally.scored != told.scored * epochs:
            return "the source averages each item's attempts first, and not every item has all"
        return ""


def _cause_of(error: Any) -> Cause:
    return cause_of_error(error.get("message") if isinstance(error, dict) else error)


def _metric(
    rater: str, scorer: Scorer, tally: Tally, declared: Mapping[str, float], *, whole: bool
) -> Metric:
    """Say what the scores of a rater mean, as far as the log or Inspect's own definitions tell.

    Args:
        rater: Its name.
        scorer: Who gave the score.
        tally: What was seen.
        declared: The user's words: their ends and direction are not Inspect's.
        whole: The score itself, and no part of it.
    """
    in_words = tally.only_words and bool(tally.words)
    own = in_words and declared.keys().isdisjoint(tally.words)
    scale: ScaleKind = "unknown"
    if tally.values and tally.values <= {0.0, 1.0}:
        scale = "binary"
    elif in_words:
        scale = "ordinal"
    elif any(not value.is_integer() for value in tally.values):
        scale = "continuous"
    direction: Direction = scorer.direction if whole else "unknown"
    if own and tally.words.keys() <= WORDS.keys():
        direction = "higher is better"
    return Metric(
        rater=rater,
        name=rater,
        kind=scorer.kind,
        direction=direction,
        scale=scale,
        minimum=0.0 if own else None,
        maximum=1.0 if own else None,
        judge_model=scorer.model,
        prompt_digest=scorer.prompt,
        values=dict(sorted(tally.words.items())),
        note=scorer.note,
    )
