"""Which engine reads the rows of an analysis: DuckDB in this process, or workers of a Ray cluster.

Responsible for the names of the engines. Invariant: nothing of Ray is imported unless its engine is asked
for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from consilience.errors import InputError
from consilience.evaluation.merge_engine import Engine
from consilience.evaluation.merge_inputs import FoundFile
from consilience.evaluation.merge_passes import LocalPass, RowPass

LOCAL_ENGINE = "duckdb"
RAY_ENGINE = "ray"
RAY_ADDRESS = re.compile(r"ray://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252}):[0-9]{1,5}")


@dataclass(frozen=True)
class PassSettings:
    """How the rows are read."""

    memory_limit: str
    """Of the columnar engine, in each process."""
    threads: int
    """Of the columnar engine; of a local Ray: its workers."""
    with_plan: bool
    """Whether there is a protocol."""


def check_engine(engine: str) -> str:
    """Return the name of an engine.

    Raises:
        InputError: There is none of this name.
    """
    if engine in {LOCAL_ENGINE, RAY_ENGINE} or RAY_ADDRESS.fullmatch(engine):
        return engine
    raise InputError(
        "there is no such engine", next_step=f"Give `{LOCAL_ENGINE}`, `{RAY_ENGINE}` or `ray://HOST:PORT`."
    )


@contextmanager
def open_pass(
    engine: str, columnar: Engine, files: Sequence[FoundFile], settings: PassSettings
) -> Iterator[RowPass]:
    """Open who reads the rows.

    Args:
        engine: `duckdb`, `ray` or `ray://HOST:PORT`.
        columnar: The columnar engine of this process, which may read the files.
        files: The score files.
        settings: How the rows are read.

    Raises:
        InputError: There is no such engine, or a file cannot be used.
        MissingExtraError: Ray is not installed.
        PartnerError: The Ray cluster cannot be reached.
    """
    if check_engine(engine) == LOCAL_ENGINE:
        yield LocalPass(columnar, dict(enumerate(files)))
        return
    from consilience.evaluation.merge_cluster import open_cluster
    from consilience.evaluation.merge_ray import RayPass

    with open_cluster(None if engine == RAY_ENGINE else engine, settings.threads) as ray:
        yield RayPass(ray, columnar, files, settings)
