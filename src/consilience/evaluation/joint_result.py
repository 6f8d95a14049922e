"""The result of `exercise analyse`: one document that holds every number of the joint report.

Pure types. The JSON Schema is published from them (`schema()`), and the report is drawn from nothing else.

Invariants:
- a number that is not known is None and has a `reason`; there is no NaN and no 0 in its place;
- an estimate never stands without its n, and never without an interval unless `reason` says why;
- sentences are codes with parameters; `reporting` says them in the reader's language. Every code has an
  entry there.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from consilience.evaluation.result_bayes import BayesAgreement as BayesAgreement
from consilience.evaluation.result_bayes import BayesCell as BayesCell
from consilience.evaluation.result_bayes import BayesSpread as BayesSpread
from consilience.evaluation.result_bayes import BayesTable as BayesTable
from consilience.evaluation.result_laboratories import Attribution as Attribution
from consilience.evaluation.result_laboratories import BetweenLaboratories as BetweenLaboratories
from consilience.evaluation.result_laboratories import LaboratoryScore as LaboratoryScore
from consilience.evaluation.result_laboratories import OutlierTest as OutlierTest
from consilience.evaluation.result_laboratories import RandomEffects as RandomEffects
from consilience.evaluation.result_laboratories import TieGroups as TieGroups
from consilience.evaluation.result_raters import Agreement as Agreement
from consilience.evaluation.result_raters import CorrectedDifference as CorrectedDifference
from consilience.evaluation.result_raters import Correction as Correction
from consilience.evaluation.result_raters import JudgeAgainstHuman as JudgeAgainstHuman
from consilience.evaluation.result_raters import RaterSeverity as RaterSeverity
from consilience.evaluation.result_raters import SeverityTable as SeverityTable
from consilience.evaluation.result_values import Axis as Axis
from consilience.evaluation.result_values import Estimate as Estimate
from consilience.evaluation.result_values import Interval as Interval
from consilience.evaluation.result_values import Message as Message
from consilience.evaluation.result_values import Value as Value
from consilience.evaluation.result_variance import Component as Component
from consilience.evaluation.result_variance import DecisionStudy as DecisionStudy
from consilience.evaluation.result_variance import MoreOfOne as MoreOfOne
from consilience.evaluation.result_variance import VarianceTable as VarianceTable
from consilience.evaluation.result_variance import WidthAt as WidthAt


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One laboratory × model × language × concept × rater. `laboratory` or `language` None: all of them
    together."""

    laboratory: str | None
    model: str
    language: str | None
    concept: str
    rater: str
    benchmark: Estimate
    generalized: Estimate
    n_unscored: int
    primary: bool
    """Whether this rater carries the verdict for this concept."""


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """A paired difference `left - right` along one axis over the items both have."""

    axis: Axis
    left: str
    right: str
    model: str | None
    """None on the axis `model`."""
    laboratory: str | None
    """None: averaged over laboratories (or on the axis `laboratory`)."""
    language: str | None
    concept: str
    rater: str | None
    difference: Estimate
    p_value: float | None
    p_adjusted: float | None
    test: str | None
    """Key of `methods`."""
    n_common: int
    n_left_only: int
    n_right_only: int
    margin: float | None
    verdict: Literal["equivalent", "different", "inconclusive", "not estimable"]
    significant: bool | None
    """After correction over the family; None where there is no p value."""
    family: str


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """How many ratings have no score, by cause."""

    laboratory: str
    model: str
    language: str
    concept: str
    rater: str
    cause: str
    count: int
    of: int
    environment: bool
    """Whether the cause says nothing about the model."""


