"""What a sheet that came back says: ratings, and findings for every row that cannot be taken.

Pure. Invariants:
- a row is taken as it is or not at all, and a row that is not taken gives a finding with its line;
- the same sheet gives nothing new a second time; a rating that is there is never changed, only replaced on
  demand by a newer one, and both stay written down;
- an empty score is no rating.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from consilience.evaluation.annotation import MAX_COMMENT_CHARS, SheetRow, text_check, unprotected
from consilience.evaluation.annotation_file import FilledRow, Value
from consilience.evaluation.protocol import Rater, RaterKind
from consilience.evaluation.raters.identity import rater_version
from consilience.evaluation.raters.label import problem_of_score, scale_labels
from consilience.evaluation.raters.normalise import fold
from consilience.evaluation.raters.number import find_numbers
from consilience.evaluation.run_record import Rating, rating_id
from consilience.evaluation.scores import Status

FindingKind = Literal[
    "no_code", "unknown_code", "doubled_code", "changed_text", "bad_score", "long_comment", "rated_otherwise"
]
MAX_QUOTED_CHARS = 40


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One row that was not taken, and why."""

    line: int
    code: str
    kind: FindingKind
    detail: str


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """One row that may come back: what it showed, and what is known of it."""

    run: str
    """Name of the run's folder."""
    generation: str
    row: SheetRow
    protocol_digest: str
    earlier: tuple[Rating, ...] = ()
    """Ratings of this rater that are there, the newest last."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of a sheet."""

    ratings: tuple[tuple[str, Rating], ...]
    """(run, rating) of each new rating."""
    findings: tuple[Finding, ...]
    unchanged: int
    """Rows whose rating was there already."""
    not_rated: int
    """Rows without a score."""
    replaced: int


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """How a sheet is taken in."""

    rater: Rater
    annotator: str | None
    simulated: bool
    replace: bool
    now: datetime.datetime


def judge_rows(rows: Iterable[FilledRow], expected: Mapping[str, Expected], settings: Import) -> Judged:
    """Judge every row of a sheet.

    Args:
        rows: As read from the file.
        expected: Code → row that was exported.
        settings: Rater, annotator, and what to do with ratings that are there.
    """
    filled = list(rows)
    counts: dict[str, int] = {}
    for row in filled:
        counts[_code(row)] = counts.get(_code(row), 0) + 1
    ratings: list[tuple[str, Rating]] = []
    findings: list[Finding] = []
    unchanged = not_rated = replaced = 0
    for row in filled:
        code = _code(row)
        known = expected.get(code)
        finding = _row_finding(row, code, counts[code], known)
        if finding is None and known is not None:
            if _is_blank(row.cells.get("score")):
                not_rated += 1
                continue
            outcome = _rating_of(row, known, settings)
            if isinstance(outcome, Rating):
                ratings.append((known.run, outcome))
                replaced += bool(known.earlier)
            elif outcome is None:
                unchanged += 1
            else:
                finding = outcome
        if finding is not None:
            findings.append(finding)
    return Judged(
        ratings=tuple(ratings),
        findings=tuple(findings),
        unchanged=unchanged,
        not_rated=not_rated,
        replaced=replaced,
    )


def _code(row: FilledRow) -> str:
    return row.text("code").strip().upper()


def _is_blank(value: Value) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _row_finding(row: FilledRow, code: str, times: int, known: Expected | None) -> Finding | None:
    def finding(kind: FindingKind, detail: str) -> Finding:
        return Finding(line=row.line, code=code[:MAX_QUOTED_CHARS], kind=kind, detail=detail)

    if not code:
        return finding("no_code", "the row has no code")
    if known is None:
        return finding("unknown_code", "no row with this code was exported for these runs and this rater")
    if times > 1:
        return finding(
            "doubled_code", f"the code stands {times} times in the sheet; none of these rows is taken"
        )
    if not _shows_what_was_exported(row, known):
        return finding("changed_text", "prompt, answer or target is not what was exported")
    if row.text("check").strip() != known.row.check:
        return finding("changed_text", "the column check is not what was exported")
    return None


