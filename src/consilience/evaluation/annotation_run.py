"""Human ratings and the folders of runs: the drawn sample, the key, what was rated, and writing ratings down.

Files beside a run: `human_sample.json` (the sample as drawn, once for ever), `annotation.key` (random,
readable by the owner only; without it no sheet can be taken back). Invariants: a sample is drawn from a
finished run only, because an unfinished one would be sampled with unequal chances; ratings are appended,
never changed, and synced before they count.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from consilience.errors import IncompatibleError, InputError, NotFoundError, StoreError, Where
from consilience.evaluation.annotation import (
    KEY_BYTES,
    Sheet,
    SheetRow,
    export_problem,
    guideline_text,
    human_rater,
    in_random_order,
    make_row,
    rates,
)
from consilience.evaluation.annotation_file import FilledRow
from consilience.evaluation.annotation_import import Expected, Import, Judged, judge_rows
from consilience.evaluation.human_sample import Stratum, draw_strata, human_raters
from consilience.evaluation.journal import (
    only_one,
    open_journal,
    read_records,
    sync_folder,
    write_atomically,
)
from consilience.evaluation.protocol import Item, Protocol, Rater, RaterKind
from consilience.evaluation.run_folder import GENERATIONS, RATINGS, read_manifest, read_protocol_copy
from consilience.evaluation.run_record import Answer, Manifest, Rating
from consilience.evaluation.score_file import write_scores

SAMPLE = "human_sample.json"
KEY = "annotation.key"


class SampleFile(msgspec.Struct, frozen=True, kw_only=True):
    """The sample of one run as it was drawn."""

    protocol_digest: str
    laboratory: str
    model: str
    strata: tuple[Stratum, ...]


class RunSample(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its human sample, ready for export, import and status."""

    folder: Path
    manifest: Manifest
    protocol: Protocol
    sample: SampleFile
    key: bytes
    answers: dict[str, Answer]
    """Of the sample, by generation id."""
    items: dict[tuple[str, str], Item]

    @property
    def name(self) -> str:
        """The run's name."""
        return self.manifest.run


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one human rater is with one cell of a run's sample."""

    run: str
    rater: str
    language: str
    concept: str
    population: int
    sampled: int
    rated: int
    simulated: int
    """Of `rated`."""
    weight: float | None


def open_samples(folders: Sequence[Path], *, draw: bool) -> tuple[RunSample, ...]:
    """Open the runs of one protocol with their human samples.

    Args:
        folders: Of finished runs.
        draw: Draw the sample and make the key where a run has none; else it must have them.

    Raises:
        NotFoundError: A folder is no run, or nothing was exported for it yet.
        IncompatibleError: The runs are of different protocols, or one is named twice.
        InputError: A run is not finished, or its protocol plans no human sample.
    """
    runs = tuple(_open_sample(folder, draw=draw) for folder in folders)
    if len({run.manifest.protocol_digest for run in runs}) > 1:
        raise IncompatibleError(
            "these runs are of different protocols, so their answers cannot stand in one sheet",
            next_step="Export a sheet for the runs of each protocol.",
        )
    if len({run.name for run in runs}) < len(runs):
        raise IncompatibleError("a run is named twice", next_step="Name each folder once.")
    return runs


def _open_sample(folder: Path, *, draw: bool) -> RunSample:
    manifest = read_manifest(folder)
    protocol = read_protocol_copy(folder)
    sample = _sample_of(folder, manifest, protocol, draw=draw)
    wanted = {generation for stratum in sample.strata for generation in stratum.generations}
    return RunSample(
        folder=folder,
        manifest=manifest,
        protocol=protocol,
        sample=sample,
        key=_key_of(folder, make=draw),
        answers={answer.generation: answer for answer in _answers(folder) if answer.generation in wanted},
        items={(item.id, item.language): item for item in protocol.items},
    )


def _answers(folder: Path) -> Iterable[Answer]:
    return read_records(folder / GENERATIONS, msgspec.json.Decoder(Answer))


def _sample_of(folder: Path, manifest: Manifest, protocol: Protocol, *, draw: bool) -> SampleFile:
    path = folder / SAMPLE
    if path.exists():
        try:
            sample = msgspec.json.decode(path.read_bytes(), type=SampleFile)
        except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
            raise StoreError(f"{SAMPLE} is damaged: {error}", where=Where(file=str(path))) from error
        if sample.protocol_digest != manifest.protocol_digest:
            raise IncompatibleError(f"{SAMPLE} belongs to another protocol", where=Where(file=str(path)))
        return sample
    if not draw:
        raise _not_exported(folder)
    if manifest.finished_at is None:
        raise InputError(
            f"the run {manifest.run} is not finished; a sample of it would leave out what is still to come",
            where=Where(file=str(folder)),
            next_step="Finish it with the same `consilience exercise run` command, then export.",
        )
    strata = draw_strata(protocol, _answers(folder), laboratory=manifest.laboratory, model=manifest.model)
    sample = SampleFile(
        protocol_digest=manifest.protocol_digest,
        laboratory=manifest.laboratory,
        model=manifest.model,
        strata=strata,
    )
    write_atomically(path, msgspec.json.format(msgspec.json.encode(sample), indent=2) + b"\n")
    return sample


def _not_exported(folder: Path) -> NotFoundError:
    return NotFoundError(
        f"no sheet was exported for the run in {folder.name}",
        where=Where(file=str(folder)),
        next_step="Run `consilience exercise annotate export` first, where the sheets are taken back.",
    )


