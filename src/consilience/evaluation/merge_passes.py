"""The passes over the rows: a survey of files, and the tally of the cells of one partition.

Responsible for what is done with rows, in this process or by a worker elsewhere; both call the functions
here, so that their results are the same to the last bit. Invariant: the rows of a file are read once by the
survey and once by every partition that has cells in it.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol as Interface

from consilience.errors import InputError, Where
from consilience.evaluation import merge_belonging as belonging
from consilience.evaluation.merge_attempts import group_items, items_part
from consilience.evaluation.merge_census import Group, row_rule, take_census
from consilience.evaluation.merge_engine import Engine, EngineInputError, quoted
from consilience.evaluation.merge_generations import generations_part, group_generations
from consilience.evaluation.merge_inputs import FoundFile, digest_file
from consilience.evaluation.merge_layout import Layout
from consilience.evaluation.merge_partitions import Partition
from consilience.evaluation.merge_reading import Sources, read_rows, union
from consilience.evaluation.merge_tables import Part


@dataclass(frozen=True, eq=False)
class Tally:
    """What the rows of one partition came to."""

    part: Part
    doubled: int
    """Rows that are there twice."""
    groups: tuple[Group, ...] | None
    """The census of the partition with doubled rows counted once; None: none is doubled."""


class RowPass(Interface):
    """Who reads the rows. The engine that it is made with gets the small tables that the rows come to."""

    @property
    def sources(self) -> Sources:
        """The files."""

    def digests(self) -> dict[Path, str]:
        """Return the SHA-256 of every score file."""

    def census(self, choice: belonging.Choice | None = None) -> list[Group]:
        """Count all rows, or the chosen ones."""

    def items(self, *, with_plan: bool, with_splits: bool) -> None:
        """Make the tables of `merge_belonging.collect_items` in the engine."""

    def partition_rows(self, limit: int, rows: int) -> int:
        """Return how many of so many rows a partition may hold, at most the limit."""

    def tallies(
        self, layout: Layout, partitions: Sequence[Partition], choice: belonging.Choice
    ) -> Iterator[Tally]:
        """Yield the tally of every partition in their order; the items stand in the engine's table
        `item_names`."""


class LocalPass:
    """Reads the rows in this process."""

    def __init__(self, engine: Engine, files: Mapping[int, FoundFile]) -> None:
        self._engine = engine
        self._digests = {file.path: digest_file(file) for file in files.values()}
        self.sources = read_rows(engine, files, row_rule)

    def digests(self) -> dict[Path, str]:
        """Return the SHA-256 of every score file."""
        return self._digests

    def census(self, choice: belonging.Choice | None = None) -> list[Group]:
        """Count all rows, or the chosen ones."""
        return census(self._engine, self.sources, choice)

    def items(self, *, with_plan: bool, with_splits: bool) -> None:
        """Make the tables of `merge_belonging.collect_items` in the engine."""
        collect_items(self._engine, self.sources, with_plan=with_plan, with_splits=with_splits)

    def partition_rows(self, limit: int, rows: int) -> int:
        """Return the limit."""
        return limit

    def tallies(
        self, layout: Layout, partitions: Sequence[Partition], choice: belonging.Choice
    ) -> Iterator[Tally]:
        """Yield the tally of every partition in their order."""
        make_codes(self._engine, layout)
        for partition in partitions:
            yield tally(self._engine, self.sources, layout, partition, choice)


def collect_items(engine: Engine, sources: Sources, *, with_plan: bool, with_splits: bool) -> None:
    """Make the tables of `merge_belonging.collect_items`."""
    without = 'NULL::VARCHAR AS "item_digest"'
    with_digests = any(without not in source.expressions for source in sources.values())
    with _named(engine, sources):
        belonging.collect_items(
            engine, with_plan=with_plan, with_digests=with_digests, with_splits=with_splits
        )


def census(engine: Engine, sources: Sources, choice: belonging.Choice | None) -> list[Group]:
    """Count the rows of the view `rows`, or the chosen ones.

    Raises:
        InputError: A file cannot be read to its end, or a row breaks a rule.
    """
    view = "rows"
    if choice is not None:
        view = "chosen"
        engine.run(f"CREATE OR REPLACE TEMP VIEW chosen AS SELECT * FROM rows WHERE {choice.rows}")
    with _named(engine, sources):
        return take_census(engine, sources, view=view)


def make_codes(engine: Engine, layout: Layout) -> None:
    """Make an enumeration type of every kind of name; those of items stand in the table `item_names`."""
    for name, values in (
        ("laboratory", layout.laboratories), ("model", layout.models), ("language", layout.languages),
        ("concept", layout.concepts),
    ):  # fmt: skip
        engine.run(f"CREATE TYPE code_{name} AS ENUM ({', '.join(quoted(value) for value in values)})")
    engine.run("CREATE TYPE code_item AS ENUM (SELECT item FROM item_names ORDER BY item)")


def tally(
    engine: Engine, sources: Sources, layout: Layout, partition: Partition, choice: belonging.Choice
) -> Tally:
    """Group the rows of a partition, each counted once.

    Args:
        engine: After `make_codes`.
        sources: At least the files of the partition.
        layout: What the rows are tallied by.
        partition: Which rows.
        choice: Which rows carry the results.

    Raises:
        IncompatibleError: One laboratory gave the same rating twice, and differently.
    """
    rows = union([sources[number] for number in partition.sources])
    where = f"{choice.rows} AND {partition.condition}"
    engine.run(f"CREATE OR REPLACE TEMP VIEW part AS SELECT * FROM ({rows}) WHERE {where}")
    groups = None
    with _named(engine, sources):
        doubled = _group(engine, layout)
        if doubled:
            belonging.settle_doubled(engine, sources)
            groups = tuple(take_census(engine, sources, view="part"))
            _group(engine, layout)
    part = items_part(engine, layout) if layout.attempts else generations_part(engine, layout)
    if doubled:
        engine.run("DROP VIEW part")
        engine.run("DROP TABLE single")
    return Tally(part, doubled, groups)


def _group(engine: Engine, layout: Layout) -> int:
    """Group by item where the attempts fit side by side, else by generation."""
    return group_items(engine, layout) if layout.attempts else group_generations(engine, layout)


@contextmanager
def _named(engine: Engine, sources: Sources) -> Iterator[None]:
    """Name the file where the engine cannot read one."""
    try:
        yield
    except EngineInputError as error:
        raise _unreadable(engine, sources) from error


def _unreadable(engine: Engine, sources: Sources) -> InputError:
    """Find the file that the engine cannot read."""
    for source in sources.values():
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
