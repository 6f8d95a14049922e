"""The demonstration: three laboratories carry out one protocol on a real small model, and get one report.

Thin edge over the same functions that the commands use; nothing here is canned. Three things are arranged and
said aloud: the third laboratory departs from the protocol (the report must find it); a second judge is
simulated, with errors that the protocol plants (the report must correct them); and the human ratings are
simulated. Every simulated rating is labelled so.

Invariant: carried out again in the same folder, it goes on where it stopped and asks for no answer twice.
"""

from __future__ import annotations

import asyncio
import datetime
import importlib.resources
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from consilience.errors import IncompatibleError, Where
from consilience.evaluation.analysis import analyse
from consilience.evaluation.annotation_run import append_ratings
from consilience.evaluation.human_sample import draw_sample
from consilience.evaluation.joint_result import JointResult
from consilience.evaluation.journal import read_records, write_atomically
from consilience.evaluation.model import parse_model_spec
from consilience.evaluation.protocol import Protocol, RaterKind, protocol_digest
from consilience.evaluation.protocol_file import load_protocol
from consilience.evaluation.run_archive import keep_run
from consilience.evaluation.run_folder import GENERATIONS, RATINGS, read_manifest
from consilience.evaluation.run_order import RunOrder, run_order
from consilience.evaluation.run_plan import Overrides, RunPlan
from consilience.evaluation.run_record import Answer, Rating
from consilience.evaluation.runner import Progress, RunSettings
from consilience.evaluation.simulated_ratings import simulate_ratings
from consilience.node import Node
from consilience.reporting.joint_report import write_report
from consilience.reporting.messages import sentence

PROTOCOL = "protocol.toml"
ITEM_FILES = ("items/knowledge.jsonl", "items/requests.jsonl")
JUDGE = "judge"
SIMULATION_SEED = 1_847
CONCURRENCY = 8


class Laboratory(msgspec.Struct, frozen=True, kw_only=True):
    """One laboratory of the demonstration."""

    name: str
    folder: str
    overrides: Overrides = Overrides()


LABORATORIES = (
    Laboratory(name="North", folder="north"),
    Laboratory(name="South", folder="south"),
    Laboratory(name="East", folder="east", overrides=Overrides(temperature=1.0)),
)
"""East departs from the protocol: its temperature is 1.0 where 0.2 is planned."""


