"""The aggregate document of Every Eval Ever: its runs, and what the scores of each result mean.

Responsible for names (of tasks and raters), for direction, scale and judge, and for the numbers told.
Invariants: two results of one name never share a rater; a direction of ours that is unknown stays unknown,
though the schema demands a yes or no; addresses, persons and prompts of judges are not kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from consilience.evaluation.exports.own_keys import of_own
from consilience.evaluation.importers import plain
from consilience.evaluation.importers.imported import (
    Direction,
    ImportedRun,
    Metric,
    Plain,
    Returned,
    ScaleKind,
)
from consilience.evaluation.importers.scales import SeenScale
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.protocol import RaterKind
from consilience.languages import is_tag

HARNESS = "every-eval-ever"
MAX_RESULTS = 20_000
"""Results of one document."""
MAX_RATER = 200
"""Characters of a rater's name."""
MAX_JUDGES = 20
"""Judges of one result that are named."""
SCALES: dict[str, ScaleKind] = {"binary": "binary", "continuous": "continuous", "levels": "ordinal"}
SAMPLING = ("temperature", "top_p", "top_k", "max_tokens")
KNOWN = frozenset(
    {"schema_version", "evaluation_id", "evaluation_timestamp", "retrieved_timestamp", "source_metadata",
     "eval_library", "model_info", "evaluation_results", "detailed_evaluation_results"}
)  # fmt: skip
NOT_KEPT = (
    "source_metadata.source_organization_url", "source_metadata.source_organization_logo_url",
    "model_info.inference_platform", "model_info.inference_engine",
)  # fmt: skip


class Told(msgspec.Struct, kw_only=True):
    """One result of a document: a rater of a run."""

    run: int
    rater: str
    metric: str
    key: str | None = None
    """Its `evaluation_result_id`."""
    config: dict[str, Any] = {}
    own: dict[str, str] = {}
    score: float | None = None
    """The aggregate number, as told."""
    reason: str = ""
    """Why it cannot be held against the rows."""

    def add_metric(self, sink: Sink, seen: SeenScale | None) -> None:
        """Tell the sink what the scores mean.

        Args:
            sink: Gets the metric.
            seen: What the scores showed; None: there is none.
        """
        sink.add_metric(self.run, _own_metric(self) if self.own else _metric(self, seen))

    def add_summaries(self, sink: Sink, *, n_rows: int) -> None:
        """Tell the sink the numbers that the document tells of its rows."""
        if self.own:
            mean, n = plain.number(self.own.get("mean_of_scores")), plain.whole(self.own.get("scored"))
            if n:
                sink.add_summary(self.run, self.rater, "n", float(n))
                sink.add_summary(self.run, self.rater, "mean", mean)
        elif self.score is not None:
            reason = self.reason if n_rows else "its rows are not in the source"
            sink.add_summary(self.run, self.rater, "mean", self.score, reason)


