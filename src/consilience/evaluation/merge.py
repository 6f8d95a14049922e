"""Merge the score files of several laboratories into small tables, or say what does not belong together.

Responsible for the way from files to `Merged`: find, digest, read, check, group. Everything after it works
on arrays.
Invariants: the rows are scanned once for the census and once for the tables, within the engine's memory
limit; a row that is there twice is counted once; a file that cannot be used stops the merge with its name
and line.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from consilience.errors import IncompatibleError, InputError, Where
from consilience.evaluation import merge_belonging as belonging
from consilience.evaluation.merge_attempts import attempts_fit, build_item_tables, group_items
from consilience.evaluation.merge_census import Group, row_rule, take_census
from consilience.evaluation.merge_engine import (
    MEMORY_LIMIT,
    THREADS,
    Engine,
    EngineInputError,
    open_engine,
    quoted,
)
from consilience.evaluation.merge_inputs import Found, FoundFile, digest_file, find_inputs
from consilience.evaluation.merge_manifests import check_manifests
from consilience.evaluation.merge_reading import Source, read_rows
from consilience.evaluation.merge_tables import (
    MAX_PAIRS,
    Aggregate,
    ScoreTables,
    build_tables,
    group_generations,
)
from consilience.evaluation.protocol import Protocol, RaterKind, protocol_digest
from consilience.evaluation.run_record import Manifest

Progress = Callable[[str], None]


@dataclass(frozen=True)
class EnteredFile:
    """A file that entered, with what it holds."""

    name: str
    sha256: str
    bytes: int
    rows: int
    laboratories: tuple[str, ...]
    kind: Literal["scores", "manifest", "protocol"]
    named_protocol: bool
    """Whether its rows name a protocol."""


@dataclass(frozen=True, eq=False)
class Merged:
    """What several laboratories measured, as tables, with where it came from."""

    exercise: str
    tables: ScoreTables
    groups: tuple[Group, ...]
    """The census of the rows that carry the results, doubled rows counted once."""
    files: tuple[EnteredFile, ...]
    manifests: tuple[Manifest, ...]
    protocol: Protocol | None
    protocol_digest: str | None
    doubled: int
    other_rows: int
    """Rows of exploratory and tuning items, which are left out."""
    stand_in_splits: tuple[str, ...]
    """Splits that were used because there are no evaluation items."""
    splits_overlap: int
    """Items that stand in more than one split."""


def merge(
    paths: Sequence[Path],
    *,
    protocol: Protocol | None = None,
    progress: Progress | None = None,
    memory_limit: str = MEMORY_LIMIT,
    threads: int = THREADS,
) -> Merged:
    """Merge score files.

    Args:
        paths: Score files and folders.
        protocol: The protocol; None: that of the run folders, if they hold one.
        progress: Told what is being done.
        memory_limit: Of the engine.
        threads: Of the engine.

    Raises:
        InputError: A file cannot be used; the error names file and line.
        IncompatibleError: Files do not belong together; the error says which and why.
        LimitError: A documented limit is passed.
    """
    tell = progress or (lambda _: None)
    found = find_inputs(paths)
    tell(f"{len(found.scores)} score file{'' if len(found.scores) == 1 else 's'}")
    digests = {file.path: digest_file(file) for file in (*found.scores, *found.manifests, *found.protocols)}
    manifests = tuple(read_manifest(file) for file in found.manifests)
    protocol, digest = _the_protocol(protocol, found.protocols)
    with tempfile.TemporaryDirectory(prefix="consilience-analysis-") as folder:
        files = [file.path for file in found.scores]
        with open_engine(Path(folder), files, memory_limit=memory_limit, threads=threads) as engine:
            return _merge_rows(engine, found, digests, manifests, protocol, digest, tell)


def _merge_rows(
    engine: Engine, found: Found, digests: dict[Path, str], manifests: tuple[Manifest, ...],
    protocol: Protocol | None, digest: str | None, tell: Progress,
) -> Merged:  # fmt: skip
    sources = read_rows(engine, found.scores, row_rule)
    try:
        everything = take_census(engine, sources)
    except EngineInputError as error:
        raise _unreadable(engine, sources) from error
    tell(f"{sum(group.rows for group in everything):,} rows")
    check_manifests(found, manifests, digests, everything)
    belonging.check_exercise(everything, sources, protocol)
    digest = belonging.check_protocol(everything, sources, manifests, digest)
    belonging.check_raters(everything, sources)
    if protocol is not None:
        belonging.register_plan(engine, protocol)
    with_digests = any('NULL::VARCHAR AS "item_digest"' not in source.expressions for source in sources)
    belonging.check_items(engine, sources, with_plan=protocol is not None, with_digests=with_digests)
    condition, stand_in = belonging.chosen_condition(everything, protocol)
    engine.run(f"CREATE OR REPLACE TEMP VIEW chosen AS SELECT * FROM rows WHERE {condition}")
    groups = everything if condition == "TRUE" else _census_of_chosen(engine, sources)
    other_rows = sum(g.rows for g in everything) - sum(g.rows for g in groups)
    raters = tuple(sorted({group.rater for group in groups}))
    binary = [_is_binary(groups, rater) for rater in raters]
    attempts = attempts_fit(groups, raters, binary)
    doubled = _group(engine, raters, binary, attempts)
    if doubled:
        belonging.settle_doubled(engine, sources)
        groups = _census_of_chosen(engine, sources)
        _group(engine, raters, binary, attempts)
    tell("tables")
    tables = _tables(engine, groups, raters, binary, attempts, _aggregate(protocol))
    return Merged(
        exercise=everything[0].exercise,
        tables=tables,
        groups=tuple(groups),
        files=_entered(found, sources, digests, everything, manifests),
        manifests=manifests,
        protocol=protocol,
        protocol_digest=digest,
        doubled=doubled,
        other_rows=other_rows,
        stand_in_splits=stand_in,
        splits_overlap=_splits_overlap(engine, everything, protocol),
    )


def _group(engine: Engine, raters: Sequence[str], binary: Sequence[bool], attempts: int) -> int:
    """Group the chosen rows by item where their attempts fit side by side, else by generation."""
    return group_items(engine, raters, binary, attempts) if attempts else group_generations(engine, raters)


def _tables(
    engine: Engine, groups: Sequence[Group], raters: Sequence[str], binary: Sequence[bool], attempts: int,
    aggregate: Aggregate,
) -> ScoreTables:  # fmt: skip
    pairs, humans = rater_pairs(groups, raters), _humans(groups, raters)
    if attempts:
        return build_item_tables(
            engine, raters, pairs, attempts=attempts, aggregate=aggregate, binary=binary, humans=humans
        )
    return build_tables(engine, raters, pairs, aggregate=aggregate, binary=binary, humans=humans)


def _aggregate(protocol: Protocol | None) -> Aggregate:
    return protocol.aggregation.per_item if protocol is not None else "mean"


def _is_binary(groups: Iterable[Group], rater: str) -> bool:
    """Say whether all scores of a rater are 0 or 1."""
    return all(
        group.fractions == 0.0 and group.lowest >= 0.0 and group.highest <= 1.0
        for group in groups
        if group.rater == rater and group.lowest is not None and group.highest is not None
    )


def _humans(groups: Iterable[Group], raters: Sequence[str]) -> list[int]:
    return sorted({raters.index(group.rater) for group in groups if group.rater_kind == RaterKind.HUMAN})


def rater_pairs(groups: Iterable[Group], raters: Sequence[str]) -> list[tuple[int, int]]:
    """Return the pairs of raters that share a concept, those with a human first, at most MAX_PAIRS."""
    concepts: dict[str, set[str]] = {rater: set() for rater in raters}
    kinds: dict[str, str] = {}
    for group in groups:
        kinds[group.rater] = group.rater_kind
        if group.scores:
            concepts[group.rater].add(group.concept)
    pairs = [
        (a, b)
        for a in range(len(raters))
        for b in range(a + 1, len(raters))
        if concepts[raters[a]] & concepts[raters[b]]
    ]
    human = RaterKind.HUMAN
    pairs.sort(key=lambda pair: not any(kinds[raters[number]] == human for number in pair))
    return pairs[:MAX_PAIRS]


def _census_of_chosen(engine: Engine, sources: Sequence[Source]) -> list[Group]:
    return take_census(engine, sources, view="chosen")


def _splits_overlap(engine: Engine, groups: Sequence[Group], protocol: Protocol | None) -> int:
    """Count item ids that stand in more than one split."""
    if protocol is not None:
        splits: dict[str, set[str]] = {}
        for item in protocol.items:
            splits.setdefault(item.id, set()).add(item.split.value)
        return sum(len(found) > 1 for found in splits.values())
    if len({group.split for group in groups if group.split}) < 2:
        return 0
    doubled = "SELECT item FROM rows WHERE split <> '' GROUP BY item HAVING count(DISTINCT split) > 1"
    return int(engine.one(f"SELECT count(*) FROM ({doubled})"))


def _unreadable(engine: Engine, sources: Sequence[Source]) -> InputError:
    """Find the file that the engine cannot read."""
    for source in sources:
        columns = ", ".join(source.expressions)
        scan = f"read_parquet({quoted(str(source.parquet))}, hive_partitioning = false)"
        try:
            engine.one(f"SELECT bit_xor(hash(whole)) FROM (SELECT {columns} FROM {scan}) AS whole")
        except EngineInputError:
            return InputError(
                "this file cannot be read to its end",
                where=Where(file=source.file.name),
                next_step="Write it again.",
            )
    return InputError("the score files cannot be read", next_step="Write them again.")


def read_manifest(file: FoundFile) -> Manifest:
    """Read the manifest of a run.

    Raises:
        InputError: It is not one.
    """
    try:
        return msgspec.json.decode(file.path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"this is not a manifest: {error}",
            where=Where(file=file.name),
            next_step="Give the command `consilience exercise run` again; it writes the manifest.",
        ) from None


def _the_protocol(given: Protocol | None, files: Sequence[FoundFile]) -> tuple[Protocol | None, str | None]:
    """Return the given protocol, or the one that the run folders agree on, with its digest."""
    if given is not None or not files:
        return given, protocol_digest(given) if given is not None else None
    by_digest: dict[str, tuple[Protocol, FoundFile]] = {}
    for file in files:
        try:
            protocol = msgspec.json.decode(file.path.read_bytes(), type=Protocol)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(
                f"this is not the protocol of a run: {error}",
                where=Where(file=file.name),
                next_step="Give the protocol with --protocol, or write this file again.",
            ) from None
        by_digest.setdefault(protocol_digest(protocol), (protocol, file))
    if len(by_digest) > 1:
        told = "; ".join(
            f"{digest[: belonging.SHORT]}… in {f.name}" for digest, (_, f) in sorted(by_digest.items())
        )
        raise IncompatibleError(
            f"the runs were made under different protocols: {told}", next_step="Analyse each by itself."
        )
    digest, (protocol, _) = next(iter(by_digest.items()))
    return protocol, digest


def _entered(
    found: Found, sources: Sequence[Source], digests: dict[Path, str], groups: Sequence[Group],
    manifests: Sequence[Manifest],
) -> tuple[EnteredFile, ...]:  # fmt: skip
    rows: Counter[int] = Counter()
    laboratories: dict[int, set[str]] = {}
    named: set[int] = set()
    for group in groups:
        rows[group.source] += group.rows
        laboratories.setdefault(group.source, set()).add(group.laboratory)
        if group.protocol_digest:
            named.add(group.source)
    files = [
        EnteredFile(
            source.file.name, digests[source.file.path], source.file.bytes, rows[source.number],
            tuple(sorted(laboratories.get(source.number, ()))), "scores", source.number in named,
        )
        for source in sources
    ]  # fmt: skip
    for file, manifest in zip(found.manifests, manifests, strict=True):
        name = (manifest.laboratory,)
        files.append(EnteredFile(file.name, digests[file.path], file.bytes, 0, name, "manifest", True))
    protocols = [
        EnteredFile(file.name, digests[file.path], file.bytes, 0, (), "protocol", True)
        for file in found.protocols
    ]
    return (*files, *protocols)