class Demonstrated(msgspec.Struct, frozen=True, kw_only=True):
    """What the demonstration did; the document of `consilience demo --json`."""

    laboratories: tuple[str, ...]
    model: str
    languages: tuple[str, ...]
    items: int
    """Item texts: items times languages."""
    generations: int
    report: str
    report_fr: str
    result: str
    data: str
    nodes: dict[str, str]
    claims: int
    """Records of kind claim that the three nodes keep."""
    seconds: float
    verdict: tuple[str, ...]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is told while it goes on."""

    say: Callable[[str], None]
    watch: Callable[[Progress], None]


def demonstrate(
    folder: Path, *, model: str, told: Told, now: Callable[[], datetime.datetime], limit: int | None = None
) -> tuple[Demonstrated, JointResult]:
    """Carry out the demonstration, or go on with it.

    Args:
        folder: Gets the protocol, three node folders and the report.
        model: Specification of the model, `local:` for the packaged one.
        told: Who hears of the progress.
        now: Tells the time, UTC.
        limit: Ask only so many items with their translations (a quick look; every laboratory then deviates).

    Raises:
        ConsilienceError: See `run_order`, `analyse` and `write_report`.
        IncompatibleError: The folder holds another protocol than this version's.
    """
    began = time.monotonic()
    protocol = load_protocol(_place_protocol(folder))
    told.say(f"Protocol {protocol.name}, {protocol_digest(protocol)[:19]}…: {len(protocol.items)} item texts")
    runs: dict[Laboratory, Path] = {}
    for laboratory in LABORATORIES:
        told.say(f"Laboratory {laboratory.name} asks the model …")
        runs[laboratory] = _carry_out(folder, protocol, laboratory, model, told, limit)
        add_simulated_ratings(protocol, runs[laboratory])
    told.say("Analysing what the three laboratories found …")
    result = analyse(list(runs.values()), protocol=protocol, now=now(), seed=None)
    write_atomically(folder / "joint-result.json", msgspec.json.format(msgspec.json.encode(result), indent=1))
    write_report(
        result, folder / "joint-report.html", language="en", data_folder=folder / "joint-report-data"
    )
    write_report(result, folder / "joint-report.fr.html", language="fr")
    claims = sum(_keep(folder, laboratory, run, result, protocol) for laboratory, run in runs.items())
    return _summary(folder, runs, result, protocol, claims, time.monotonic() - began), result


def _place_protocol(folder: Path) -> Path:
    """Copy the packaged protocol and its items into the folder; an equal copy stays as it is."""
    packaged = importlib.resources.files("consilience.demo")
    place = folder / "protocol"
    for name in (*ITEM_FILES, PROTOCOL):
        content = packaged.joinpath(name).read_bytes()
        target = place / name
        if target.is_file() and target.read_bytes() != content:
            raise IncompatibleError(
                "the folder holds another demonstration than this version's",
                where=Where(file=str(target)),
                next_step="Give another --folder, or remove this one.",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file():
            write_atomically(target, content)
    return place / PROTOCOL


def _carry_out(
    folder: Path, protocol: Protocol, laboratory: Laboratory, model: str, told: Told, limit: int | None
) -> Path:
    """Carry out one laboratory's run in its own node; return the run's folder."""
    spec = parse_model_spec(model)
    overrides = laboratory.overrides
    if limit is not None:
        selection = msgspec.structs.replace(overrides.selection, limit=limit)
        overrides = msgspec.structs.replace(overrides, selection=selection)
    order = RunOrder(
        protocol=protocol,
        protocol_digest=protocol_digest(protocol),
        laboratory=laboratory.name,
        model=spec,
        judges={JUDGE: spec},
        overrides=overrides,
        settings=RunSettings(concurrency=CONCURRENCY, judge_concurrency=CONCURRENCY),
    )
    folders: list[Path] = []

    def folder_of(plan: RunPlan) -> Path:
        with Node.open(folder / laboratory.folder, create=True, party=laboratory.name) as node:
            folders.append(node.runs_folder / plan.run)
        folders[-1].mkdir(exist_ok=True)
        return folders[-1]

    asyncio.run(run_order(order, folder_of, watch=told.watch))
    return folders[-1]


def add_simulated_ratings(protocol: Protocol, run: Path) -> None:
    """Add what the protocol's simulated raters say of a finished run: the programs' scores, seen through the
    errors that the protocol plants. Humans rate the drawn sample, judges every answer.
    """
    manifest = read_manifest(run)
    answers = sorted(
        read_records(run / GENERATIONS, msgspec.json.Decoder(Answer)), key=lambda answer: answer.generation
    )
    drawn = set(draw_sample(protocol, answers, laboratory=manifest.laboratory, model=manifest.model))
    reference = _reference_scores(protocol, run, answers)
    for rater in protocol.raters:
        if rater.simulated:
            of_humans = rater.kind is RaterKind.HUMAN
            name = f"{manifest.laboratory}/{rater.id}"
            ratings = simulate_ratings(
                protocol,
                [answer for answer in answers if answer.generation in drawn or not of_humans],
                reference,
                rater=rater.id,
                rng=np.random.default_rng([SIMULATION_SEED, len(name), *name.encode()]),
                rated_at=manifest.finished_at or "",
            )
            append_ratings(run, ratings)


def _reference_scores(protocol: Protocol, run: Path, answers: Sequence[Answer]) -> dict[str, float]:
    """Return what the rater that carries the verdict said of each answer, by generation."""
    primary = {concept.id: concept.rater for concept in protocol.concepts}
    concepts = {answer.generation: answer.concept for answer in answers}
    return {
        rating.generation: rating.score
        for rating in read_records(run / RATINGS, msgspec.json.Decoder(Rating))
        if rating.score is not None and rating.rater == primary[concepts[rating.generation]]
    }


def _keep(folder: Path, laboratory: Laboratory, run: Path, result: JointResult, protocol: Protocol) -> int:
    """Put a run into its laboratory's node; return how many claims it made."""
    with Node.open(folder / laboratory.folder) as node:
        return len(keep_run(node, run, result=result, protocol=protocol).claims)


def _summary(
    folder: Path,
    runs: dict[Laboratory, Path],
    result: JointResult,
    protocol: Protocol,
    claims: int,
    seconds: float,
) -> Demonstrated:
    titles = {concept.id: concept.title for concept in protocol.concepts}
    return Demonstrated(
        laboratories=tuple(laboratory.name for laboratory in runs),
        model=", ".join(result.models),
        languages=tuple(language.tag for language in protocol.languages),
        items=len(protocol.items),
        generations=result.counts.generations,
        report=str(folder / "joint-report.html"),
        report_fr=str(folder / "joint-report.fr.html"),
        result=str(folder / "joint-result.json"),
        data=str(folder / "joint-report-data"),
        nodes={laboratory.name: str(folder / laboratory.folder) for laboratory in runs},
        claims=claims,
        seconds=round(seconds, 1),
        verdict=tuple(
            sentence(message, "en", titles=titles) for message in (*result.verdict, *result.verdict_limits)
        ),
    )


def remove(folder: Path) -> None:
    """Remove an earlier demonstration.

    Raises:
        IncompatibleError: The folder is not one.
    """
    if folder.exists() and not (folder / "protocol" / PROTOCOL).is_file():
        raise IncompatibleError(
            "this folder holds no demonstration, so nothing in it is removed",
            where=Where(file=str(folder)),
            next_step="Give another --folder.",
        )
    shutil.rmtree(folder, ignore_errors=True)