class Document:
    """One aggregate document, or what rows without one tell by themselves."""

    def __init__(self, evaluation_id: str, file: str, base: dict[str, Any]) -> None:
        """Take the fields that all its runs have in common."""
        self.evaluation_id, self.file, self.base = evaluation_id, file, base
        self.laboratory: str | None = None
        self.samples_file: str | None = None
        self.unscored_file: str | None = None
        self.samples_rows: int | None = None
        self.samples_sha256: str | None = None
        self.results: dict[str, Told] = {}
        """By `evaluation_result_id`."""
        self.named: dict[str, list[Told]] = {}
        """By `evaluation_name`."""
        self._runs: dict[tuple[str, str | None], int] = {}
        self._raters: set[tuple[int, str]] = set()

    def all_told(self) -> Iterator[Told]:
        """Yield the results."""
        for members in self.named.values():
            yield from members

    def run(
        self, name: str, own: dict[str, str], sink: Sink, settings: dict[str, Plain] | None = None
    ) -> int:
        """Return the run of an evaluation name, begun where it is not there yet."""
        key = (name, own.get("split"))
        if key not in self._runs:
            fields = self.base | _of_own_run(own) if own else self.base
            fields = {"task": name, "concept": name} | fields | {"settings": settings or {}}
            if own:
                fields["concept"] = own.get("concept", name)
                fields["task"] = fields["concept"]
            self._runs[key] = sink.add_run(ImportedRun(**fields))
        return self._runs[key]

    def add(self, result: dict[str, Any], sink: Sink) -> None:
        """Take one entry of `evaluation_results`."""
        config = plain.table(result.get("metric_config"))
        own = of_own(config.get("additional_details"))
        own = own if "rater" in own else {}
        name = clean(plain.text(result.get("evaluation_name")) or "unknown")
        run = self.run(name, own, sink, _settings(result))
        self._sampling(run, result, sink)
        key = plain.text(result.get("evaluation_result_id"))
        metric = clean(_first(config, "metric_name", "metric_id") or key or "score")
        rater = self._unique(run, own["rater"][:MAX_RATER] if own.get("rater") else metric, key)
        told = Told(
            run=run,
            rater=rater,
            metric=metric,
            config=config,
            own=own,
            score=plain.number(plain.table(result.get("score_details")).get("score")),
            reason="told in percent" if config.get("metric_unit") == "percent" else "",
        )
        self._keep(told, key, name)

    def add_own(self, header: dict[str, Any], sink: Sink) -> None:
        """Take the head line of a result in our file of rows without a score, where no score named it yet."""
        key = plain.text(header.get("evaluation_result_id"))
        own = of_own(header.get("result"))
        if key is None or key in self.results or "rater" not in own:
            return
        name = clean(plain.text(header.get("evaluation_name")) or "unknown")
        run = self.run(name, own, sink)
        rater = self._unique(run, own["rater"][:MAX_RATER], key)
        self._keep(Told(run=run, rater=rater, metric=own.get("metric", rater), own=own), key, name)

    def told_by(self, row: dict[str, Any], sink: Sink) -> Told | None:
        """Return the result that a row belongs to; None: it cannot be told which."""
        key = plain.text(row.get("evaluation_result_id"))
        if key is not None and key in self.results:
            return self.results[key]
        name = clean(plain.text(row.get("evaluation_name")) or "unknown")
        members = self.named.get(name, [])
        if len(members) == 1 and (key is None or members[0].key is None):
            return members[0]
        if members and key is None:
            return None
        if sum(map(len, self.named.values())) >= MAX_RESULTS:
            return None
        run = self.run(name, {}, sink)
        rater = self._unique(run, clean(key or "score"), None)
        told = Told(run=run, rater=rater, metric=rater)
        self._keep(told, key, name)
        return told

    def _keep(self, told: Told, key: str | None, name: str) -> None:
        told.key = key
        self._raters.add((told.run, told.rater))
        if key is not None:
            self.results.setdefault(key, told)
        self.named.setdefault(name, []).append(told)

    def _unique(self, run: int, rater: str, key: str | None) -> str:
        """Return a rater's name that no other result of the run has."""
        name, number = rater, 1
        if (run, name) in self._raters and key is not None:
            name = clean(f"{rater} ({key})")
        while (run, name) in self._raters:
            number += 1
            name = f"{rater[: MAX_RATER - 10]} #{number}"
        return name

    def _sampling(self, run: int, result: dict[str, Any], sink: Sink) -> None:
        arguments = plain.table(plain.table(result.get("generation_config")).get("generation_args"))
        sampling = plain.settings({name: arguments.get(name) for name in SAMPLING})
        if sampling:
            sink.change_run(run, sampling=sampling)


def clean(text: str) -> str:
    """Return a foreign name as it may be shown and stand in a table."""
    return "".join(c if c.isprintable() else " " for c in text).strip()[:MAX_RATER] or "unknown"


def read_document(whole: dict[str, Any], source: Source, sink: Sink) -> Document:
    """Read an aggregate document; its runs are begun in the sink.

    Args:
        whole: As JSON has it.
        source: Its file.
        sink: Gets the runs, and findings of what cannot be read.
    """
    model = plain.table(whole.get("model_info"))
    library = plain.table(whole.get("eval_library"))
    metadata = plain.table(whole.get("source_metadata"))
    version = plain.text(whole.get("schema_version")) or "unknown"
    base = {
        "harness": clean(plain.text(library.get("name")) or HARNESS),
        "harness_version": plain.text(library.get("version")),
        "format": f"{HARNESS} {clean(version)}",
        "file": source.name,
        "model": clean(plain.without_path(_first(model, "id", "name") or "unknown")),
        "created": _moment(whole.get("evaluation_timestamp")),
        "state": "complete",
        "unmapped": _unmapped(whole, model, metadata),
    }
    found = Document(plain.text(whole.get("evaluation_id")) or source.name, source.name, base)
    found.laboratory = of_own(metadata.get("additional_details")).get("laboratory")
    _samples(whole, found)
    results = plain.rows(whole.get("evaluation_results"))
    for result in results[:MAX_RESULTS]:
        if isinstance(result, dict):
            found.add(result, sink)
        else:
            sink.add_finding("warning", "no_result", "this is no result and was left out", file=source.name)
    if len(results) > MAX_RESULTS:
        sink.add_finding(
            "error", "too_many_results", f"more than {MAX_RESULTS:,} results; the rest was left out",
            file=source.name,
        )  # fmt: skip
    return found


def told_alone(row: dict[str, Any], evaluation_id: str, source: Source, sink: Sink) -> Document:
    """Return what rows whose document is not there tell by themselves, with a finding."""
    sink.add_finding(
        "warning", "rows_without_document", "no document belongs to these rows: harness, direction and scale "
        "are not known", file=source.name, next_step="Import it together with its aggregate document.",
    )  # fmt: skip
    model = clean(plain.without_path(plain.text(row.get("model_id")) or "unknown"))
    version = clean(plain.text(row.get("schema_version")) or "unknown")
    base = {"harness": HARNESS, "format": f"{HARNESS} {version}", "file": source.name, "model": model}
    return Document(evaluation_id, source.name, base)


