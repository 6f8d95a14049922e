"""Which runs are repetitions of one another, so that they give further attempts, and which are kept apart.

Runs of one model and concept belong together where they have the same task or share a prompt. They are
repetitions only where everything that was told about how they measured agrees: harness, its version, the
sampling, and of the same task its version and settings. What is not told agrees with what is not told, and
with nothing else. Seeds, limits of how much was asked, dates and names of runs may differ; so may the
revision of the code, which is said. Invariants:
- runs that differ get different models in the scores, named by what differs: nothing is averaged over it;
- a rater that is another judge, or counts the other way, in another run of the same model and concept gets
  another name;
- models that the source does not name are never one model where they stand in different files;
- attempts of a repetition begin after those planned for the earlier one, whatever rows are there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from consilience.errors import LimitError
from consilience.evaluation.importers.imported import ImportedRun, Metric, Plain
from consilience.evaluation.importers.renaming import UNKNOWN, rename
from consilience.evaluation.importers.sink import MAX_NAME, Sink
from consilience.records.canonical import canonical_bytes, digest

MAY_DIFFER = frozenset(
    {
        "run_id", "eval_id", "task_id", "evalId", "run_uid", "limit", "max_items", "max_eval_instances",
        "num_train_trials", "generations", "soft_probe_prompt_cap", "prompt_selection_percentage",
        "probe_spec", "detector_spec", "eval_threshold", "epochs_reducer", "fail_on_error",
        "continue_on_fail", "retry_on_error", "log_samples", "sample_shuffle", "shuffled", "started_at",
        "completed_at", "numeric_grade", "text_grade", "reference",
    }
)  # fmt: skip
"""Settings that say how much was asked, when, under which name, or what came out, and not how it was
measured; by the last part of their names. Names with the word `seed` are among them."""
REVISIONS = frozenset({"commit", "dirty", "git_hash"})
"""Settings that name the revision of the code; where they differ, runs are joined, and it is said."""
SEED = re.compile(r"(?:^|[._])seed$|_seed$|^seed", re.IGNORECASE)
MAX_LABEL = 80
"""Characters by which a name tells what differs; longer ones become a digest."""
MAX_PLANNED = 1_000_000
"""Planned attempts that are believed; above, the largest that is there counts."""
MAX_ATTEMPT = 2**31 - 1
"""Attempts of one item, all repetitions together."""
Facts = Mapping[str, Plain]


def keep_apart(sink: Sink) -> None:
    """Give runs that are no repetitions of one another different models or raters, and say so.

    Args:
        sink: With everything; models and concepts have their final names.
    """
    asked = _asked(sink)
    _unknown_models(sink, asked)
    for together in _together(sink, asked):
        _models(sink, together)
    _raters(sink, asked)


def connected(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the groups of 0 … count - 1 that pairs connect, each in order, by their smallest member."""
    root = list(range(count))

    def find(one: int) -> int:
        while root[one] != one:
            root[one] = root[root[one]]
            one = root[one]
        return one

    for left, right in pairs:
        low, high = sorted((find(left), find(right)))
        root[high] = low
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for one in range(count):
        groups[find(one)].append(one)
    return [groups[one] for one in sorted(groups)]


def in_order(sink: Sink) -> list[int]:
    """Return the runs in the order of their dates, then of their files; those without a date come first."""
    return sorted(range(len(sink.runs)), key=lambda n: (sink.runs[n].created or "", sink.runs[n].file, n))


def _asked(sink: Sink) -> list[int]:
    """Return the runs that have rows, in order, without those that an export of ours already named."""
    rows = {run for (run,) in sink.database.execute("SELECT DISTINCT run FROM row").fetchall()}
    return [number for number in in_order(sink) if number in rows and sink.runs[number].returned is None]


def _unknown_models(sink: Sink, asked: Sequence[int]) -> None:
    """Name models that the source does not tell by their files, where there are several."""
    unknown = [n for n in asked if sink.runs[n].model == UNKNOWN]
    files = {sink.runs[n].file for n in unknown}
    if len(files) < 2:
        return
    concepts = [concept for _, concept in {(sink.runs[n].file, sink.runs[n].concept) for n in unknown}]
    for number in unknown:
        run = sink.runs[number]
        sink.change_run(number, model=_named(UNKNOWN, run.file[-MAX_LABEL:]))
    sink.add_finding(
        "error" if len(set(concepts)) < len(concepts) else "warning", "model_unknown",
        f"{len(files):,} files do not tell which model they are of; each is kept as a model of its own",
        file=sink.runs[unknown[0]].file, next_step="Import them one by one, and name the model with --model.",
    )  # fmt: skip


