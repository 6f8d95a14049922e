"""The passes over the rows by workers of a Ray cluster, each with whole files or whole cells.

Responsible for giving out the work and taking back what comes of it. What a worker does is `merge_passes`, so
that the tables are those of the local engine to the last bit. Invariants: a worker opens the same files under
the same paths, of the same size, and has the same version of this software; an error of a worker is an error
of the analysis.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from consilience import __version__
from consilience.errors import ConsilienceError, InputError, PartnerError, Where
from consilience.evaluation.merge_belonging import Choice
from consilience.evaluation.merge_census import Group, in_order, row_rule
from consilience.evaluation.merge_choice import PassSettings
from consilience.evaluation.merge_engine import Engine, open_engine
from consilience.evaluation.merge_inputs import FoundFile
from consilience.evaluation.merge_layout import Layout
from consilience.evaluation.merge_partitions import Partition
from consilience.evaluation.merge_passes import LocalPass, Tally, census, collect_items, make_codes, tally
from consilience.evaluation.merge_reading import Source, Sources, read_rows

RETRIES = 2
"""Times that the work of a worker that died is given to another."""
TASKS_PER_CPU = 4
"""Pieces of work for each processor, so that none waits long for the last one."""
MIN_PARTITION_ROWS = 250_000
"""Rows below which it does not pay to make partitions smaller for the sake of more workers."""
CODE_TABLES = ("seen", "digests", "splits")


@dataclass(frozen=True)
class Work:
    """What a worker reads, and how."""

    version: str
    files: tuple[tuple[int, FoundFile], ...]
    """With their numbers in the analysis."""
    settings: PassSettings
    choice: Choice | None
    plan: bytes | None
    """The table `plan`, where the choice asks it."""


@dataclass(frozen=True, eq=False)
class Survey:
    """What the rows of some files came to."""

    groups: list[Group]
    digests: dict[Path, str]
    tables: dict[str, bytes]
    """Of `merge_belonging.collect_items`."""


@dataclass(frozen=True)
class Failed:
    """An error of ours on a worker."""

    kind: type[ConsilienceError]
    detail: str
    where: Where | None
    next_step: str

    def error(self) -> ConsilienceError:
        """Return the error."""
        return self.kind(self.detail, where=self.where, next_step=self.next_step)


def survey_files(work: Work) -> Survey:
    """Take the census of some files and collect their items."""
    with _opened(work) as engine:
        rows = LocalPass(engine, dict(work.files))
        groups = rows.census()
        with_splits = any(group.split for group in groups)
        collect_items(engine, rows.sources, with_plan=work.settings.with_plan, with_splits=with_splits)
        return Survey(groups, rows.digests(), {name: engine.save(name) for name in CODE_TABLES})


def count_chosen(work: Work) -> list[Group]:
    """Take the census of the chosen rows of some files."""
    with _opened(work) as engine:
        return census(engine, read_rows(engine, dict(work.files), row_rule), work.choice)


def tally_cells(work: Work, layout: Layout, partition: Partition, choice: Choice, item_names: bytes) -> Tally:
    """Group the rows of one partition."""
    with _opened(work) as engine:
        sources = read_rows(engine, dict(work.files), row_rule)
        engine.load("item_names", [item_names])
        make_codes(engine, layout)
        return tally(engine, sources, layout, partition, choice)


@contextmanager
def _opened(work: Work) -> Iterator[Engine]:
    """Open the columnar engine of a worker on its files."""
    if work.version != __version__:
        raise PartnerError(
            f"a worker has version {__version__} of this software, the analysis is run by {work.version}",
            next_step="Install the same version on every machine of the cluster.",
        )
    for _, file in work.files:
        if not file.path.is_file() or file.path.stat().st_size != file.bytes:
            raise InputError(
                "a worker of the cluster does not find this file, or another one in its place",
                where=Where(file=file.name),
                next_step="Put the files where every machine of the cluster has them under the same path.",
            )
    files = dict(work.files)
    with (
        tempfile.TemporaryDirectory(prefix="consilience-worker-") as folder,
        open_engine(
            Path(folder), [f.path for f in files.values()], memory_limit=work.settings.memory_limit, threads=1
        ) as engine,
    ):  # fmt: skip
        if work.plan is not None:
            engine.load("plan", [work.plan])
        yield engine


def caught(task: Callable[..., Any]) -> Callable[..., Any]:
    """Return a task that gives an error of ours back as a value: exceptions lose their fields on the way."""

    def run(*arguments: Any) -> Any:
        try:
            return task(*arguments)
        except ConsilienceError as error:
            return Failed(type(error), error.detail, error.where, error.next_step)

    return run


class RayPass:
    """Gives the rows to the workers of a cluster."""

    def __init__(self, ray: Any, engine: Engine, files: Sequence[FoundFile], settings: PassSettings) -> None:
        self._ray, self._engine, self._settings = ray, engine, settings
        self._cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._surveys: list[Survey] = []
        self.sources: Sources = {number: Source(number, file, file.path) for number, file in enumerate(files)}

    def digests(self) -> dict[Path, str]:
        """Return the SHA-256 of every score file."""
        return {path: digest for survey in self._surveys for path, digest in survey.digests.items()}

    def census(self, choice: Choice | None = None) -> list[Group]:
        """Count all rows, or the chosen ones."""
        works = [self._work(numbers, choice) for numbers in self._shares()]
        if choice is not None:
            counted = self._run(count_chosen, works, [() for _ in works])
            return in_order(group for groups in counted for group in groups)
        self._surveys = list(self._run(survey_files, works, [() for _ in works]))
        return in_order(group for survey in self._surveys for group in survey.groups)

    def items(self, *, with_plan: bool, with_splits: bool) -> None:
        """Make the tables of `merge_belonging.collect_items` in the engine; the census collected them."""
        for name in CODE_TABLES:
            self._engine.load(name, [survey.tables[name] for survey in self._surveys])

    def partition_rows(self, limit: int, rows: int) -> int:
        """Return how many rows a partition may hold so that every worker has some."""
        return min(limit, max(MIN_PARTITION_ROWS, rows // (self._cpus * TASKS_PER_CPU)))

    def tallies(self, layout: Layout, partitions: Sequence[Partition], choice: Choice) -> Iterator[Tally]:
        """Yield the tally of every partition in their order."""
        names = self._ray.put(self._engine.save("item_names"))
        shared = self._ray.put(layout)
        works = [self._work(partition.sources, choice) for partition in partitions]
        yield from self._run(
            tally_cells, works, [(shared, partition, choice, names) for partition in partitions]
        )

    def _shares(self) -> list[list[int]]:
        """The files in order, in shares of about the same size."""
        total = sum(source.file.bytes for source in self.sources.values())
        share = max(1, total // (self._cpus * TASKS_PER_CPU))
        shares: list[list[int]] = []
        held = share
        for number, source in self.sources.items():
            if held >= share:
                shares.append([])
                held = 0
            shares[-1].append(number)
            held += source.file.bytes
        return shares

    def _work(self, numbers: Sequence[int], choice: Choice | None) -> Work:
        files = tuple((number, self.sources[number].file) for number in numbers)
        plan = self._engine.save("plan") if choice is not None and choice.planned else None
        return Work(__version__, files, self._settings, choice, plan)

    def _run(
        self, task: Callable[..., Any], works: Sequence[Work], more: Sequence[tuple[Any, ...]]
    ) -> Iterator[Any]:
        """Yield the results in the order of the work; few are under way, so that few wait in memory."""
        remote = self._ray.remote(num_cpus=1, max_retries=RETRIES)(caught(task))
        given = ((work, remote.remote(work, *rest)) for work, rest in zip(works, more, strict=True))
        waiting = list(islice(given, 2 * self._cpus))
        while waiting:
            work, reference = waiting.pop(0)
            result = self._result(work, reference)
            waiting += islice(given, 1)
            yield result

    def _result(self, work: Work, reference: Any) -> Any:
        try:
            result = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            raise PartnerError(
                f"a worker of the Ray cluster did not finish its part: {type(error).__name__}",
                where=Where(file=", ".join(file.name for _, file in work.files[:3])),
                next_step="Look at the cluster's logs; the same analysis runs with `--engine duckdb`.",
            ) from None
        if isinstance(result, Failed):
            raise result.error()
        return result