def _shows_what_was_exported(row: FilledRow, known: Expected) -> bool:
    """Compare the texts, with the apostrophes of a CSV or without: either may have been saved as the other
    format.
    """
    names = ("prompt", "answer", "target") if known.row.target is not None else ("prompt", "answer")
    for read in (str, unprotected):
        prompt, answer, *target = (read(row.text(name)) for name in names)
        if (
            text_check(prompt, answer, target[0] if target else None, known.protocol_digest)
            == known.row.check
        ):
            return True
    return False


def _rating_of(row: FilledRow, known: Expected, settings: Import) -> Rating | Finding | None:
    """Return a new rating, a finding, or None where the same rating is there."""

    def finding(kind: FindingKind, detail: str) -> Finding:
        return Finding(line=row.line, code=known.row.code, kind=kind, detail=detail)

    score, label, problem = read_score(row.cells["score"], settings.rater)
    if score is None:
        return finding("bad_score", problem)
    comment = row.text("comment").strip()
    if len(comment) > MAX_COMMENT_CHARS:
        return finding("long_comment", f"the comment has more than {MAX_COMMENT_CHARS} characters")
    if known.earlier:
        last = known.earlier[-1]
        if (last.score, last.explanation, last.annotator) == (score, comment, settings.annotator):
            return None
        if not settings.replace:
            return finding("rated_otherwise", _difference(last, score, settings))
    version = rater_version(settings.rater, revision=len(known.earlier) + 1)
    return Rating(
        rating=rating_id(generation=known.generation, rater=settings.rater.id, version=version),
        generation=known.generation,
        rater=settings.rater.id,
        rater_kind=RaterKind.HUMAN,
        version=version,
        status=Status.SCORED,
        score=score,
        label=label,
        explanation=comment,
        simulated=settings.simulated,
        rated_at=_after(known.earlier, settings.now),
        annotator=settings.annotator,
    )


def _difference(last: Rating, score: float, settings: Import) -> str:
    if last.score != score:
        what = "with another score"
    elif last.annotator != settings.annotator:
        what = "by another annotator"
    else:
        what = "with another comment"
    return f"it is rated already, {what}; --replace makes this the newer rating"


def read_score(value: Value, rater: Rater) -> tuple[float | None, str | None, str]:
    """Read the cell of a score.

    Returns:
        (score, label, "") or (None, None, why it is no score). Labels are compared without regard to letter
        case; a number must be on the scale, and where the scale has labels, be the score of one.
    """
    labels = scale_labels(rater.scale)
    by_word = {fold(label, "und", keep_punctuation=True): label for label in labels}
    word = fold(str(value), "und", keep_punctuation=True)
    if word in by_word:
        label = by_word[word]
        return labels[label], label, ""
    number: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str):
        number = _number(value)
    if number is None:
        allowed = ", ".join(labels) or f"{rater.scale.minimum:g} to {rater.scale.maximum:g}"
        return None, None, f"the score {str(value)[:MAX_QUOTED_CHARS]!r} is none of: {allowed}"
    problem = problem_of_score(number, rater.scale)
    if problem:
        return None, None, problem
    return number, next((label for label, score in labels.items() if score == number), None), ""


def _number(text: str) -> float | None:
    """Read a number with a point or a comma as decimal mark; nothing else may stand beside it."""
    plain = text.strip()
    found = find_numbers(plain.replace(",", "."), "en", decimal=".")
    if len(found) != 1 or any(character.isalpha() for character in plain) or len(plain.split()) != 1:
        return None
    return float(found[0])


def _after(earlier: tuple[Rating, ...], now: datetime.datetime) -> str:
    """Return the time of a rating, later than those that it replaces even where a clock went back."""
    moment = now.astimezone(datetime.UTC)
    for rating in earlier:
        if rating.rated_at:
            moment = max(
                moment, datetime.datetime.fromisoformat(rating.rated_at) + datetime.timedelta(milliseconds=1)
            )
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
