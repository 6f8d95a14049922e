"""`consilience exercise run`: ask a model the items of a protocol, rate its answers, write the scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consilience.cli.output import json_option, say, show_json, with_options

if TYPE_CHECKING:
    from consilience.evaluation.model import ModelSpec
    from consilience.evaluation.protocol import Protocol
    from consilience.evaluation.run_order import Keys, RunOrder
    from consilience.evaluation.run_plan import Overrides, RunPlan
    from consilience.evaluation.run_record import Manifest

KEY_VARIABLE = "CONSILIENCE_API_KEY"
JUDGE_KEY_VARIABLE = "CONSILIENCE_JUDGE_API_KEY"
LARGEST_PROMPT_BYTES = 1024 * 1024

MODEL_OPTIONS = (
    click.option("--model", "model", required=True, metavar="SPEC",
                 help="URL of an OpenAI-compatible endpoint, NAME@URL, local: or local:FILE.gguf."),
    click.option("--laboratory", required=True, metavar="NAME", help="Who runs this."),
    click.option("--model-name", metavar="NAME", help="The model's name at the endpoint and in tables."),
    click.option("--key-env", default=KEY_VARIABLE, show_default=True, metavar="VARIABLE",
                 help="Environment variable with the endpoint's key."),
    click.option("--judge", "judges", multiple=True, metavar="RATER=SPEC",
                 help="Which model serves a judge of the protocol; may be repeated."),
    click.option("--judge-key-env", default=JUDGE_KEY_VARIABLE, show_default=True, metavar="VARIABLE",
                 help="Environment variable with the key of the judges' endpoints."),
)  # fmt: skip
PLACE_OPTIONS = (
    click.option("--node", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
                 help="The node whose folder runs/ gets the run."),
    click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
                 help="Folder of this run, instead of one in the node."),
)  # fmt: skip
DEVIATION_OPTIONS = (
    click.option("--temperature", type=float, help="Otherwise than planned; recorded as a deviation."),
    click.option("--top-p", type=float, help="Otherwise than planned; recorded as a deviation."),
    click.option("--max-tokens", type=int, help="Otherwise than planned; recorded as a deviation."),
    click.option("--system-prompt-file", type=click.Path(path_type=Path, dir_okay=False),
                 help="Another system prompt (an empty file: none); recorded as a deviation."),
    click.option("--attempts", type=int, help="Otherwise than planned; recorded as a deviation."),
    click.option("--limit", type=int, metavar="N",
                 help="Only N items with their translations, for a pilot; recorded as a deviation."),
    click.option("--language", "languages", multiple=True, metavar="TAG",
                 help="Only this language; may be repeated."),
    click.option("--split", "splits", multiple=True,
                 type=click.Choice(["exploratory", "tuning", "evaluation"]),
                 help="Only items of this split; may be repeated."),
)  # fmt: skip
CARE_OPTIONS = (
    click.option("--concurrency", type=click.IntRange(1, 1024), default=16, show_default=True,
                 help="Most requests at the same time; adapts below it."),
    click.option("--judge-concurrency", type=click.IntRange(1, 1024), default=8, show_default=True,
                 help="Most requests to a judge at the same time."),
    click.option("--timeout", type=click.FloatRange(0.1, 86_400), default=120.0, show_default=True,
                 metavar="SECONDS", help="Longest wait for one answer."),
    click.option("--max-tries", type=click.IntRange(1, 100), default=5, show_default=True,
                 help="Tries of one request when the endpoint is overloaded or fails."),
    click.option("--max-response-bytes", type=click.IntRange(1024, 8 * 1024 * 1024), default=1024 * 1024,
                 show_default=True, help="A larger response is not kept."),
    click.option("--max-tokens-key", default="max_tokens", show_default=True,
                 type=click.Choice(["max_tokens", "max_completion_tokens"]),
                 help="How the endpoint wants the token limit to be called."),
    click.option("--retry-failed/--no-retry-failed", default=True, show_default=True,
                 help="Ask again what failed by the fault of endpoint or network."),
    click.option("--slots", type=click.IntRange(1, 256), default=8, show_default=True,
                 help="Of local: answers at the same time."),
    click.option("--context", type=click.IntRange(64, 1_048_576), default=1024, show_default=True,
                 help="Of local: tokens of question and answer together."),
    click.option("--threads", type=click.IntRange(1, 1024), help="Of local: CPU threads; default all."),
    click.option("--dry-run", is_flag=True, help="Say what would be asked, and ask nothing."),
)  # fmt: skip


@click.command("run")
@click.argument("protocol", type=click.Path(path_type=Path))
@with_options(MODEL_OPTIONS, PLACE_OPTIONS, DEVIATION_OPTIONS, CARE_OPTIONS)
@json_option
def command(protocol: Path, as_json: bool, **options: Any) -> None:
    """Ask a model the items of a protocol and rate its answers.

    The same command goes on where it stopped: nothing that was answered is asked again. A protocol of tasks
    is run by Inspect (`pip install 'consilience[inspect]'`); --model is then PROVIDER/MODEL or NAME@URL.
    """
    from consilience.evaluation.protocol_file import load_protocol

    plan = load_protocol(protocol)
    if plan.tasks:
        _run_tasks(plan, protocol.parent, options, as_json=as_json)
        return
    order, keys = _order(plan, options)
    if options["dry_run"]:
        _dry_run(order, as_json=as_json)
        return
    from consilience.cli.exercise.run_progress import shown_progress
    from consilience.evaluation.run_folder import SCORES

    folders: list[Path] = []

    def folder_of(plan: RunPlan) -> Path:
        folders.append(_folder(plan, options["node"], options["out"]))
        say(f"Run {plan.run}: {plan.total} generations, in {folders[-1]}")
        return folders[-1]

    with shown_progress() as watch:
        manifest = _carried_out(order, keys, folder_of, watch)
    claims = None if options["out"] else _kept_claims(plan, order.overrides, folders[-1], options["node"])
    _tell(plan, manifest, folders[-1], folders[-1] / SCORES, claims, as_json=as_json)


def _run_tasks(protocol: Protocol, home: Path, options: dict[str, Any], *, as_json: bool) -> None:
    from consilience.cli.exercise.run_tasks import carry_out, dry_run, task_order
    from consilience.evaluation.run_folder import SCORES

    overrides = _overrides(options)
    order = task_order(protocol, home, overrides, options)
    if options["dry_run"]:
        dry_run(order, as_json=as_json)
        return
    folder = _folder(order.plan, options["node"], options["out"])
    say(f"Run {order.plan.run}, in {folder}")
    manifest = carry_out(order, folder, _key(options["key_env"]))
    claims = None if options["out"] else _kept_claims(protocol, overrides, folder, options["node"])
    _tell(protocol, manifest, folder, folder / SCORES, claims, as_json=as_json)


def _order(protocol: Protocol, options: dict[str, Any]) -> tuple[RunOrder, Keys]:
    from consilience.evaluation.endpoint import EndpointSettings
    from consilience.evaluation.local_model import LocalSettings
    from consilience.evaluation.model import parse_model_spec
    from consilience.evaluation.protocol import protocol_digest
    from consilience.evaluation.run_order import Keys, RunOrder
    from consilience.evaluation.runner import RunSettings

    model = parse_model_spec(options["model"], model_name=options["model_name"])
    order = RunOrder(
        protocol=protocol,
        protocol_digest=protocol_digest(protocol),
        laboratory=options["laboratory"],
        model=model,
        judges=_judges(options["judges"]),
        overrides=_overrides(options),
        settings=RunSettings(
            concurrency=options["concurrency"],
            judge_concurrency=options["judge_concurrency"],
            retry_failed=options["retry_failed"],
        ),
        endpoint=EndpointSettings(
            timeout_s=options["timeout"],
            max_tries=options["max_tries"],
            max_response_bytes=options["max_response_bytes"],
            max_tokens_key=options["max_tokens_key"],
        ),
        local=LocalSettings(
            slots=options["slots"], context_per_slot=options["context"], threads=options["threads"]
        ),
    )
    return order, Keys(model=_key(options["key_env"]), judges=_key(options["judge_key_env"]))


def _judges(words: tuple[str, ...]) -> dict[str, ModelSpec]:
    from consilience.errors import InputError
    from consilience.evaluation.model import parse_model_spec

    judges = {}
    for word in words:
        rater, equals, spec = word.partition("=")
        if not equals or not rater or rater in judges:
            raise InputError(
                "a judge is not given as RATER=SPEC, or given twice",
                next_step="Write --judge RATER=NAME@https://host/v1, once for each judge of the protocol.",
            )
        judges[rater] = parse_model_spec(spec)
    return judges


def _overrides(options: dict[str, Any]) -> Overrides:
    from consilience.evaluation.protocol import Split
    from consilience.evaluation.run_plan import Overrides
    from consilience.evaluation.run_record import Selection

    return Overrides(
        temperature=options["temperature"],
        top_p=options["top_p"],
        max_tokens=options["max_tokens"],
        system_prompt=_system_prompt(options["system_prompt_file"]),
        attempts=options["attempts"],
        selection=Selection(
            languages=options["languages"],
            splits=tuple(Split(split) for split in options["splits"]),
            limit=options["limit"],
        ),
    )


def _system_prompt(path: Path | None) -> str | None:
    from consilience.errors import InputError, LimitError, NotFoundError, Where

    if path is None:
        return None
    where = Where(file=str(path))
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_PROMPT_BYTES + 1)
    except OSError as error:
        raise NotFoundError(
            f"the system prompt cannot be read: {error.strerror}", where=where, next_step="Check the path."
        ) from error
    if len(content) > LARGEST_PROMPT_BYTES:
        raise LimitError(
            f"a system prompt has at most {LARGEST_PROMPT_BYTES:,} bytes",
            where=where,
            next_step="Shorten it.",
        )
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise InputError(
            "the system prompt is not UTF-8", where=Where(file=str(path), offset=error.start + 1),
            next_step="Save it as UTF-8.",
        ) from error  # fmt: skip


def _key(variable: str) -> str | None:
    import os

    from consilience.evaluation.endpoint import checked_key

    return checked_key(os.environ.get(variable), variable)


def _folder(plan: RunPlan, node: Path | None, out: Path | None) -> Path:
    from consilience.errors import StoreError, Where
    from consilience.node import Node, node_folder

    if out is None:
        place = node_folder(node)
        party = None if (place / "node.toml").is_file() else plan.laboratory
        with Node.open(place, create=True, party=party) as opened:
            out = opened.runs_folder / plan.run
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"this folder cannot be made: {error.strerror}",
            where=Where(file=str(out)),
            next_step="Choose another place with --out or --node.",
        ) from error
    return out


def _carried_out(order: RunOrder, keys: Keys, folder_of: Any, watch: Any) -> Manifest:
    """Run the order in an event loop; SIGTERM stops it as Ctrl-C does."""
    import asyncio
    import signal

    from consilience.evaluation.run_order import run_order

    async def work() -> Manifest:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await run_order(order, folder_of, keys=keys, watch=watch)

    try:
        return asyncio.run(work())
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error


def _dry_run(order: RunOrder, *, as_json: bool) -> None:
    from consilience.evaluation.raters.rating import judges_to_ask
    from consilience.evaluation.run_order import plan_of

    plan = plan_of(order)
    document = {
        "run": plan.run,
        "protocol_digest": plan.protocol_digest,
        "laboratory": plan.laboratory,
        "model": plan.model,
        "endpoint": order.model.shown_endpoint,
        "items": len(plan.items),
        "languages": list(plan.languages()),
        "attempts": plan.attempts,
        "generations": plan.total,
        "sampling": plan.sampling(),
        "system_prompt_digest": plan.system_prompt_digest(),
        "prompt_characters": plan.attempts * sum(len(item.prompt) for item in plan.items),
        "prompt_tokens": None,
        "prompt_tokens_reason": "only the endpoint knows how it counts tokens",
        "raters": [rater.id for rater in plan.protocol.raters],
        "judges_without_model": [
            rater.id for rater in judges_to_ask(plan.protocol) if rater.id not in order.judges
        ],
    }
    if as_json:
        show_json(document)
        return
    shown = document | {"system_prompt_digest": document["system_prompt_digest"] or "none: no system prompt"}
    for name, value in shown.items():
        click.echo(f"{name.replace('_', ' '):24}{_word(value)}")
    say("Nothing was asked. Leave --dry-run away to ask.")


def _word(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items()) or "none sent"
    return str(value)


def _kept_claims(protocol: Protocol, overrides: Overrides, folder: Path, node: Path | None) -> int | None:
    """Put a complete run into the node's store: its files as evidence, what it found as claims.

    Returns:
        How many claims; None where there are none to make (a pilot) or the store could not take them.
    """
    import datetime

    from consilience.errors import ConsilienceError
    from consilience.evaluation.analysis import analyse
    from consilience.evaluation.run_archive import keep_run
    from consilience.evaluation.run_record import Selection
    from consilience.node import Node, node_folder

    if overrides.selection != Selection():
        say("A run of some of the items is a pilot: it makes no claims.")
        return None
    try:
        now = datetime.datetime.now(datetime.UTC)
        result = analyse([folder], protocol=protocol, now=now, seed=None)
        with Node.open(node_folder(node)) as opened:
            return len(keep_run(opened, folder, result=result, protocol=protocol).claims)
    except ConsilienceError as error:
        say(f"The run is complete, but its claims could not be kept: {error}")
        return None


def _tell(
    protocol: Protocol,
    manifest: Manifest,
    folder: Path,
    scores: Path,
    claims: int | None,
    *,
    as_json: bool,
) -> None:
    from consilience.cli.exercise.run_progress import show_summary
    from consilience.evaluation.deviations import deviations

    found = deviations(protocol, manifest)
    if as_json:
        show_json(
            {
                "folder": str(folder),
                "scores": str(scores),
                "claims": claims,
                "manifest": manifest,
                "deviations": found,
            }
        )
    else:
        show_summary(manifest, found, folder, scores)
        if claims is not None:
            say(f"{claims} claims and the run's files are kept in the node: `consilience record list`.")
