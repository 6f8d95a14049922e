"""What the checks of a protocol look at: its items sorted into languages, concepts and translations.

Pure. Responsible for nothing but the view, and for making findings that name file, line and item.
"""

from __future__ import annotations

from collections import defaultdict

from consilience.evaluation.findings import Finding, Findings, Severity
from consilience.evaluation.item_pairing import ReadFile
from consilience.evaluation.protocol import Item, Rater, Split, Translation
from consilience.evaluation.protocol_file import ProtocolSource

ITEMS_NAMED = 5
"""So many ids are written out where a finding speaks of many items."""


class LintView:
    """A protocol seen by language, concept and translation.

    Attributes:
        by_language: Language tag → its items, in the order of the files.
        by_group: (language, concept) → its items.
        translations: Item id → language tag → item.
        by_file: File name in messages → its items.
    """

    def __init__(self, source: ProtocolSource) -> None:
        self.source = source
        self.protocol = source.protocol
        self.by_language: dict[str, list[Item]] = {language.tag: [] for language in self.protocol.languages}
        self.by_group: dict[tuple[str, str], list[Item]] = defaultdict(list)
        self.translations: dict[str, dict[str, Item]] = defaultdict(dict)
        self.by_file: dict[str, list[Item]] = {file.label: [] for file in source.files}
        for item in self.protocol.items:
            self.by_language[item.language].append(item)
            self.by_group[item.language, item.concept].append(item)
            self.translations[item.id][item.language] = item
            self.by_file[self.place(item)[0]].append(item)
        self.files: dict[str, ReadFile] = {file.label: file for file in source.files}
        self._raters = {
            concept.id: tuple(
                rater for rater in self.protocol.raters if not rater.concepts or concept.id in rater.concepts
            )
            for concept in self.protocol.concepts
        }

    def place(self, item: Item) -> tuple[str, int]:
        """Return file and line of an item."""
        place = self.source.places[item.id, item.language]
        return place.file, place.line

    def raters(self, concept: str) -> tuple[Rater, ...]:
        """Return the raters of a concept."""
        return self._raters[concept]

    @property
    def source_language(self) -> str:
        """The language that the others are translations of: the first that is declared so, else the first."""
        languages = self.protocol.languages
        return next(
            (language.tag for language in languages if language.translation is Translation.SOURCE),
            languages[0].tag,
        )

    def evaluation(self, language: str, concept: str) -> list[Item]:
        """Return the evaluation items of a language and concept."""
        return [item for item in self.by_group.get((language, concept), []) if item.split is Split.EVALUATION]

    def of_item(self, code: str, severity: Severity, item: Item, message: str, what_to_do: str) -> Finding:
        """Make a finding about an item."""
        file, line = self.place(item)
        return Finding(
            code=code, severity=severity, message=message, what_to_do=what_to_do, file=file, line=line,
            item=item.id, language=item.language,
        )  # fmt: skip

    def of_plan(
        self,
        code: str,
        severity: Severity,
        message: str,
        what_to_do: str,
        *path: str | int,
        language: str | None = None,
    ) -> Finding:
        """Make a finding about the value at `path` of the protocol file."""
        return Finding(
            code=code, severity=severity, message=message, what_to_do=what_to_do, file=self.source.label,
            line=self.source.line(*path), language=language,
        )  # fmt: skip

    def of_file(
        self,
        code: str,
        severity: Severity,
        label: str,
        message: str,
        what_to_do: str,
        *,
        language: str | None = None,
    ) -> Finding:
        """Make a finding about a whole item file."""
        return Finding(
            code=code, severity=severity, message=message, what_to_do=what_to_do, file=label,
            language=language,
        )  # fmt: skip

    def concept_place(self, concept: str) -> int:
        """Return the number of a concept in the protocol file."""
        return next(place for place, row in enumerate(self.protocol.concepts) if row.id == concept)

    def language_place(self, tag: str) -> int:
        """Return the number of a language in the protocol file."""
        return next(place for place, row in enumerate(self.protocol.languages) if row.tag == tag)


def named(ids: list[str]) -> str:
    """Return a list of ids for a message, the first few written out."""
    shown = ", ".join(ids[:ITEMS_NAMED])
    return f"{shown} and {len(ids) - ITEMS_NAMED} more" if len(ids) > ITEMS_NAMED else shown


__all__ = ["Findings", "LintView", "named"]
