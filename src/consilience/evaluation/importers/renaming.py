"""Changes to a sink when all is read: raters get other names, runs that were read twice go.

Invariants: all names change at once, so that two raters may change places; no two raters of a run get one
name; a name that no run has is an error that tells those there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

import msgspec

from consilience.errors import InputError
from consilience.evaluation.importers.imported import Direction, ImportedFile, ImportedRun
from consilience.evaluation.importers.sink import Sink

UNKNOWN = "unknown"
"""The name of a model that the source does not tell."""


def declare_directions(sink: Sink, directions: Mapping[str, Direction]) -> None:
    """Take the user's word for whether higher or lower is better.

    Args:
        sink: With everything.
        directions: Name in the source → direction.

    Raises:
        InputError: No run has one of the names, or the source says otherwise.
    """
    _check_known("--direction", directions, sink)
    for metrics in sink.metrics:
        for rater in metrics.keys() & directions.keys():
            told = metrics[rater].direction
            if told not in {"unknown", directions[rater]}:
                raise InputError(
                    f"--direction: of {rater[:100]} the source says that {told}",
                    next_step="Leave it as it is; nothing is turned round.",
                )
            metrics[rater] = msgspec.structs.replace(metrics[rater], direction=directions[rater])


def rename_raters(sink: Sink, names: Mapping[str, str]) -> None:
    """Give raters other names in all runs.

    Args:
        sink: With everything.
        names: Name in the source → name in the scores table.

    Raises:
        InputError: No run has one of the names, or two raters of one run would get the same name.
    """
    _check_known("--rater", names, sink)
    changes: dict[tuple[int, str], str] = {}
    for run, metrics in enumerate(sink.metrics):
        new = [names.get(rater, rater) for rater in metrics]
        twice = next((name for name in new if new.count(name) > 1), None)
        if twice is not None:
            both = sorted(rater for rater in metrics if names.get(rater, rater) == twice)
            raise InputError(
                f"--rater: the metrics {listed(both)} of {sink.runs[run].task[:100]} would be one rater",
                next_step="Give each metric of a run a rater of its own.",
            )
        changes |= {(run, rater): names[rater] for rater in metrics if rater in names}
    rename(sink, changes)


def _check_known(option: str, names: Iterable[str], sink: Sink) -> None:
    known = {rater for metrics in sink.metrics for rater in metrics}
    unknown = sorted(set(names) - known)
    if unknown:
        raise InputError(
            f"{option}: no run has the metric {unknown[0][:100]!r}", next_step=f"There are: {listed(known)}."
        )


def rename(sink: Sink, changes: Mapping[tuple[int, str], str]) -> None:
    """Give raters other names in rows, metrics and summaries.

    Args:
        sink: With everything.
        changes: Run and rater → its new name, which no other rater of the run has.
    """
    changes = {of: new for of, new in changes.items() if of[1] != new}
    if not changes:
        return
    database = sink.database
    database.execute("CREATE OR REPLACE TEMP TABLE change (run INTEGER, old VARCHAR, new VARCHAR)")
    database.executemany(
        "INSERT INTO change VALUES (?, ?, ?)", [[run, old, new] for (run, old), new in changes.items()]
    )
    database.execute(
        "UPDATE row SET rater = change.new FROM change WHERE row.run = change.run AND row.rater = change.old"
    )
    for run, metrics in enumerate(sink.metrics):
        named = {rater: changes.get((run, rater), rater) for rater in metrics}
        sink.metrics[run] = {
            named[rater]: msgspec.structs.replace(metric, rater=named[rater])
            for rater, metric in metrics.items()
        }
    sink.summaries = [
        msgspec.structs.replace(told, rater=changes.get((told.run, told.rater), told.rater))
        for told in sink.summaries
    ]


def listed(names: Iterable[str], limit: int = 20) -> str:
    """Return names for a message: in order, the rest counted."""
    found = sorted(names)
    more = f" and {len(found) - limit:,} more" if len(found) > limit else ""
    return (", ".join(name[:100] for name in found[:limit]) or "none") + more


Index = Mapping[str, Sequence[ImportedFile]]
"""Files by their names, and by every folder that they lie in."""


def index_of(files: Sequence[ImportedFile]) -> Index:
    """Return the files by names and folders."""
    found: defaultdict[str, list[ImportedFile]] = defaultdict(list)
    for file in files:
        found[file.name].append(file)
        folder = file.name
        while folder:
            folder = folder.rpartition("/")[0]
            if folder or "/" not in file.name:
                found[folder].append(file)
    return found


def files_of(run: ImportedRun, index: Index) -> tuple[ImportedFile, ...]:
    """Return the files that a run was read from: those it names, or all of its folder."""
    found = {file.name: file for name in (run.file, *run.files) for file in index.get(name, ())}
    return tuple(found[name] for name in sorted(found))


def drop_copies(sink: Sink, files: Sequence[ImportedFile], *, known: bool = False) -> None:
    """Take out runs that were read from a copy: equal files that tell the same of the same known model.

    Equal files alone do not make a copy: two models may have given the same answers. Where the model is not
    told, nobody can say whether a file is a copy, and both stay.

    Args:
        sink: With everything.
        files: Of the import.
        known: The user tells the model of all runs.
    """
    digests = [file.sha256 for file in files]
    if len(set(digests)) == len(digests):
        return
    index = index_of(files)
    seen: dict[bytes, int] = {}
    dropped = set()
    for number, run in enumerate(sink.runs):
        own = files_of(run, index)
        if (run.model == UNKNOWN and not known) or not own:
            continue
        told = msgspec.structs.replace(run, file="", files=())
        same = msgspec.json.encode([told, sorted(file.sha256 for file in own)], order="sorted")
        if same not in seen:
            seen[same] = number
        elif sink.runs[seen[same]].file != run.file:
            dropped.add(number)
            sink.add_finding(
                "note", "same_file", f"this is a copy of {sink.runs[seen[same]].file[:200]}, and was taken "
                "once", file=run.file,
            )  # fmt: skip
    drop_runs(sink, dropped)


def drop_runs(sink: Sink, dropped: Set[int]) -> None:
    """Take runs out, with their rows and told numbers; the others are numbered anew, in order."""
    if not dropped:
        return
    kept = [run for run in range(len(sink.runs)) if run not in dropped]
    place = {run: new for new, run in enumerate(kept)}
    database = sink.database
    database.execute("CREATE OR REPLACE TEMP TABLE kept (old INTEGER, new INTEGER)")
    database.executemany("INSERT INTO kept VALUES (?, ?)", [[old, new] for old, new in place.items()])
    database.execute("DELETE FROM row WHERE run NOT IN (SELECT old FROM kept)")
    database.execute("UPDATE row SET run = kept.new FROM kept WHERE row.run = kept.old")
    sink.runs = [sink.runs[run] for run in kept]
    sink.metrics = [sink.metrics[run] for run in kept]
    sink.summaries = [
        msgspec.structs.replace(told, run=place[told.run]) for told in sink.summaries if told.run in place
    ]
