"""The protocol: the plan of a joint exercise as frozen types, fixed before any result.

Responsible for the shape of the plan and for its digest. Pure: reading TOML and item files is done by
`protocol_file` and `item_file`; judging the plan is done by `lint` and `planning`.

Invariants:
- a protocol that exists is well-formed: ids are unique, every rater and concept that is named exists,
  every item has a language that the protocol lists;
- the digest covers the plan and every item, and nothing else (not file names, not comments, not order of
  files or tables, not whether a default was written out).
"""

from __future__ import annotations

import enum
from typing import Any, Literal

import msgspec

from consilience.records.canonical import canonical_bytes, digest

FORMAT = 1
"""Version of the protocol file's format (key `consilience` of the TOML file)."""

MAX_ITEM_CHARS = 100_000
MAX_ITEMS = 1_000_000


class ConceptKind(enum.StrEnum):
    """What a concept speaks of: the four of the Seoul Statement of Intent, clause on model information."""

    CAPABILITY = "capability"
    SAFEGUARD = "safeguard"
    LIMIT = "limit"
    RISK = "risk"


class Split(enum.StrEnum):
    """What an item may be used for; the three sets are disjoint."""

    EXPLORATORY = "exploratory"
    TUNING = "tuning"
    EVALUATION = "evaluation"


class Translation(enum.StrEnum):
    """How the items of a language came to be."""

    SOURCE = "source"
    MACHINE = "machine"
    HUMAN = "human"
    ADAPTED = "adapted"
    REVIEWED = "reviewed"


class RaterKind(enum.StrEnum):
    """Who gives a score."""

    PROGRAM = "program"
    JUDGE = "judge"
    HUMAN = "human"


