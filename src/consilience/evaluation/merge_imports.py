"""The accounts of imports beside their scores: what the scores of a rater mean where no protocol says it.

Invariants: scores that were changed after they were imported are never shown with the import's account; a
direction that two accounts tell differently of one rater and concept is refused, never chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from consilience.errors import IncompatibleError, InputError, VerificationError, Where
from consilience.evaluation.importers.imported import Imported, Metric, ScaleKind
from consilience.evaluation.merge_census import shown
from consilience.evaluation.merge_inputs import Found, FoundFile

SHORT = 12
"""Digits of a digest that a message shows."""
HIGHER = {"higher is better": True, "lower is better": False}


def read_imports(found: Found, digests: Mapping[Path, str]) -> tuple[Imported, ...]:
    """Read the accounts of imports, and hold each against the scores in its folder.

    Args:
        found: The files.
        digests: SHA-256 of each file, hexadecimal.

    Raises:
        InputError: An `import.json` is not the account of an import.
        VerificationError: The scores beside it are not the ones that the import wrote.
    """
    imports = []
    for file in found.imports:
        imported = _read(file)
        for scores in found.scores:
            if scores.path.parent == file.path.parent and digests[scores.path] != imported.scores_sha256:
                raise VerificationError(
                    "these scores are not the ones that the import wrote: their digest is "
                    f"{digests[scores.path][:SHORT]}…, its account says {imported.scores_sha256[:SHORT]}…",
                    where=Where(file=scores.name),
                    next_step="Import the logs again, or put the changed scores into another folder.",
                )
        imports.append(imported)
    return tuple(imports)


def _read(file: FoundFile) -> Imported:
    try:
        return msgspec.json.decode(file.path.read_bytes(), type=Imported)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"this is not the account of an import: {error}",
            where=Where(file=file.name),
            next_step="Import the logs again; it writes this file.",
        ) from None


def told_metrics(imports: Sequence[Imported], rater: str, concept: str | None = None) -> list[Metric]:
    """Return what accounts tell of a rater's scores, of one concept where they tell of it."""
    found = [
        (run.concept, metric)
        for imported in imports
        for run in imported.runs
        for metric in run.metrics
        if metric.rater == rater
    ]
    same = [metric for of, metric in found if of == concept]
    return same or [metric for _, metric in found]


def told_direction(imports: Sequence[Imported], rater: str, concept: str) -> bool | None:
    """Return whether a higher score is better, or None where nobody says.

    Raises:
        IncompatibleError: Two accounts say the opposite of the same rater and concept.
    """
    ways = {HIGHER[m.direction] for m in told_metrics(imports, rater, concept) if m.direction in HIGHER}
    if len(ways) > 1:
        raise IncompatibleError(
            f"the rater {shown(rater)} counts high as good in one import and as bad in another",
            next_step="Import one of them again with another name of the rater: --rater METRIC=NAME.",
        )
    return next(iter(ways), None)


def told_scale(
    imports: Sequence[Imported], rater: str
) -> tuple[ScaleKind | None, tuple[float, float] | None]:
    """Return kind and bounds of a rater's scale where all accounts agree; None: not told."""
    metrics = told_metrics(imports, rater)
    kinds = {metric.scale for metric in metrics}
    bounds = {(metric.minimum, metric.maximum) for metric in metrics}
    low, high = next(iter(bounds)) if len(bounds) == 1 else (None, None)
    known = low is not None and high is not None and math.isfinite(high - low) and low < high
    kind = next(iter(kinds)) if len(kinds) == 1 else "unknown"
    return (
        None if kind == "unknown" else kind,
        (low, high) if known and low is not None and high is not None else None,
    )
