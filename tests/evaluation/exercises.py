"""A small exercise for tests of the analysis: its protocol, its manifests, its run folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.simulators.scores import row, write_rows

from consilience.evaluation import protocol as pr
from consilience.evaluation.raters.identity import rater_version
from consilience.evaluation.run_plan import items_digest, text_digest
from consilience.evaluation.run_record import Energy, Manifest, RaterIdentity, Usage

LANGUAGES = ("en", "fr")


def make_protocol(
    *, items: Sequence[str] = ("i1", "i2"), languages: Sequence[str] = LANGUAGES,
    splits: dict[str, str] | None = None, raters: Sequence[pr.Rater] | None = None,
    margin: float | None = 0.1, **changes: Any,
) -> pr.Protocol:  # fmt: skip
    """A protocol with one concept, `maths`, rated by `exact`."""
    kinds = {item: pr.Split((splits or {}).get(item, "evaluation")) for item in items}
    known: dict[str, Any] = {
        "name": "simulated",
        "title": "Simulated",
        "construct": "Adding numbers",
        "estimand": "Share of right answers",
        "created": "2026-01-01",
        "concepts": (
            pr.Concept(
                id="maths",
                title="Maths",
                kind=pr.ConceptKind.CAPABILITY,
                margins=pr.Margins(laboratory=margin, language=margin),
            ),
        ),
        "languages": tuple(pr.Language(tag=tag, translation=pr.Translation.HUMAN) for tag in languages),
        "items": tuple(
            pr.Item(id=item, language=tag, concept="maths", prompt=f"{item} in {tag}", split=kinds[item])
            for item in items
            for tag in languages
        ),
        "generation": pr.Generation(temperature=0.0, max_tokens=8),
        "attempts": 2,
        "raters": tuple(raters or (pr.Rater(id="exact", kind=pr.RaterKind.PROGRAM, program="exact"),)),
        "analysis": pr.AnalysisPlan(estimand="generalized"),
    }
    return pr.Protocol(**(known | changes))


def make_manifest(protocol: pr.Protocol, laboratory: str, **changes: Any) -> Manifest:
    """A manifest that follows the protocol, with changes."""
    items = list(protocol.items)
    usage = Usage(
        answers=1, answers_with_tokens=1, prompt_tokens=10, completion_tokens=5, runner_cpu_seconds=0.5,
        model_cpu_seconds=1.0, wall_seconds=2.0,
        energy=Energy(joules=None, basis="not measured", counter=None, boundary="", reason="no counter"),
    )  # fmt: skip
    known: dict[str, Any] = {
        "run": f"run-{laboratory}",
        "exercise": protocol.name,
        "protocol_digest": pr.protocol_digest(protocol),
        "laboratory": laboratory,
        "model": "model-0",
        "endpoint": "local:tiny",
        "sampling": {"temperature": 0.0, "max_tokens": 8},
        "system_prompt_digest": text_digest(protocol.generation.system_prompt)
        if protocol.generation.system_prompt
        else None,
        "attempts": protocol.attempts,
        "languages": tuple(language.tag for language in protocol.languages),
        "items": len(items),
        "items_digest": items_digest(items),
        "raters": tuple(
            RaterIdentity(id=r.id, kind=r.kind, version=rater_version(r)) for r in protocol.raters
        ),
        "answers": 1,
        "answered": 1,
        "failed_by_cause": {},
        "usage": usage,
        "software": {"consilience": "0"},
        "machine": {},
        "started_at": "2026-02-01T00:00:00Z",
        "finished_at": "2026-02-01T01:00:00Z",
        "sessions": 1,
        "files": {"generations.jsonl": "0" * 64},
    }
    return Manifest(**(known | changes))


def planned_rows(
    protocol: pr.Protocol, laboratory: str, *, digests: bool = True, **changes: Any
) -> list[dict[str, Any]]:
    """Rows of a laboratory that followed the protocol: score 1 on every second attempt and item."""
    named = {"protocol_digest": pr.protocol_digest(protocol)} if digests else {}
    rows = []
    for number, item in enumerate(protocol.items):
        for attempt in range(1, protocol.attempts + 1):
            known = {"laboratory": laboratory, "item": item.id, "language": item.language, "attempt": attempt}
            digest = {"item_digest": pr.item_digest(item), "split": item.split.value} if digests else {}
            score = float((number // 2 + attempt) % 2)
            rows.append(row(**known, **named, **digest, score=score) | changes)
    return rows


def write_run(
    folder: Path,
    protocol: pr.Protocol,
    laboratory: str,
    rows: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Path:
    """A run folder with scores, manifest and protocol."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(rows if rows is not None else planned_rows(protocol, laboratory), folder / "scores.parquet")
    manifest = make_manifest(protocol, laboratory, **changes)
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    (folder / "protocol.json").write_bytes(msgspec.json.encode(protocol))
    return folder