class Margins(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Equivalence margins, in units of the score: differences smaller than this do not matter. None: not
    fixed.
    """

    language: float | None = None
    model: float | None = None
    laboratory: float | None = None
    rater: float | None = None


class Concept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a group of items measures."""

    id: str
    title: str
    kind: ConceptKind
    definition: str = ""
    higher_is_better: bool = True
    rater: str | None = None
    """The rater whose scores carry the verdict; if None, the first rater of the concept."""
    margins: Margins = Margins()
    titles: dict[str, str] = {}
    """Titles in other languages, by language tag, for reports."""


class Language(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One language of the exercise and who checked its translation."""

    tag: str
    translation: Translation
    checked_by: str | None = None
    note: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is asked, in one language.

    `id` is shared by all translations of the same item: (id, language) is the key. Item files may instead
    give each translation its own id and a `translation_of`; the reader then puts the source's id here and
    keeps the file's own id in `own_id`.
    """

    id: str
    language: str
    concept: str
    prompt: str
    target: str | None = None
    accept: tuple[str, ...] = ()
    """Further right answers."""
    choices: tuple[str, ...] = ()
    split: Split = Split.EVALUATION
    translation_of: str | None = None
    own_id: str | None = None
    translation: Translation | None = None
    """Where it differs from what the protocol says of the language."""
    note: str = ""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task of Inspect that is the source of a concept's items; what it asks is known when it has run."""

    task: str
    """`inspect:` and a registered name, or `inspect:FILE.py@NAME` with the file below the protocol's folder.
    """
    concept: str
    language: str
    args: dict[str, str | int | float | bool] = {}
    """Arguments of the task."""
    digest: str | None = None
    """Of the file; None: a registered task, whose code belongs to an installed package."""


class Generation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the model is asked. None: the key is not sent; the endpoint's default holds (recorded so)."""

    system_prompt: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    """Base of the seeds of the requests; None: no seed is sent."""


class Scale(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scores that a rater may give."""

    kind: Literal["binary", "ordinal", "continuous"] = "binary"
    minimum: float = 0.0
    maximum: float = 1.0
    labels: dict[str, float] = {}
    """Words of a judge or a human, each with its score, such as `{ "yes" = 1.0, "no" = 0.0 }`."""


class Rater(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gives scores, and how."""

    id: str
    kind: RaterKind
    concepts: tuple[str, ...] = ()
    """Concepts it rates; empty: all."""
    scale: Scale = Scale()
    program: Literal["exact", "choice", "number", "regex", "contains", "refusal"] | None = None
    """Of a program rater."""
    options: dict[str, str | int | float | bool] = {}
    """Settings of the program, such as `pattern`, `flags`, `tolerance`, `invert`."""
    scorer: str | None = None
    """Where the items come from tasks: the task's own scorer whose scores these are."""
    prompt: str | None = None
    """Of a judge: text with {prompt}, {answer}, {target}, {language}, {concept}."""
    system_prompt: str | None = None
    model: str | None = None
    """Of a judge: the planned model; which endpoint serves it is said when the run starts."""
    temperature: float | None = 0.0
    max_tokens: int = 16
    parser: str | None = None
    """Of a judge: regular expression whose group 1 (or whole match) is a label or a number; default: first
    label found.
    """
    attempts: Literal["all", "first"] = "all"
    """Of a judge: which attempts it rates."""
    guideline: str | None = None
    """Of humans: what they are told. Versioned with the protocol."""
    simulated: bool = False
    """Of a judge or human: nobody is asked; the ratings are made up with the errors that `options` plants,
    and each of them says so (see `simulated_ratings`).
    """


class HumanSample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which generations humans rate: a random sample of fixed size in every cell."""

    per_cell: int
    """Generations drawn per laboratory × model × language × concept."""
    ratings_per_generation: int = 1
    seed: int = 0


class Aggregation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the attempts of one item become the item's score."""

    per_item: Literal["mean", "majority", "any", "all", "first"] = "mean"


class AnalysisPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What will be computed, said before the results."""

    estimand: Literal["benchmark", "generalized"]
    """NIST AI 800-3: accuracy on exactly these items, or on items like these; the one that carries the
    verdict.
    """
    confidence_level: float = 0.95
    multiplicity: Literal["holm", "benjamini-hochberg"] = "holm"
    wanted_difference: float | None = None
    """The smallest difference that the exercise should be able to see; used by the power analysis."""
    power: float = 0.8
    laboratories: int = 2
    """How many laboratories are planned."""
    models: int = 1
    seed: int = 20_240_521
    """For resampling; recorded in the result."""


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a joint exercise with all its items."""

    name: str
    """Short name: lower-case letters, digits and hyphens."""
    title: str
    construct: str
    """What is to be measured, in words."""
    estimand: str
    """What the reported number stands for, in words."""
    created: str
    """Date, ISO 8601."""
    version: str = "1"
    titles: dict[str, str] = {}
    concepts: tuple[Concept, ...]
    languages: tuple[Language, ...]
    items: tuple[Item, ...]
    generation: Generation
    attempts: int
    raters: tuple[Rater, ...]
    analysis: AnalysisPlan
    aggregation: Aggregation = Aggregation()
    human_sample: HumanSample | None = None
    handling: str = "TLP:CLEAR"
    """Marking of the items."""
    sources: tuple[str, ...] = ()
    """Where the items come from and under which licence."""
    tasks: tuple[Task, ...] = ()
    """In the place of items."""


def item_digest(item: Item) -> str:
    """Return the digest of what is asked: language, concept, prompt, target, accept and choices.

    The id, the split, notes and the place in a file do not enter, so that two protocols which ask the same
    thing can be seen to do so. The order of `accept` and of `choices` enters.

    Raises:
        InputError: A text is not valid Unicode (a lone surrogate).

    References:
        RFC 8785 for the bytes, FIPS 180-4 for SHA-256.
    """
    content = {
        "accept": list(item.accept),
        "choices": list(item.choices),
        "concept": item.concept,
        "language": item.language,
        "prompt": item.prompt,
        "target": item.target,
    }
    return digest(canonical_bytes(content))


def primary_rater(protocol: Protocol, concept: Concept) -> Rater | None:
    """Return the rater whose scores carry the verdict on a concept: the named one, else the first that rates
    it. A simulated rater never does.
    """
    rates = [
        rater
        for rater in protocol.raters
        if not rater.simulated and (not rater.concepts or concept.id in rater.concepts)
    ]
    if concept.rater is not None:
        return next((rater for rater in rates if rater.id == concept.rater), None)
    return rates[0] if rates else None


def plan_document(protocol: Protocol) -> dict[str, Any]:
    """Return the plan without its items, as it enters the digest.

    Everything that says nothing (None, empty text, list or table) is left out, and tables whose order says
    nothing (concepts, languages, raters, the concepts of a rater) are sorted. The order of raters says which
    one carries the verdict; so that rater is written out instead.
    """
    plan: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(protocol, items=()))
    plan["consilience"] = FORMAT
    for concept, written in zip(protocol.concepts, plan["concepts"], strict=True):
        primary = primary_rater(protocol, concept)
        written["rater"] = primary.id if primary else None
    for rater in plan["raters"]:
        rater["concepts"] = sorted(rater["concepts"])
        if not rater["simulated"]:
            del rater["simulated"]  # the key is younger than the format; plans without it keep their digest
    for table, key in (("concepts", "id"), ("languages", "tag"), ("raters", "id")):
        plan[table] = sorted(plan[table], key=lambda row: str(row[key]))
    plan["tasks"] = sorted(plan["tasks"], key=canonical_bytes)
    cleaned = _without_empty(plan)
    return cleaned if isinstance(cleaned, dict) else {}


def _without_empty(value: Any) -> Any:
    """Return a value without members that say nothing; false and 0 say something and stay."""
    if isinstance(value, dict):
        members = {key: _without_empty(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [_without_empty(member) for member in value]
    return value


def protocol_digest(protocol: Protocol) -> str:
    """Return the name of the plan: the digest over `plan_document` and every (id, language, item digest,
    split).

    Raises:
        InputError: A value has no canonical form (a number that is not finite, a lone surrogate).

    References:
        RFC 8785 for the bytes, FIPS 180-4 for SHA-256.
    """
    items = sorted((item.id, item.language, item_digest(item), item.split.value) for item in protocol.items)
    return digest(canonical_bytes({"items": [list(row) for row in items], "plan": plan_document(protocol)}))
