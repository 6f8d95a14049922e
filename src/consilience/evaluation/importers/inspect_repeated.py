"""Logs of Inspect that continue one another, such as those of `inspect eval-retry` and `inspect score`.

A retried run writes a new log, into which it copies the samples that the first one completed, with their
`uuid`; so logs of one task and model that share a generation are one run. Invariants: of each sample, epoch
and scorer the last log that has it counts (its own numbers are of all of its samples), and what only an
earlier one has is kept; what is left out is told, and so is a copy that says something else; memory is that
of the scratch database, whatever the number of samples. Samples without a `uuid` show nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from consilience.evaluation.importers.repetitions import connected
from consilience.evaluation.importers.sink import Sink

LATER = "some of its samples stand in a later log too, and count there"
_SHARED = """
SELECT DISTINCT earlier, run FROM (
  SELECT run, lag(run) OVER (PARTITION BY log, generation ORDER BY place) AS earlier FROM (
    SELECT DISTINCT l.log, l.place, r.run, r.generation FROM row AS r JOIN inspect_log AS l USING (run)
    WHERE r.generation IS NOT NULL
  )
) WHERE earlier IS NOT NULL
"""
_REPEATED = """
CREATE OR REPLACE TEMP TABLE repeated AS
WITH held AS (SELECT r.*, l.log, l.place FROM row AS r JOIN inspect_log AS l USING (run)), last AS (
  SELECT log, source_item, attempt, rater, max(place) AS place, arg_max(generation, place) AS generation,
    arg_max({'score': score, 'cause': cause}, place) AS said
  FROM held GROUP BY ALL HAVING min(place) < max(place)
)
SELECT h.number, h.run, h.source_item, h.attempt, h.generation IS NOT DISTINCT FROM l.generation AS same,
  {'score': h.score, 'cause': h.cause} IS DISTINCT FROM l.said AS other
FROM held AS h JOIN last AS l USING (log, source_item, attempt, rater) WHERE h.place < l.place
"""
_COUNTS = """
SELECT run, count(*) FILTER (same), count(*) FILTER (NOT same), count(*) FILTER (same AND other) FROM (
  SELECT run, source_item, attempt, bool_or(same) AS same, bool_or(other) AS other FROM repeated GROUP BY ALL
) GROUP BY run ORDER BY run
"""


def join_continued(sink: Sink, runs: Sequence[int]) -> None:
    """Make one run of logs that continue one another, each rating once, with a finding for each earlier log.

    Args:
        sink: With all rows of the logs.
        runs: Numbers of the logs' runs.
    """
    logs: dict[tuple[str, str], list[int]] = {}
    for run in runs:
        logs.setdefault((sink.runs[run].task, sink.runs[run].model), []).append(run)
    together = [sorted(found, key=lambda run: _order(sink, run)) for found in logs.values() if len(found) > 1]
    if not together:
        return
    _register(sink, together)
    pairs = sink.database.execute(_SHARED).fetchall()
    groups = [group for group in connected(len(sink.runs), pairs) if len(group) > 1]
    if groups:
        _join(sink, [sorted(group, key=lambda run: _order(sink, run)) for group in groups])
    sink.database.execute("DROP TABLE inspect_log")


def _register(sink: Sink, groups: Sequence[Sequence[int]]) -> None:
    rows = [(run, log, place) for log, group in enumerate(groups) for place, run in enumerate(group)]
    sink.database.execute(
        "CREATE OR REPLACE TEMP TABLE inspect_log (run INTEGER, log INTEGER, place INTEGER)"
    )
    sink.database.executemany("INSERT INTO inspect_log VALUES (?, ?, ?)", rows)


def _join(sink: Sink, groups: Sequence[Sequence[int]]) -> None:
    database = sink.database
    _register(sink, groups)
    database.execute(_REPEATED)
    for run, same, again, other in database.execute(_COUNTS).fetchall():
        _say(sink, run, same, again, other)
    database.execute("DELETE FROM row WHERE number IN (SELECT number FROM repeated)")
    database.execute("DROP TABLE repeated")
    for *earlier, last in groups:
        marks = ", ".join(str(run) for run in earlier)
        database.execute(f"UPDATE row SET run = {last} WHERE run IN ({marks})")  # noqa: S608 - our numbers
        for run in reversed(earlier):
            for rater, metric in sink.metrics[run].items():
                sink.metrics[last].setdefault(rater, metric)
    before = {run for *earlier, _ in groups for run in earlier}
    sink.summaries = [
        msgspec.structs.replace(told, reason=told.reason or LATER) if told.run in before else told
        for told in sink.summaries
    ]


def _order(sink: Sink, run: int) -> tuple[str, str, int]:
    told = sink.runs[run]
    return told.created or "", told.file, run


def _say(sink: Sink, run: int, same: int, again: int, other: int) -> None:
    """Say of an earlier log which of its samples count as a later one tells them."""
    file = sink.runs[run].file
    if same:
        sink.add_finding(
            "note", "repeated_sample", f"{same:,} samples stand in a later log again, with the same uuid, "
            "and count once (a retried run takes them over)", file=file,
        )  # fmt: skip
    if again:
        sink.add_finding(
            "note", "asked_again", f"{again:,} samples were asked again by the run that continues this log, "
            "and count as it tells them", file=file,
        )  # fmt: skip
    if other:
        sink.add_finding(
            "warning", "repeated_differs", f"of {other:,} samples the later log tells other scores; these "
            "count", file=file,
        )  # fmt: skip