def _samples(whole: dict[str, Any], found: Document) -> None:
    samples = plain.table(whole.get("detailed_evaluation_results"))
    name = plain.text(samples.get("file_path"))
    found.samples_file = name.rpartition("/")[2] if name is not None else None
    found.samples_rows = plain.whole(samples.get("total_rows"))
    if samples.get("hash_algorithm") == "sha256":
        found.samples_sha256 = plain.text(samples.get("checksum"))
    unscored = of_own(samples.get("additional_details")).get("unscored_file")
    found.unscored_file = unscored.rpartition("/")[2] if unscored else None


def _unmapped(whole: dict[str, Any], model: dict[str, Any], metadata: dict[str, Any]) -> tuple[str, ...]:
    other = sorted(clean(str(name)) for name in whole if name not in KNOWN)[:100]
    kept = {"source_metadata": metadata, "model_info": model}
    told = [path for path in NOT_KEPT if kept[path.partition(".")[0]].get(path.partition(".")[2])]
    return (*other, *told)


def _first(values: dict[str, Any], *names: str) -> str | None:
    return next((text for name in names if (text := plain.text(values.get(name))) is not None), None)


def _moment(value: Any) -> str | None:
    seconds = plain.number(value)
    return plain.moment(seconds) if seconds is not None else plain.moment(value)


def _settings(result: dict[str, Any]) -> dict[str, Plain]:
    data = plain.table(result.get("source_data"))
    config = plain.table(result.get("metric_config"))
    return plain.settings(
        {"dataset": data.get("dataset_name"), "hf_repo": data.get("hf_repo"),
         "hf_split": data.get("hf_split"), "metric_kind": config.get("metric_kind"),
         "metric_unit": config.get("metric_unit")}
    )  # fmt: skip


def _of_own_run(own: dict[str, str]) -> dict[str, Any]:
    """What an export of ours tells of a run."""
    language = own.get("language")
    known = language is not None and is_tag(language)
    return {
        "language": language if known else None,
        "language_basis": "declared" if known and language != "und" else "unknown",
        "returned": Returned(
            protocol_digest=own.get("protocol_digest"), split=own.get("split"), run=own.get("run")
        ),
    }


def _metric(told: Told, seen: SeenScale | None) -> Metric:
    config = told.config
    judges, prompt = _judges(config)
    direction: Direction = "unknown"
    if isinstance(config.get("lower_is_better"), bool):
        direction = "lower is better" if config["lower_is_better"] else "higher is better"
    scale = SCALES.get(str(config.get("score_type")))
    names = [name for name in plain.rows(config.get("level_names")) if isinstance(name, str)][:50]
    return Metric(
        rater=told.rater,
        name=told.metric,
        kind=RaterKind.JUDGE if judges is not None else RaterKind.PROGRAM,
        direction=direction,
        scale=scale or (seen.kind if seen is not None else "unknown"),
        minimum=_bound(config.get("min_score")),
        maximum=_bound(config.get("max_score")),
        judge_model=judges,
        prompt_digest=prompt,
        values={clean(name): float(place) for place, name in enumerate(names)},
    )


def _bound(value: Any) -> float | None:
    return plain.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _judges(config: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the names of the judges and the digest of their prompt; None and None: no judge is told."""
    scoring = config.get("llm_scoring")
    if not isinstance(scoring, dict):
        return None, None
    models = [
        clean(
            plain.without_path(_first(plain.table(plain.table(judge).get("model_info")), "id", "name") or "?")
        )
        for judge in plain.rows(scoring.get("judges"))[:MAX_JUDGES]
    ]
    prompt = plain.text(scoring.get("input_prompt"))
    digest = (
        None if prompt is None else "sha256:" + hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()
    )
    return ", ".join(models) or "unknown", digest


def _own_metric(told: Told) -> Metric:
    """What an export of ours tells of a metric."""
    own = told.own
    try:
        kind = RaterKind(own.get("rater_kind", ""))
    except ValueError:
        kind = RaterKind.PROGRAM
    try:
        words = msgspec.json.decode(own.get("words", "{}"), type=dict[str, float])
    except msgspec.DecodeError:
        words = {}
    directions: dict[str, Direction] = {d: d for d in ("higher is better", "lower is better")}
    scales: dict[str, ScaleKind] = {s: s for s in ("binary", "ordinal", "continuous")}
    return Metric(
        rater=told.rater,
        name=own.get("metric", told.rater),
        kind=kind,
        direction=directions.get(own.get("direction", ""), "unknown"),
        scale=scales.get(own.get("scale", ""), "unknown"),
        minimum=plain.number(own.get("minimum")),
        maximum=plain.number(own.get("maximum")),
        judge_model=own.get("judge_model"),
        prompt_digest=own.get("prompt_digest"),
        values=words,
        note=own.get("note", ""),
        simulated=own.get("simulated") == "true",
    )
