"""What `protocol show` tells of a plan: its name by digest, what is asked, of whom, and how it is scored.

Pure. The texts of items are not in it.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from consilience.evaluation.protocol import (
    Aggregation,
    AnalysisPlan,
    Concept,
    Generation,
    HumanSample,
    Protocol,
    Rater,
    Task,
    primary_rater,
    protocol_digest,
)
from consilience.languages import direction, endonym


class LanguageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A language with the state of its translation."""

    tag: str
    endonym: str
    direction: str
    translation: str
    checked_by: str | None
    items: int


class ItemCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many items there are of one language, concept and split."""

    language: str
    concept: str
    split: str
    items: int


class ProtocolSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What `protocol show --json` prints."""

    format: str = "consilience-protocol-summary-1"
    digest: str
    name: str
    title: str
    titles: dict[str, str]
    version: str
    created: str
    construct: str
    estimand: str
    handling: str
    sources: tuple[str, ...]
    attempts: int
    concepts: tuple[Concept, ...]
    """`rater` is the one whose scores carry the verdict, also where the file does not name it."""
    languages: tuple[LanguageSummary, ...]
    items: tuple[ItemCount, ...]
    tasks: tuple[Task, ...]
    """In the place of items, which are then known only when they have run."""
    different_items: int
    """Translations counted once."""
    generations_per_run: int
    """Of one laboratory and model: evaluation, tuning and exploratory items times attempts."""
    generation: Generation
    raters: tuple[Rater, ...]
    human_sample: HumanSample | None
    aggregation: Aggregation
    analysis: AnalysisPlan


def summarise(protocol: Protocol) -> ProtocolSummary:
    """Return the summary of a protocol.

    Raises:
        InputError: The protocol has no digest (see `protocol_digest`).
    """
    counts = Counter((item.language, item.concept, item.split.value) for item in protocol.items)
    by_language = Counter(item.language for item in protocol.items)
    concepts = []
    for concept in protocol.concepts:
        primary = primary_rater(protocol, concept)
        concepts.append(msgspec.structs.replace(concept, rater=primary.id if primary else None))
    return ProtocolSummary(
        digest=protocol_digest(protocol), name=protocol.name, title=protocol.title, titles=protocol.titles,
        version=protocol.version, created=protocol.created, construct=protocol.construct,
        estimand=protocol.estimand, handling=protocol.handling, sources=protocol.sources,
        attempts=protocol.attempts, concepts=tuple(concepts),
        languages=tuple(
            LanguageSummary(
                tag=row.tag, endonym=endonym(row.tag), direction=direction(row.tag),
                translation=row.translation.value, checked_by=row.checked_by, items=by_language[row.tag],
            )
            for row in protocol.languages
        ),
        items=tuple(
            ItemCount(language=language, concept=concept, split=split, items=count)
            for (language, concept, split), count in sorted(counts.items())
        ),
        tasks=protocol.tasks,
        different_items=len({item.id for item in protocol.items}),
        generations_per_run=len(protocol.items) * protocol.attempts,
        generation=protocol.generation, raters=protocol.raters, human_sample=protocol.human_sample,
        aggregation=protocol.aggregation, analysis=protocol.analysis,
    )  # fmt: skip
