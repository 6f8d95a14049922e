"""Hugging Face: `.eval_results/*.yaml`, and the older `model-index` in the front matter of a README.md.

Both hold numbers that somebody declares, without items. Invariants: a declared number becomes no score; it
stands among the told summaries, its basis is declared and its n is not known; names of persons and tokens
are not kept; a document that expands, nests or repeats without end is refused by its size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from consilience.evaluation.importers import plain
from consilience.evaluation.importers.every_eval_ever_results import clean
from consilience.evaluation.importers.imported import ImportedRun, Metric, Options, Plain
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.protocol import RaterKind

HARNESS = "hugging-face"
MAX_YAML_BYTES = 256 * 1024
"""Of one YAML document."""
MAX_ENTRIES = 2_000
"""Numbers of one YAML document."""
MAX_NESTING = 60
"""Brackets of a YAML document within each other."""
DECLARED = "declared without items; n is not known"
FOLDER = ".eval_results"
NOT_KEPT = ("verifyToken", "source.user", "source.url")


class Declared(NamedTuple):
    """One number that somebody declares."""

    model: str | None
    task: str
    metric: str
    value: float | None
    date: str | None
    settings: dict[str, Plain]
    unmapped: tuple[str, ...]


class HuggingFace:
    """The reader."""

    name = HARNESS

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file is a list of results in YAML, or a README with a `model-index`."""
        start = head.removeprefix(b"\xef\xbb\xbf")
        if start.startswith((b"{", b"[", b"PK")):
            return False
        if _is_readme(start):
            return re.search(rb"^model-index:", start, re.MULTILINE) is not None
        return all(
            re.search(rb"^[ \t-]*" + key + rb":", start, re.MULTILINE)
            for key in (b"dataset", b"task_id", b"value")
        )

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read all files."""
        for source in sources:
            text = _text(source, sink)
            document = None if text is None else _yaml(text, source, sink)
            if document is None:
                continue
            if isinstance(document, dict) and "model-index" in document:
                found = list(_model_index(document["model-index"]))
            else:
                found = list(_entries(document))
            if len(found) > MAX_ENTRIES:
                sink.add_finding(
                    "error", "too_many_entries", f"more than {MAX_ENTRIES:,} numbers; the rest was left out",
                    file=source.name,
                )  # fmt: skip
            _add(found[:MAX_ENTRIES], source, sink, options)


def _is_readme(start: bytes) -> bool:
    return re.match(rb"---[ \t]*\r?\n", start) is not None and b"model-index:" in start


def _text(source: Source, sink: Sink) -> str | None:
    """Return the YAML of a file: all of it, or the front matter of a README."""
    with source.open() as stream:
        raw = stream.read(MAX_YAML_BYTES + 1).removeprefix(b"\xef\xbb\xbf")
    if _is_readme(raw):
        end = re.search(rb"^---[ \t]*\r?$", raw[4:], re.MULTILINE)
        raw = raw[4 : 4 + end.start()] if end is not None else raw[4:]
    if len(raw) > MAX_YAML_BYTES:
        sink.add_finding(
            "error", "too_large", f"the YAML has more than {MAX_YAML_BYTES // 1024} KiB", file=source.name
        )
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        sink.add_finding("error", "encoding", "the text is not UTF-8", file=source.name, offset=error.start)
        return None


def _yaml(text: str, source: Source, sink: Sink) -> Any:
    """Return the value of a YAML document, or None with a finding."""
    import yaml

    if _nesting(text) > MAX_NESTING:
        sink.add_finding(
            "error", "too_deep", f"brackets stand more than {MAX_NESTING} deep within each other",
            file=source.name,
        )  # fmt: skip
        return None
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else None
        sink.add_finding("error", "malformed", "this is no YAML", file=source.name, line=line)
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ):
        sink.add_finding("error", "malformed", "this is no YAML", file=source.name)
    return None


def _nesting(text: str) -> int:
    """Return how deep brackets, or lists and tables by indentation, can stand at most."""
    depth = deepest = 0
    for mark in re.findall(r"[\[\]{}]", text):
        depth += 1 if mark in "[{" else -1
        deepest = max(deepest, depth)
    dashes = max(
        (len(found) // 2 for found in re.findall(r"^[ \t]*((?:[-?:] )+)", text, re.MULTILINE)), default=0
    )
    indents = {len(found) for found in re.findall(r"^( *)\S", text, re.MULTILINE)}
    return max(deepest, dashes, len(indents))


def _entries(document: Any) -> Iterator[Declared]:
    """Yield the entries of `.eval_results`."""
    for entry in plain.rows(document):
        values = plain.table(entry)
        values = plain.table(values.get("data")) or values
        dataset, source = plain.table(values.get("dataset")), plain.table(values.get("source"))
        name, task = plain.text(dataset.get("id")), plain.text(dataset.get("task_id"))
        if name is None and task is None:
            continue
        yield Declared(
            model=None,
            task=clean("/".join(part for part in (name, task) if part is not None)),
            metric="value",
            value=plain.number(values.get("value")),
            date=plain.moment(_iso(values.get("date"))),
            settings=plain.settings(
                {"dataset": name, "task_id": task, "revision": dataset.get("revision"),
                 "source": source.get("name"), "organisation": source.get("org"),
                 "notes": values.get("notes")}
            ),
            unmapped=tuple(
                path
                for path in NOT_KEPT
                if (source if "." in path else values).get(path.rpartition(".")[2]) is not None
            ),
        )  # fmt: skip


def _model_index(document: Any) -> Iterator[Declared]:
    """Yield the numbers of a `model-index`."""
    for model in plain.rows(document):
        name = plain.text(plain.table(model).get("name")) or "unknown"
        for result in plain.rows(plain.table(model).get("results")):
            values = plain.table(result)
            dataset, task = plain.table(values.get("dataset")), plain.table(values.get("task"))
            about = plain.text(dataset.get("name")) or plain.text(dataset.get("type"))
            about = about or plain.text(task.get("name")) or plain.text(task.get("type")) or "unknown"
            for metric in plain.rows(values.get("metrics")):
                told = plain.table(metric)
                kind = plain.text(told.get("name")) or plain.text(told.get("type")) or "value"
                yield Declared(
                    model=name,
                    task=clean(about),
                    metric=clean(kind),
                    value=plain.number(told.get("value")),
                    date=None,
                    settings=plain.settings(
                        {"dataset": dataset.get("type"), "config": dataset.get("config"),
                         "split": dataset.get("split"), "revision": dataset.get("revision"),
                         "task": task.get("type"), "verified": told.get("verified")}
                    ),
                    unmapped=("verifyToken",) if told.get("verifyToken") else (),
                )  # fmt: skip


def _iso(value: Any) -> Any:
    """YAML makes dates of what looks like one; return them as text."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _add(found: Sequence[Declared], source: Source, sink: Sink, options: Options) -> None:
    """Tell the sink what is declared."""
    runs: dict[tuple[str | None, str], int] = {}
    raters: set[tuple[int, str]] = set()
    without = 0
    for one in found:
        if options.scorers and one.metric not in options.scorers:
            continue
        key = (one.model, one.task)
        if key not in runs:
            runs[key] = sink.add_run(_run(one, source))
        run = runs[key]
        rater, number = one.metric, 1
        while (run, rater) in raters:
            number += 1
            rater = f"{one.metric[:180]} #{number}"
        raters.add((run, rater))
        sink.add_metric(
            run, Metric(rater=rater, name=one.metric, kind=RaterKind.PROGRAM, note="who rated is not told")
        )
        sink.add_summary(run, rater, "mean", one.value, DECLARED)
        without += one.value is None
    if runs:
        sink.add_finding(
            "note", "declared", f"{len(raters):,} numbers are declared without their items; they are told "
            "and no scores", file=source.name,
        )  # fmt: skip
    if without:
        sink.add_finding(
            "warning", "no_number", f"{without:,} declared values are no numbers", file=source.name
        )


def _run(one: Declared, source: Source) -> ImportedRun:
    return ImportedRun(
        harness=HARNESS,
        format="model-index" if one.model is not None else "eval_results",
        file=source.name,
        task=one.task,
        concept=one.task,
        model=clean(plain.without_path(one.model or _folder(source))),
        created=one.date,
        settings=one.settings,
        unmapped=one.unmapped,
    )


def _folder(source: Source) -> str:
    """Return the name of the repository that a file stands in, as far as its name tells."""
    parts = [part for part in source.name.replace("!/", "/").split("/") if part]
    if FOLDER in parts[1:]:
        return parts[parts.index(FOLDER, 1) - 1]
    return "unknown"
