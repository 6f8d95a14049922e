"""Merge the score files of several laboratories into small tables, or say what does not belong together.

Responsible for the way from files to `Merged`: find, digest, read, check, group. Everything after it works
on arrays.
Invariants: the rows are scanned once for the census and once for the tables, partition by partition, within
the engine's memory limit; a row that is there twice is counted once; a file that cannot be used stops the
merge with its name and line.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from consilience.errors import IncompatibleError, InputError, Where
from consilience.evaluation import merge_belonging as belonging
from consilience.evaluation.importers.imported import Imported
from consilience.evaluation.merge_belonging import Choice
from consilience.evaluation.merge_census import CELL, Group, in_order
from consilience.evaluation.merge_choice import LOCAL_ENGINE, PassSettings, open_pass
from consilience.evaluation.merge_engine import MEMORY_LIMIT, THREADS, Engine, open_engine
from consilience.evaluation.merge_imports import read_imports
from consilience.evaluation.merge_inputs import Found, FoundFile, digest_file, find_inputs
from consilience.evaluation.merge_layout import Aggregate, make_layout
from consilience.evaluation.merge_manifests import check_manifests
from consilience.evaluation.merge_partitions import PARTITION_ROWS, Partition, make_partitions
from consilience.evaluation.merge_passes import RowPass
from consilience.evaluation.merge_reading import Sources
from consilience.evaluation.merge_tables import ScoreTables, TableBuilder
from consilience.evaluation.protocol import Protocol, protocol_digest
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
    imports: tuple[Imported, ...] = ()
    """The accounts beside imported scores."""


def merge(
    paths: Sequence[Path],
    *,
    protocol: Protocol | None = None,
    progress: Progress | None = None,
    memory_limit: str = MEMORY_LIMIT,
    threads: int = THREADS,
    engine: str = LOCAL_ENGINE,
    partition_rows: int = PARTITION_ROWS,
) -> Merged:
    """Merge score files.

    Args:
        paths: Score files and folders.
        protocol: The protocol; None: that of the run folders, if they hold one.
        progress: Told what is being done.
        memory_limit: Of the columnar engine, in each process.
        threads: Of the columnar engine; of a local Ray: its workers.
        engine: Who reads the rows: `duckdb`, `ray` or `ray://HOST:PORT`; the tables are the same.
        partition_rows: Rows that are grouped at once, at most, where a cell does not have more.

    Raises:
        InputError: A file cannot be used; the error names file and line. Or there is no such engine.
        IncompatibleError: Files do not belong together; the error says which and why.
        LimitError: A documented limit is passed.
        PartnerError: The Ray cluster, or a worker of it, fails.
    """
    tell = progress or (lambda _: None)
    found = find_inputs(paths)
    tell(f"{len(found.scores)} score file{'' if len(found.scores) == 1 else 's'}")
    manifests = tuple(read_manifest(file) for file in found.manifests)
    protocol, digest = _the_protocol(protocol, found.protocols)
    settings = PassSettings(memory_limit, threads, with_plan=_has_items(protocol))
    with tempfile.TemporaryDirectory(prefix="consilience-analysis-") as folder:
        files = [file.path for file in found.scores]
        with (
            open_engine(Path(folder), files, memory_limit=memory_limit, threads=threads) as columnar,
            open_pass(engine, columnar, found.scores, settings) as rows,
        ):
            return _merge_rows(columnar, rows, found, manifests, protocol, digest, partition_rows, tell)


def _merge_rows(
    engine: Engine, rows: RowPass, found: Found, manifests: tuple[Manifest, ...], protocol: Protocol | None,
    digest: str | None, partition_rows: int, tell: Progress,
) -> Merged:  # fmt: skip
    sources, everything = rows.sources, rows.census()
    n_rows = sum(group.rows for group in everything)
    tell(f"{n_rows:,} rows")
    digests = rows.digests() | {
        f.path: digest_file(f) for f in (*found.manifests, *found.protocols, *found.imports)
    }
    imports = read_imports(found, digests)
    check_manifests(found, manifests, digests, everything)
    belonging.check_exercise(everything, sources, protocol)
    digest = belonging.check_protocol(everything, sources, manifests, digest)
    belonging.check_raters(everything, sources)
    if protocol is not None and protocol.items:
        belonging.register_plan(engine, protocol)
    rows.items(with_plan=_has_items(protocol), with_splits=len({g.split for g in everything if g.split}) > 1)
    belonging.check_items(engine, sources, with_plan=_has_items(protocol))
    choice = belonging.choose(everything, protocol)
    groups = everything if choice.rows == "TRUE" else rows.census(choice)
    partitions = make_partitions(groups, rows.partition_rows(partition_rows, n_rows))
    tables, settled, doubled = _tally(engine, rows, groups, partitions, choice, _aggregate(protocol), tell)
    return Merged(
        exercise=everything[0].exercise,
        tables=tables,
        groups=tuple(settled),
        files=_entered(found, sources, digests, everything, manifests, imports),
        manifests=manifests,
        protocol=protocol,
        protocol_digest=digest,
        doubled=doubled,
        other_rows=n_rows - sum(g.rows for g in groups),
        stand_in_splits=choice.stand_in,
        splits_overlap=_splits_overlap(engine, protocol),
        imports=imports,
    )


def _tally(
    engine: Engine, rows: RowPass, groups: list[Group], partitions: Sequence[Partition], choice: Choice,
    aggregate: Aggregate, tell: Progress,
) -> tuple[ScoreTables, list[Group], int]:  # fmt: skip
    """Return the tables, the census with doubled rows counted once, and how many rows were doubled."""
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE item_names AS SELECT DISTINCT item FROM seen WHERE {choice.items}"
    )
    names = [str(row[0]) for row in engine.rows("SELECT item FROM item_names ORDER BY item")]
    layout = make_layout(groups, n_items=len(names), aggregate=aggregate)
    builder, doubled = TableBuilder(layout), 0
    for number, tally in enumerate(rows.tallies(layout, partitions, choice), start=1):
        builder.add(tally.part)
        if tally.groups is not None:
            doubled += tally.doubled
            cells = {group[CELL] for group in tally.groups}
            groups = in_order([*(group for group in groups if group[CELL] not in cells), *tally.groups])
        tell("tables" if len(partitions) == 1 else f"tables: part {number} of {len(partitions)}")
    return builder.tables(names), groups, doubled


def _has_items(protocol: Protocol | None) -> bool:
    """Say whether the plan names its items; of tasks they are known when they have run."""
    return protocol is not None and bool(protocol.items)


def _aggregate(protocol: Protocol | None) -> Aggregate:
    return protocol.aggregation.per_item if protocol is not None else "mean"


def _splits_overlap(engine: Engine, protocol: Protocol | None) -> int:
    """Count item ids that stand in more than one split."""
    if protocol is not None:
        splits: dict[str, set[str]] = {}
        for item in protocol.items:
            splits.setdefault(item.id, set()).add(item.split.value)
        return sum(len(found) > 1 for found in splits.values())
    doubled = "SELECT item FROM splits GROUP BY item HAVING count(DISTINCT split) > 1"
    return int(engine.one(f"SELECT count(*) FROM ({doubled})"))


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
    found: Found, sources: Sources, digests: dict[Path, str], groups: Sequence[Group],
    manifests: Sequence[Manifest], imports: Sequence[Imported],
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
        for source in sources.values()
    ]  # fmt: skip
    for file, manifest in zip(found.manifests, manifests, strict=True):
        name = (manifest.laboratory,)
        files.append(EnteredFile(file.name, digests[file.path], file.bytes, 0, name, "manifest", True))
    for file, imported in zip(found.imports, imports, strict=True):
        of = (imported.laboratory,)
        files.append(EnteredFile(file.name, digests[file.path], file.bytes, 0, of, "manifest", False))
    protocols = [
        EnteredFile(file.name, digests[file.path], file.bytes, 0, (), "protocol", True)
        for file in found.protocols
    ]
    return (*files, *protocols)
