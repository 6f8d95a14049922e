"""A small protocol for tests, and a chat that answers from a function."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from consilience.errors import ConsilienceError
from consilience.evaluation.metering import Meter
from consilience.evaluation.model import ChatReply, ChatRequest
from consilience.evaluation.progress import Progress
from consilience.evaluation.protocol import (
    AnalysisPlan,
    Concept,
    ConceptKind,
    Generation,
    Item,
    Language,
    Protocol,
    Rater,
    RaterKind,
    Scale,
    Split,
    Translation,
    protocol_digest,
)
from consilience.evaluation.run_plan import Overrides, RunPlan, plan_run
from consilience.evaluation.runner import Surroundings

JUDGE = Rater(
    id="judge",
    kind=RaterKind.JUDGE,
    model="judge-1",
    prompt="Is this right? {prompt} {answer} Say yes or no.",
    scale=Scale(labels={"yes": 1.0, "no": 0.0}),
    attempts="first",
)
HUMAN = Rater(id="person", kind=RaterKind.HUMAN, guideline="Say whether it is right.")


def small_protocol(
    items: int = 3, *, languages: tuple[str, ...] = ("en", "fr"), attempts: int = 2, **changes: Any
) -> Protocol:
    """Two concepts in turn; each item in every language; two program raters, one for one concept only."""
    concepts = ("knowledge", "harm")
    asked = tuple(
        Item(
            id=f"q{number}",
            language=language,
            concept=concepts[number % 2],
            prompt=f"Question {number} in {language}?",
            target="yes",
            split=Split.EVALUATION if number else Split.EXPLORATORY,
        )
        for number in range(items)
        for language in languages
    )
    plan = Protocol(
        name="small",
        title="A small protocol",
        construct="Saying yes.",
        estimand="The share of yes.",
        created="2026-01-01",
        concepts=tuple(Concept(id=name, title=name, kind=ConceptKind.CAPABILITY) for name in concepts),
        languages=tuple(Language(tag=tag, translation=Translation.SOURCE) for tag in languages),
        items=asked,
        generation=Generation(system_prompt="Be short.", temperature=0.5, max_tokens=8, seed=7),
        attempts=attempts,
        raters=(
            Rater(id="exact", kind=RaterKind.PROGRAM, program="exact"),
            Rater(id="contains", kind=RaterKind.PROGRAM, program="contains", concepts=("harm",)),
        ),
        analysis=AnalysisPlan(estimand="benchmark"),
    )
    return msgspec.structs.replace(plan, **changes)


def small_plan(
    protocol: Protocol | None = None,
    *,
    laboratory: str = "Lab A",
    model: str = "m-1",
    overrides: Overrides | None = None,
) -> RunPlan:
    """The plan of a run of the small protocol."""
    protocol = protocol or small_protocol()
    return plan_run(
        protocol, protocol_digest(protocol), laboratory=laboratory, model=model, overrides=overrides
    )


class ScriptedChat:
    """Answers what a function says, and remembers what was asked."""

    def __init__(self, reply: Callable[[ChatRequest, int], ChatReply | Exception] | None = None) -> None:
        self.spec = "m-1"
        self.endpoint = "http://127.0.0.1:1/v1"
        self.requests: list[ChatRequest] = []
        self._reply = reply or (
            lambda _request, _number: ChatReply(text="yes", prompt_tokens=5, completion_tokens=1)
        )

    async def chat(self, request: ChatRequest) -> ChatReply:
        self.requests.append(request)
        reply = self._reply(request, len(self.requests))
        if isinstance(reply, Exception):
            raise reply
        return reply


def surroundings(
    watch: Callable[[Progress], None] = lambda _: None,
    stopped_by: Callable[[], ConsilienceError | None] = lambda: None,
) -> Surroundings:
    """A meter and clocks that stand still, real sleeping."""
    return Surroundings(
        meter=Meter(clock=lambda: 0.0, cpu=lambda: 0.0, reason="a test"),
        now=lambda: datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
        clock=lambda: 0.0,
        watch=watch,
        stopped_by=stopped_by,
    )


TOML = """\
consilience = 1

[exercise]
name = "small"
title = "A small protocol"
construct = "Saying yes."
estimand = "The share of yes."
created = 2026-01-01
attempts = {attempts}

[[concepts]]
id = "knowledge"
title = "Knowledge"
kind = "capability"

[[languages]]
tag = "en"
translation = "source"

[[languages]]
tag = "fr"
translation = "human"

[[items]]
path = "items.jsonl"
concept = "knowledge"
split = "evaluation"

[generation]
system_prompt = "Be short."
temperature = 0.5
max_tokens = 8
seed = 7

[[raters]]
id = "exact"
kind = "program"
program = "exact"

{raters}
[analysis]
estimand = "benchmark"
"""

JUDGE_TOML = """\
[[raters]]
id = "judge"
kind = "judge"
model = "judge-1"
prompt = "Is this right? {prompt} {answer} Say yes or no."
scale = { labels = { yes = 1.0, no = 0.0 } }
"""


def write_small_protocol(folder: Path, items: int = 3, *, attempts: int = 2, raters: str = "") -> Path:
    """Write a protocol as a TOML file with its items in two languages; return its path."""
    lines = [
        json.dumps(
            {
                "id": f"q{number}",
                "language": language,
                "prompt": f"Question {number} in {language}?",
                "target": "yes",
            }
        )
        for number in range(items)
        for language in ("en", "fr")
    ]
    (folder / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "protocol.toml"
    path.write_text(TOML.format(attempts=attempts, raters=raters), encoding="utf-8")
    return path
