"""Small finished runs on disk, with a protocol that has a human rater: for the tests of rating by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from consilience.evaluation.protocol import (
    AnalysisPlan,
    Concept,
    ConceptKind,
    Generation,
    HumanSample,
    Item,
    Language,
    Protocol,
    Rater,
    RaterKind,
    Scale,
    Translation,
    protocol_digest,
)
from consilience.evaluation.run_folder import GENERATIONS, PROTOCOL, RATINGS, write_manifest
from consilience.evaluation.run_record import Answer, Energy, Manifest, Usage, generation_id

GUIDELINE = "Say yes where the answer is right."
HUMAN = Rater(
    id="people", kind=RaterKind.HUMAN, guideline=GUIDELINE, scale=Scale(labels={"yes": 1.0, "no": 0.0})
)
EXACT = Rater(id="exact", kind=RaterKind.PROGRAM, program="exact")


def plan(
    *,
    raters: Sequence[Rater] = (EXACT, HUMAN),
    per_cell: int = 3,
    items: int = 5,
    prompts: str = "What is {n}?",
) -> Protocol:
    """A protocol of two languages and one concept."""
    return Protocol(
        name="small",
        title="A small exercise",
        construct="Whether numbers are known",
        estimand="Share of right answers",
        created="2026-01-01",
        concepts=(Concept(id="knowledge", title="Knowledge", kind=ConceptKind.CAPABILITY),),
        languages=(
            Language(tag="en", translation=Translation.SOURCE),
            Language(tag="ar", translation=Translation.HUMAN),
        ),
        items=tuple(
            Item(
                id=f"q{n}",
                language=language,
                concept="knowledge",
                prompt=prompts.replace("{n}", f"{language} {n}"),
                target=str(n),
            )
            for n in range(items)
            for language in ("en", "ar")
        ),
        generation=Generation(),
        attempts=1,
        raters=tuple(raters),
        analysis=AnalysisPlan(estimand="benchmark"),
        human_sample=HumanSample(per_cell=per_cell, seed=7),
    )


def answers_of(
    protocol: Protocol, *, laboratory: str, texts: Sequence[str | None] = ("an answer",)
) -> list[Answer]:
    """One answer per item; the texts in turn."""
    digest = protocol_digest(protocol)
    return [
        Answer(
            generation=generation_id(
                protocol_digest=digest,
                laboratory=laboratory,
                model="a-model",
                language=item.language,
                item=item.id,
                attempt=1,
            ),
            item=item.id,
            language=item.language,
            concept=item.concept,
            attempt=1,
            text=texts[place % len(texts)],
        )
        for place, item in enumerate(protocol.items)
    ]


def make_run(
    folder: Path,
    *,
    protocol: Protocol | None = None,
    laboratory: str = "North",
    texts: Sequence[str | None] = ("an answer",),
    finished: bool = True,
) -> list[Answer]:
    """Write the folder of a run; return its answers."""
    protocol = protocol or plan()
    answers = answers_of(protocol, laboratory=laboratory, texts=texts)
    folder.mkdir(parents=True)
    (folder / PROTOCOL).write_bytes(msgspec.json.encode(protocol))
    (folder / GENERATIONS).write_bytes(b"".join(msgspec.json.encode(answer) + b"\n" for answer in answers))
    (folder / RATINGS).touch()
    unmeasured = Energy(joules=None, basis="not measured", counter=None, boundary="", reason="a test")
    write_manifest(
        folder,
        Manifest(
            run=f"small-{laboratory.lower()}",
            exercise=protocol.name,
            protocol_digest=protocol_digest(protocol),
            laboratory=laboratory,
            model="a-model",
            endpoint="http://127.0.0.1:1/v1",
            sampling={},
            system_prompt_digest=None,
            attempts=1,
            languages=("en", "ar"),
            items=len(protocol.items),
            items_digest="",
            raters=(),
            answers=len(answers),
            answered=len(answers),
            failed_by_cause={},
            usage=Usage(
                answers=len(answers),
                answers_with_tokens=0,
                prompt_tokens=None,
                completion_tokens=None,
                runner_cpu_seconds=0.1,
                model_cpu_seconds=None,
                wall_seconds=0.1,
                energy=unmeasured,
            ),
            software={},
            machine={},
            started_at="2026-01-02T00:00:00.000Z",
            finished_at="2026-01-02T00:00:01.000Z" if finished else None,
            sessions=1,
        ),
    )
    return answers