class Deviation(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between the protocol and what a manifest shows. Computed, never declared."""

    laboratory: str
    model: str
    field: str
    """Such as `sampling.temperature`, `system_prompt`, `items`, `rater.judge-a.version`."""
    planned: Value
    actual: Value
    severity: Literal["major", "minor", "unknown"]


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the conformance list with its state and where the evidence is."""

    line: int
    state: Literal["met", "not met", "not applicable", "not assessed"]
    evidence: Message


class InputFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that entered."""

    name: str
    sha256: str
    bytes: int
    rows: int
    laboratories: tuple[str, ...]
    kind: Literal["scores", "manifest", "protocol"]


class RaterSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A rater as it appears in the table."""

    id: str
    kind: str
    simulated: bool
    n_scored: int
    n_unscored: int
    scale: Literal["binary", "ordinal", "continuous"]


class ConceptSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A concept with what the protocol says of it."""

    id: str
    titles: dict[str, str]
    kind: str | None
    higher_is_better: bool
    definition: str
    primary_rater: str
    margins: dict[str, float | None]


class Exercise(msgspec.Struct, frozen=True, kw_only=True):
    """What was planned. Fields are None where the analysis had no protocol."""

    name: str
    titles: dict[str, str]
    protocol_digest: str | None
    construct: str | None
    estimand: str | None
    verdict_estimand: Literal["benchmark", "generalized"]
    confidence_level: float
    multiplicity: Literal["holm", "benjamini-hochberg"]
    created: str | None
    handling: str
    translations: dict[str, str] = {}
    """Language tag → translation status and who checked it."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by what became of them."""

    rows: int
    generations: int
    items: int
    """Different item ids, translations counted once."""
    scored: int
    unscored: int
    failed: int
    withheld: int
    doubled: int
    """Rows that were in more than one input and counted once."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A laboratory's run with what its manifest says; None where there is no manifest."""

    laboratory: str
    model: str
    has_manifest: bool
    endpoint: str | None
    started_at: str | None
    finished_at: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cpu_seconds: float | None
    energy_joules: float | None
    energy_note: str
    software: dict[str, str]
    sampling: dict[str, Any]


class RangeOfUse(msgspec.Struct, frozen=True, kw_only=True):
    """Where a method that this document uses keeps what it says (found by simulation), and how many of its
    estimates here rest on less."""

    method: str
    n_holds: int
    """From so many units on it holds."""
    narrow: bool
    """Below that its intervals may be too narrow; otherwise they are wider than need be."""
    n_estimates: int
    n_outside: int


class MinimumDifference(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest difference that these data could have shown along one axis."""

    axis: Axis
    concept: str
    difference: float | None
    power: float
    reason: Message | None = None


class JointResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the joint report shows."""

    format: Literal["consilience-joint-result-1"] = "consilience-joint-result-1"
    generated_at: str
    software: dict[str, str]
    seed: int
    exercise: Exercise
    laboratories: tuple[str, ...]
    models: tuple[str, ...]
    languages: tuple[str, ...]
    concepts: tuple[ConceptSummary, ...]
    raters: tuple[RaterSummary, ...]
    counts: Counts
    verdict: tuple[Message, Message]
    """Two sentences: what the model does, and how far the laboratories agree."""
    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast, ...]
    agreement: tuple[Agreement, ...]
    judges: tuple[JudgeAgainstHuman, ...]
    variance: tuple[VarianceTable, ...]
    between: tuple[BetweenLaboratories, ...]
    minimum_differences: tuple[MinimumDifference, ...]
    failures: tuple[Failure, ...]
    deviations: tuple[Deviation, ...]
    checklist: tuple[Checkpoint, ...]
    runs: tuple[RunSummary, ...]
    inputs: tuple[InputFile, ...]
    methods: dict[str, str]
    """Method key → reference (paper and equation, or standard and clause)."""
    notes: tuple[Message, ...]
    """What a reader must know: simulated ratings, missing manifests, languages without a human sample …"""
    corrections: tuple[Correction, ...] = ()
    corrected_differences: tuple[CorrectedDifference, ...] = ()
    severity: tuple[SeverityTable, ...] = ()
    decisions: tuple[DecisionStudy, ...] = ()
    ties: tuple[TieGroups, ...] = ()
    attributions: tuple[Attribution, ...] = ()
    ranges: tuple[RangeOfUse, ...] = ()
    bayes: tuple[BayesTable, ...] = ()
    verdict_limits: tuple[Message, ...] = ()
    """What the verdict must be read with: raters whose errors could not be taken out, why, and how many human
    ratings would do; a laboratory that stands apart in the raw scores alone."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(JointResult)))
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "Consilience joint result"
    return document


def main() -> None:
    """Print the schema as it is published in `schemas/joint-result.json`."""
    import json
    import sys

    sys.stdout.write(json.dumps(schema(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
