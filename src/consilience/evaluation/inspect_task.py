"""What a run gives to Inspect: the model, the settings of the plan, and the words of its command line.

Pure. Invariants: everything that the plan fixes and Inspect can be told is told, and is the same in a retry;
no key is in a word or a setting; what cannot be passed is in `NOT_PASSED`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from consilience.errors import InputError
from consilience.evaluation.model import LOCAL, parse_model_spec
from consilience.evaluation.protocol import Protocol, RaterKind, Task
from consilience.evaluation.protocol_tasks import PREFIX
from consilience.evaluation.run_plan import RunPlan

SERVICE = "consilience"
"""Of an endpoint that is reached by its URL: Inspect looks for its key in CONSILIENCE_API_KEY."""
KEY_VARIABLE = "CONSILIENCE_API_KEY"
NO_KEY = "none"
"""Given where an endpoint needs no key; Inspect asks for one."""
MODEL = re.compile(r"[A-Za-z0-9][\w.-]{0,59}/[\w./:@+-]{1,140}")
NOT_PASSED = (
    "seeds of single requests: Inspect takes one seed for all",
    "--split: a task says itself what it asks",
    "--max-response-bytes, --max-tokens-key, --retry-failed, --judge-concurrency: its providers decide these",
    "--slots, --context, --threads: they are of local weights",
)
"""Settings of `exercise run` that say nothing to Inspect."""


class InspectModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model as Inspect is told it."""

    name: str
    """In tables."""
    sent: str
    """PROVIDER/MODEL."""
    url: str | None = None


class Care(msgspec.Struct, frozen=True, kw_only=True):
    """How it is asked; nothing here changes what is measured."""

    concurrency: int = 16
    max_tries: int = 5
    timeout_s: float = 120.0


def parse_inspect_model(text: str, *, model_name: str | None = None) -> InspectModel:
    """Read what a person wrote after `--model`, for tasks.

    Args:
        text: PROVIDER/MODEL as Inspect names it, or NAME@URL or a URL of an OpenAI-compatible endpoint.
        model_name: The name in tables; of a URL, also that at the endpoint.

    Raises:
        InputError: It is none of these.
    """
    if "://" in text:
        spec = parse_model_spec(text, model_name=model_name)
        return InspectModel(name=spec.name, sent=f"openai-api/{SERVICE}/{spec.sent_name}", url=spec.url)
    if text.startswith(LOCAL) or not MODEL.fullmatch(text):
        raise InputError(
            "what was given names no model that Inspect can ask",
            next_step="Write PROVIDER/MODEL as Inspect does, such as openai/gpt-4o, or NAME@https://host/v1.",
        )
    return InspectModel(name=model_name or text, sent=text)


def grader_of(protocol: Protocol, judges: Mapping[str, str]) -> str | None:
    """Return the model that judges, for Inspect's role `grader`.

    Args:
        protocol: The plan.
        judges: Rater → PROVIDER/MODEL, as given on the command line.

    Raises:
        InputError: A rater is no judge of the protocol, there are several, or a name is none.
    """
    known = {rater.id for rater in protocol.raters if rater.kind is RaterKind.JUDGE}
    unknown = sorted(set(judges) - known)
    if unknown:
        raise InputError(
            f"the protocol has no judge {unknown[0]}",
            next_step=f"Its judges are: {', '.join(sorted(known)) or 'none'}.",
        )
    models = sorted(set(judges.values()))
    if len(models) > 1 or not all(map(MODEL.fullmatch, models)):
        raise InputError(
            "Inspect has one grader, written PROVIDER/MODEL",
            next_step="Give one --judge RATER=PROVIDER/MODEL.",
        )
    return models[0] if models else None


def generate_config(plan: RunPlan) -> dict[str, Any]:
    """Return the settings of the generation under Inspect's names; absent: the provider's default."""
    generation = plan.generation
    given = {
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "max_tokens": generation.max_tokens,
        "stop_seqs": list(generation.stop) or None,
        "seed": generation.seed,
        "system_message": generation.system_prompt,
    }
    return {key: value for key, value in given.items() if value is not None}


def eval_words(
    task: Task, plan: RunPlan, model: InspectModel, *, grader: str | None, care: Care, place: Path
) -> list[str]:
    """Return the words of `inspect eval`.

    Args:
        task: What is run.
        plan: Attempts and limit.
        model: Who is asked.
        grader: Who judges.
        care: How.
        place: The task's folder; it holds `generate.json` and `args.json`, and gets the log.
    """
    words = ["eval", task.task.removeprefix(PREFIX), "--model", model.sent, *_common(care, place)]
    words += ["--epochs", str(plan.attempts), "--generate-config", str(place / "generate.json")]
    words += ["--task-config", str(place / "args.json"), "--no-score-display", "--log-format", "eval"]
    if model.url is not None:
        words += ["--model-base-url", model.url]
    if grader is not None:
        words += ["--model-role", f"grader={grader}"]
    if plan.selection.limit is not None:
        words += ["--limit", str(plan.selection.limit)]
    return words


def retry_words(log: Path, *, care: Care, place: Path) -> list[str]:
    """Return the words of `inspect eval-retry`, which finds everything else in the log."""
    return ["eval-retry", str(log), *_common(care, place)]


def _common(care: Care, place: Path) -> list[str]:
    return [
        "--log-dir", str(place / "logs"), "--display", "plain", "--ctl-server", "false",
        "--max-connections", str(care.concurrency), "--max-retries", str(care.max_tries - 1),
        "--timeout", str(max(1, round(care.timeout_s))),
    ]  # fmt: skip