def _together(sink: Sink, asked: Sequence[int]) -> list[list[int]]:
    """Return the groups of several runs of one model and concept with the same task or a prompt in common."""
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number in asked:
        groups[sink.runs[number].model, sink.runs[number].concept].append(number)
    several = {key: runs for key, runs in groups.items() if len(runs) > 1}
    tasks: dict[tuple[str, str, str], int] = {}
    pairs = [
        (number, tasks.setdefault((*key, sink.runs[number].task), number))
        for key, runs in several.items()
        for number in runs
    ]
    group_of = {number: place for place, runs in enumerate(several.values()) for number in runs}
    if len(tasks) > len(several):
        pairs += _sharing(sink, group_of)
    order = {number: place for place, number in enumerate(asked)}
    connected_runs = connected(len(sink.runs), pairs)
    return [sorted(group, key=order.__getitem__) for group in connected_runs if len(group) > 1]


def _sharing(sink: Sink, group_of: Mapping[int, int]) -> list[tuple[int, int]]:
    """Return neighbouring runs of one group that share a prompt."""
    sink.database.execute("CREATE OR REPLACE TEMP TABLE belongs (run INTEGER, part INTEGER)")
    sink.database.executemany("INSERT INTO belongs VALUES (?, ?)", [[r, g] for r, g in group_of.items()])
    query = (
        "SELECT DISTINCT before, run FROM (SELECT run, lag(run) OVER (PARTITION BY part, item_digest "
        "ORDER BY run) AS before FROM (SELECT DISTINCT run, part, item_digest FROM row JOIN belongs "
        "USING (run) WHERE item_digest IS NOT NULL)) WHERE before IS NOT NULL"
    )
    return [(int(before), int(run)) for before, run in sink.database.execute(query).fetchall()]


def _models(sink: Sink, together: Sequence[int]) -> None:
    runs = {number: sink.runs[number] for number in together}
    labels = _labels({n: (_of_harness(run), run.task, _of_task(run)) for n, run in runs.items()})
    first = runs[together[0]]
    if len(set(labels.values())) > 1:
        names = {number: _named(runs[number].model, label) for number, label in labels.items()}
        for number, name in names.items():
            sink.change_run(number, model=name)
        sink.add_finding(
            "error", "settings_differ", f"{first.task[:100]}: {len(together):,} runs of {first.model[:100]} "
            f"were measured in different ways and are kept apart, as {_shown(names.values())}",
            file=first.file, next_step="Give only runs that were measured in the same way the same model.",
        )  # fmt: skip
        return
    revisions = {tuple(sorted(_revision(run).items())) for run in runs.values()}
    if len(revisions) > 1:
        sink.add_finding(
            "warning", "revisions_differ", f"{first.task[:100]}: {len(together):,} runs of "
            f"{first.model[:100]} are of different revisions of the code, and count as repetitions",
            file=first.file, next_step="If the task changed between them, import them one by one.",
        )  # fmt: skip


def _labels(facts: Mapping[int, tuple[Facts, str, Facts]]) -> dict[int, str]:
    """Return what tells each run from the others: facts of all, and facts of runs of the same task."""
    common = _differing([general for general, _, _ in facts.values()])
    tasks: defaultdict[str, list[Facts]] = defaultdict(list)
    for _, task, special in facts.values():
        tasks[task].append(special)
    own = {task: _differing(of) for task, of in tasks.items()}
    return {
        number: _label([(k, general.get(k)) for k in common] + [(k, special.get(k)) for k in own[task]])
        for number, (general, task, special) in facts.items()
    }


def _differing(facts: Sequence[Facts]) -> list[str]:
    """Return the names of the facts that are not told equally by all."""
    names = sorted({name for one in facts for name in one})
    return [name for name in names if len({repr(one.get(name)) for one in facts}) > 1]


def _label(parts: Sequence[tuple[str, Plain]]) -> str:
    told = ", ".join(f"{name}={'not told' if value is None else value}" for name, value in parts)
    if len(told) <= MAX_LABEL:
        return told
    return "settings " + digest(canonical_bytes([[k, v] for k, v in parts])).removeprefix("sha256:")[:8]


def _named(name: str, label: str) -> str:
    if not label:
        return name
    clean = "".join(c if c.isprintable() else " " for c in label)
    return f"{name[: MAX_NAME - len(clean) - 3]} [{clean}]"


def _shown(names: Iterable[str], limit: int = 3) -> str:
    found = sorted(set(names))
    more = f" and {len(found) - limit:,} more" if len(found) > limit else ""
    return ", ".join(found[:limit]) + more


