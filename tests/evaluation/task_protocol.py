"""A protocol of one task of Inspect for tests; the task answers by itself, and asks no model."""

from __future__ import annotations

from pathlib import Path

TASKS = """
import os

import anyio
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import includes, match
from inspect_ai.solver import solver


@solver
def answers():
    async def solve(state, generate):
        number = int(str(state.sample_id)[1:])
        if number == 3 and os.path.exists("fail"):
            raise ValueError("planted")
        if number == 3 and os.path.exists("block"):
            open("blocked", "w").close()
            await anyio.sleep_forever()
        text = "It is Paris" if number % 2 == 0 else "Nairobi" if state.epoch == 1 else "no idea"
        state.output = ModelOutput.from_content(model="mockllm", content=text)
        state.messages.append(state.output.message)
        return state

    return solve


@task
def capitals(number: int = 4):
    samples = [
        Sample(id=f"q{n}", input=f"Which is capital number {n}?", target="Paris" if n % 2 == 0 else "Nairobi")
        for n in range(number)
    ]
    return Task(dataset=samples, solver=answers(), scorer=[includes(), match()])
"""

PROTOCOL = """
consilience = 1
[exercise]
name = "capitals"
title = "Capitals"
construct = "Whether a model knows capitals."
estimand = "The share of questions like these that are answered rightly."
created = 2026-01-15
attempts = 2
[[concepts]]
id = "capitals"
title = "Capitals"
kind = "capability"
margins = { laboratory = 0.1 }
[[languages]]
tag = "en"
translation = "source"
[[tasks]]
task = "inspect:capitals.py@capitals"
concept = "capitals"
language = "en"
args = { number = 5 }
[[raters]]
id = "says-it"
kind = "program"
scorer = "includes"
[[raters]]
id = "says-only-it"
kind = "program"
scorer = "match"
[generation]
temperature = 0.5
max_tokens = 8
seed = 7
[analysis]
estimand = "generalized"
wanted_difference = 0.5
"""


def write_task_protocol(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write `protocol.toml` and `capitals.py`; each change replaces a text of the protocol."""
    text = PROTOCOL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "capitals.py").write_text(TASKS)
    (folder / "protocol.toml").write_text(text)
    return folder / "protocol.toml"
