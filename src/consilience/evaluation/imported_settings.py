"""What the account of an import tells of how a run was done, as facts to hold beside those of manifests.

Pure. Settings keep the names that their source gives them, after `settings.`; sampling, harness, task
version, attempts, languages, date and the judge of the rater stand under the names that manifests use.
Invariants: what the source does not tell is not known, and never counts as not sent or not used; what is no
setting is left out: seeds, names of one run, times, and results such as grades.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from consilience.evaluation.importers.imported import Imported, ImportedRun
from consilience.evaluation.recorded_settings import MAX_KEYS, Fact, as_day, as_fact, shortened

TOKEN_LIMITS = frozenset(
    {"max_tokens", "max_gen_toks", "max_new_tokens", "max_completion_tokens", "max_output_tokens"}
)
"""Names that harnesses give the token limit."""
NO_SETTING = re.compile(
    r"(^|[._])(seed|id|uid|evalid|started_at|completed_at|grade|reference|notes|organi[sz]ation|source)$",
    re.I,
)
"""Ends of names of what is no setting: it says which run this was, when, or what came out."""
FINISHED = {"complete": "yes", "interrupted": "no"}
Told = Mapping[tuple[str, str], list[tuple[str, ImportedRun]]]


def imported_runs(imports: Iterable[Imported]) -> Told:
    """Return the runs of imports with their laboratories, by model and concept."""
    found: dict[tuple[str, str], list[tuple[str, ImportedRun]]] = {}
    for imported in imports:
        for run in imported.runs:
            found.setdefault((run.model, run.concept), []).append((imported.laboratory, run))
    return found


def imported_facts(run: ImportedRun, rater: str) -> dict[str, Fact]:
    """Return what is told of one run, as far as it can matter for the scores of a rater."""
    facts = {**dict(_run(run)), **dict(_settings(run)), **dict(_judge(run, rater))}
    return {name: fact for name, fact in facts.items() if fact is not None or name.startswith("software.")}


def _run(run: ImportedRun) -> Iterator[tuple[str, Fact]]:
    version, languages = run.harness_version, run.languages or ((run.language,) if run.language else ())
    yield "harness", shortened(run.harness)
    yield f"software.{shortened(run.harness)}", None if version is None else shortened(version)
    yield "task_version", None if run.task_version is None else shortened(run.task_version)
    yield "attempts", None if run.attempts is None else float(run.attempts)
    yield "languages", "\x1f".join(sorted({shortened(tag) for tag in languages})) or None
    yield "finished", FINISHED.get(run.state)
    yield "started_at", None if run.created is None else as_day(run.created)


def _settings(run: ImportedRun) -> Iterator[tuple[str, Fact]]:
    for key in _kept(run.sampling):
        name = "max_tokens" if key in TOKEN_LIMITS else shortened(key)
        yield f"sampling.{name}", as_fact(run.sampling[key])
    for key in _kept(run.settings):
        yield f"settings.{shortened(key)}", as_fact(run.settings[key])


def _judge(run: ImportedRun, rater: str) -> Iterator[tuple[str, Fact]]:
    for metric in run.metrics:
        if metric.rater == rater:
            for part, value in (("model", metric.judge_model), ("prompt", metric.prompt_digest)):
                yield f"rater.{shortened(rater)}.{part}", None if value is None else shortened(value)


def _kept(values: Mapping[str, object]) -> list[str]:
    """Names of settings, the first so many; what was told as nothing is not known."""
    known = [key for key in sorted(values) if values[key] is not None and not NO_SETTING.search(key)]
    return known[:MAX_KEYS]
