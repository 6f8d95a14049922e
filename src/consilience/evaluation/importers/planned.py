"""Imported rows under a protocol: items that it plans get their names, the rest is left out and counted.

Invariants: an item is recognised by the digest of its normalised prompt alone; where the protocol has a
prompt under several ids, rows of it are left out, since nobody can say which is meant; a rater keeps its
name, so that one that the protocol does not plan shows as unplanned.
"""

from __future__ import annotations

from consilience.evaluation.importers.prompt import prompt_digest
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.protocol import Protocol, item_digest, protocol_digest


def place_by_plan(sink: Sink, protocol: Protocol) -> None:
    """Change the table `named` so that it holds planned items only, with their ids, languages and concepts.

    Args:
        sink: After its rows were named.
        protocol: The plan.
    """
    database = sink.database
    plan = protocol_digest(protocol)
    rows = [
        (prompt_digest(i.prompt), i.id, i.language, i.concept, i.split.value, item_digest(i))
        for i in protocol.items
    ]
    database.execute(
        "CREATE OR REPLACE TABLE planned (item_digest VARCHAR, id VARCHAR, language VARCHAR, "
        "concept VARCHAR, split VARCHAR, asked VARCHAR)"
    )
    if rows:
        database.executemany("INSERT INTO planned VALUES (?, ?, ?, ?, ?, ?)", rows)
    _say_what_is_left_out(sink)
    database.execute(
        """
        CREATE OR REPLACE TABLE named AS
        SELECT n.* REPLACE (p.id AS item, p.language AS spoken, p.concept AS about, p.split AS split,
          p.asked AS asked, $plan AS plan)
        FROM named AS n JOIN planned AS p USING (item_digest)
        WHERE item_digest NOT IN (SELECT item_digest FROM planned GROUP BY ALL HAVING count(*) > 1)
        """,
        {"plan": plan},
    )


def _say_what_is_left_out(sink: Sink) -> None:
    query = (
        "SELECT n.run, count(DISTINCT n.short_item) FILTER (p.item_digest IS NULL), "
        "count(DISTINCT n.short_item) FILTER (p.many > 1) FROM named AS n LEFT JOIN (SELECT item_digest, "
        "count(*) AS many FROM planned GROUP BY ALL) AS p USING (item_digest) GROUP BY n.run ORDER BY n.run"
    )
    for run, unknown, unclear in sink.database.execute(query).fetchall():
        at = sink.runs[run]
        if unknown:
            sink.add_finding(
                "warning", "not_planned", f"{at.task}: {unknown:,} items are not of the protocol and were "
                "left out", file=at.file, next_step="Import without --protocol to keep them.",
            )  # fmt: skip
        if unclear:
            sink.add_finding(
                "warning", "planned_twice", f"{at.task}: {unclear:,} items stand in the protocol under "
                "several ids and were left out", file=at.file,
            )  # fmt: skip