def _key_of(folder: Path, *, make: bool) -> bytes:
    path = folder / KEY
    if not path.exists():
        if not make:
            raise _not_exported(folder)
        _make_key(path)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (ValueError, OSError) as error:
        raise StoreError(f"{KEY} is damaged", where=Where(file=str(path))) from error
    if len(key) != KEY_BYTES:
        raise StoreError(f"{KEY} is damaged", where=Where(file=str(path)), next_step="Take it from a copy.")
    return key


def _make_key(path: Path) -> None:
    """Make the key of a run, whole or not at all; a key that another process made meanwhile stays."""
    new = path.with_name(f"{KEY}.{os.getpid()}")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(new, path)
        except FileExistsError:
            pass
        except OSError:  # a disk without hard links
            new.replace(path)
        new.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{KEY} cannot be written: {error.strerror}", where=Where(file=str(path))) from error


def make_sheet(runs: Sequence[RunSample], rater_name: str, *, languages: Sequence[str] = ()) -> Sheet:
    """Make the sheet of one human rater over the samples of several runs of one protocol.

    Args:
        runs: At least one.
        rater_name: A human rater of the protocol.
        languages: Only these; empty: all.

    Raises:
        InputError: There is no such rater, nothing to rate, or too much for one sheet.
    """
    protocol = runs[0].protocol
    rater = human_rater(protocol, rater_name)
    rows = [
        (run.name, row)
        for run in runs
        for _, row in _rows(run, rater)
        if not languages or row.language in languages
    ]
    problem = export_problem(len(rows))
    if problem is not None:
        raise problem
    return Sheet(
        title=protocol.title,
        guideline=guideline_text(protocol, rater),
        protocol_digest=runs[0].manifest.protocol_digest,
        rater=rater,
        rows=in_random_order({run.name: run.key for run in runs}, rows),
    )


def _rows(run: RunSample, rater: Rater) -> Iterable[tuple[str, SheetRow]]:
    for generation, answer in run.answers.items():
        item = run.items.get((answer.item, answer.language))
        if item is not None and rates(rater, answer.concept):
            yield generation, make_row(run.key, run.manifest.protocol_digest, rater, item, answer)


def take_in(runs: Sequence[RunSample], rows: Iterable[FilledRow], settings: Import) -> Judged:
    """Judge a sheet, append its good rows to the ratings of their runs, and renew the scores of these runs.

    The runs are held from before the earlier ratings are read until the new ones are written: of two sheets
    that are taken in at the same time, one would else lose its ratings and be told that they were taken.

    Raises:
        StoreError: A run is in use or cannot be written.
    """
    with contextlib.ExitStack() as held:
        for run in runs:
            held.enter_context(only_one(run.folder))
        return _take_in(runs, rows, settings)


def _take_in(runs: Sequence[RunSample], rows: Iterable[FilledRow], settings: Import) -> Judged:
    earlier = {run.name: _human_ratings(run.folder, settings.rater.id) for run in runs}
    expected = {
        row.code: Expected(
            run=run.name,
            generation=generation,
            row=row,
            protocol_digest=run.manifest.protocol_digest,
            earlier=tuple(earlier[run.name].get(generation, ())),
        )
        for run in runs
        for generation, row in _rows(run, settings.rater)
    }
    judged = judge_rows(rows, expected, settings)
    for run in runs:
        new = [rating for name, rating in judged.ratings if name == run.name]
        if new or earlier[run.name]:
            _append_ratings(run.folder, new)
    return judged


def append_ratings(folder: Path, ratings: Iterable[Rating]) -> int:
    """Append human or simulated ratings to a run that nobody else writes to, and renew its scores.

    Ratings whose id is there already are left out, so that doing it again changes nothing.

    Returns:
        How many were new.

    Raises:
        StoreError: The run is in use or cannot be written.
    """
    with only_one(folder):
        return _append_ratings(folder, ratings)


def _append_ratings(folder: Path, ratings: Iterable[Rating]) -> int:
    added = 0
    journal = open_journal(folder / RATINGS, Rating, "rating")
    try:
        for rating in ratings:
            if rating.rating not in journal:
                journal.append(rating)
                added += 1
    finally:
        journal.close()
    write_scores(folder)
    return added


def _human_ratings(folder: Path, rater: str) -> dict[str, list[Rating]]:
    """Return a human rater's ratings by generation, the newest last."""
    found: dict[str, list[Rating]] = {}
    if (folder / RATINGS).exists():
        for rating in read_records(folder / RATINGS, msgspec.json.Decoder(Rating)):
            if rating.rater == rater and rating.rater_kind is RaterKind.HUMAN:
                found.setdefault(rating.generation, []).append(rating)
    for ratings in found.values():
        ratings.sort(key=lambda rating: rating.rated_at)
    return found


def progress(runs: Sequence[RunSample]) -> tuple[Progress, ...]:
    """Return how many of the sampled generations each human rater has rated, cell by cell."""
    lines = []
    for run in runs:
        for rater in human_raters(run.protocol):
            rated = _human_ratings(run.folder, rater.id)
            for stratum in run.sample.strata:
                if rates(rater, stratum.concept):
                    last = [rated[name][-1] for name in stratum.generations if name in rated]
                    lines.append(
                        Progress(
                            run=run.name,
                            rater=rater.id,
                            language=stratum.language,
                            concept=stratum.concept,
                            population=stratum.population,
                            sampled=len(stratum.generations),
                            rated=len(last),
                            simulated=sum(rating.simulated for rating in last),
                            weight=stratum.weight,
                        )
                    )
    return tuple(lines)