def _of_harness(run: ImportedRun) -> Facts:
    sampling = {name: value for name, value in run.sampling.items() if not _may_differ(name)}
    return {"harness": run.harness, "harness version": run.harness_version, **sampling}


def _of_task(run: ImportedRun) -> Facts:
    settings = {
        name: value
        for name, value in run.settings.items()
        if not _may_differ(name) and name not in _revision(run)
    }
    return {"task version": run.task_version, **settings}


def _revision(run: ImportedRun) -> Facts:
    return {name: value for name, value in run.settings.items() if name.rpartition(".")[2] in REVISIONS}


def _may_differ(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last in MAY_DIFFER or SEED.search(name) is not None


def _raters(sink: Sink, asked: Sequence[int]) -> None:
    """Give raters of one name that are not one rater different names, within a model and concept."""
    groups: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number in asked:
        for rater in sink.metrics[number]:
            groups[sink.runs[number].model, sink.runs[number].concept, rater].append(number)
    changes: dict[tuple[int, str], str] = {}
    for (model, _, rater), runs in groups.items():
        if len(runs) < 2:
            continue
        facts = _identities([sink.metrics[number][rater] for number in runs])
        differing = _differing(facts)
        if not differing:
            continue
        for number, fact in zip(runs, facts, strict=True):
            changes[number, rater] = _named(rater, _label([(name, fact.get(name)) for name in differing]))
        first = sink.runs[runs[0]]
        sink.add_finding(
            "error", "raters_differ", f"{first.task[:100]}: {rater[:100]} is not the same rater in "
            f"all runs of {model[:100]}; it is kept apart, as {_shown(changes[n, rater] for n in runs)}",
            file=first.file, next_step="Name each with --rater, and import them one by one.",
        )  # fmt: skip
    rename(sink, changes)


def _identities(metrics: Sequence[Metric]) -> list[Facts]:
    """Return who each rater is; words and directions count only where they contradict each other."""
    found: list[dict[str, Plain]] = [
        {"kind": m.kind.value, "judge": m.judge_model, "judge prompt": _short(m.prompt_digest),
         "simulated": m.simulated}
        for m in metrics
    ]  # fmt: skip
    if len({m.direction for m in metrics} - {"unknown"}) > 1:
        for fact, metric in zip(found, metrics, strict=True):
            fact["direction"] = metric.direction
    words: defaultdict[str, set[float]] = defaultdict(set)
    for metric in metrics:
        for word, value in metric.values.items():
            words[word].add(value)
    for word in sorted(word for word, values in words.items() if len(values) > 1):
        for fact, metric in zip(found, metrics, strict=True):
            fact[word[:20]] = metric.values.get(word)
    return list(found)


def _short(told: str | None) -> str | None:
    return None if told is None else told.removeprefix("sha256:")[:8]


def number_attempts(sink: Sink) -> None:
    """Make the table `shift` (run, before): what is added to the attempts of each run in the table `named`.

    A repetition is a run that has an item of the same name with an earlier run of its model. The attempts of
    an earlier run are those that it planned, or the largest that any of its rows has, if that is larger.

    Raises:
        LimitError: More attempts than MAX_ATTEMPT.
    """
    database = sink.database
    largest = dict(database.execute("SELECT run, max(attempt) FROM named GROUP BY run").fetchall())
    pairs: list[tuple[int, int]] = []
    if len({run.model for run in sink.runs}) < len(sink.runs):
        query = (
            "SELECT DISTINCT before, run FROM (SELECT run, lag(run) OVER (PARTITION BY model, spoken, about, "
            "item ORDER BY run) AS before FROM (SELECT DISTINCT run, model, spoken, about, item FROM named)) "
            "WHERE before IS NOT NULL"
        )
        pairs = [(int(before), int(run)) for before, run in database.execute(query).fetchall()]
    order = {number: place for place, number in enumerate(in_order(sink))}
    shifts = []
    for group in connected(len(sink.runs), pairs):
        before = 0
        for number in sorted(group, key=order.__getitem__):
            if before:
                shifts.append([number, before])
            planned = sink.runs[number].attempts or 0
            before += max(planned if planned <= MAX_PLANNED else 0, largest.get(number, 0))
        if before > MAX_ATTEMPT:
            raise LimitError(f"more than {MAX_ATTEMPT:,} attempts", next_step="Import fewer files at once.")
    database.execute("CREATE OR REPLACE TEMP TABLE shift (run INTEGER, before INTEGER)")
    if shifts:
        database.executemany("INSERT INTO shift VALUES (?, ?)", shifts)
