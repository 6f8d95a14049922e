"""What readers write into: rows of scores in bounded memory, runs, findings, summaries.

Responsible for collecting what readers find and for writing `scores.parquet` and `items.parquet`. Invariants:
- at most FLUSH_ROWS rows are held as Python objects, the rest is in a scratch database; the texts of prompts
  are in a scratch file;
- one laboratory, model, language, concept, item, attempt and rater has one row: of equal rows one stays, of
  rows that contradict each other the first stays, and a finding counts the others;
- a prompt that stands under several ids of one run is one item with a finding, never two;
- what is written does not depend on the order in which files were named.
"""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from consilience.errors import LimitError
from consilience.evaluation.importers import clean_names
from consilience.evaluation.importers.clean_names import clean_name
from consilience.evaluation.importers.imported import Finding, ImportedRun, Metric, Severity, Summary
from consilience.evaluation.importers.private import without_secrets
from consilience.evaluation.importers.prompt import prompt_digest
from consilience.evaluation.importers.prompt_file import PromptFile
from consilience.evaluation.scores import Cause, Status

if TYPE_CHECKING:
    import duckdb

FLUSH_ROWS = 20_000
"""Rows held in memory before they go to the scratch database."""
KNOWN_PROMPTS = 200_000
"""Digests of prompts held in memory, so that a prompt is kept once; more are looked up in the database."""
MAX_RUNS = 10_000
"""Runs (task × model) of one import."""
MAX_FINDINGS = 1_000
"""Different findings of one import; further ones are counted."""
MAX_NAME = clean_names.MAX_NAME
"""Characters of a name in the scores table."""
MAX_PROMPT = 65_536
"""Characters of a prompt that are kept for matching; the digest is of all of it."""

COLUMNS = (
    "run INTEGER, source_item VARCHAR, item_digest VARCHAR, attempt INTEGER, rater VARCHAR, score DOUBLE, "
    "status VARCHAR, cause VARCHAR, language VARCHAR, concept VARCHAR, generation VARCHAR, number BIGINT"
)


TOLD = "told.json"
TABLES = ("row", "prompt")


class _Told(msgspec.Struct, frozen=True):
    """What a sink holds beside rows and prompts."""

    runs: tuple[ImportedRun, ...]
    metrics: tuple[dict[str, Metric], ...]
    summaries: tuple[Summary, ...]
    findings: tuple[Finding, ...]
    n_rows: int
    dropped_findings: int


class Sink:
    """Takes what readers find; `write_import` makes files of it."""

    def __init__(self, scratch: Path, on_rows: Callable[[int], None] | None = None) -> None:
        """Open the sink.

        Args:
            scratch: An empty folder; what does not fit in memory goes there.
            on_rows: Told now and then how many rows there are.
        """
        import duckdb

        self._database: duckdb.DuckDBPyConnection = duckdb.connect(
            str(scratch / "import.duckdb"),
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": "112MB",
                "threads": "1",
                "temp_directory": str(scratch / "spill"),
            },
        )
        self._database.execute(f"CREATE TABLE row ({COLUMNS})")
        self._database.execute("CREATE TABLE prompt (item_digest VARCHAR, place BIGINT, size INTEGER)")
        self.prompts = PromptFile(scratch)
        self.runs: list[ImportedRun] = []
        self.metrics: list[dict[str, Metric]] = []
        self.summaries: list[Summary] = []
        self._findings: dict[tuple[str, str, str], Finding] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._prompts: dict[str, tuple[int, int]] = {}
        self._known_prompts: set[bytes] = set()
        self._forgot_prompts = False
        self.n_rows = 0
        self.dropped_findings = 0
        self.on_rows = on_rows

    @property
    def database(self) -> duckdb.DuckDBPyConnection:
        """The scratch database with the tables `row` and `prompt`, all rows in it; texts are in `prompts`."""
        self._flush()
        return self._database

    def add_run(self, run: ImportedRun) -> int:
        """Begin a run and return its number.

        Raises:
            LimitError: More than MAX_RUNS.
        """
        if len(self.runs) >= MAX_RUNS:
            raise LimitError(f"more than {MAX_RUNS:,} runs", next_step="Import fewer files at once.")
        self.runs.append(self._public(run))
        self.metrics.append({})
        for metric in run.metrics:
            self.add_metric(len(self.runs) - 1, metric)
        return len(self.runs) - 1

    def change_run(self, run: int, **fields: Any) -> None:
        """Tell what only became known while reading, such as `state` or `language`."""
        self.runs[run] = self._public(msgspec.structs.replace(self.runs[run], **fields))

    def _public(self, run: ImportedRun) -> ImportedRun:
        """Return the run without settings that may be secrets, which a finding names."""
        sampling, settings = without_secrets(run.sampling), without_secrets(run.settings)
        for name in (*sampling[1], *settings[1]):
            self.add_finding(
                "note", "secret_left_out", f"the setting {name[:100]} may be a secret and was left out",
                file=run.file,
            )  # fmt: skip
        return msgspec.structs.replace(
            run, sampling=sampling[0], settings=settings[0], model=clean_name(run.model),
            task=clean_name(run.task), concept=clean_name(run.concept),
        )  # fmt: skip

    def add_metric(self, run: int, metric: Metric) -> None:
        """Tell what the scores of one rater mean; told again, the later counts."""
        rater = clean_name(metric.rater)
        self.metrics[run][rater] = msgspec.structs.replace(metric, rater=rater)

    def add_prompt(self, text: str) -> str:
        """Keep the text of a prompt for matching and return its digest."""
        digest = prompt_digest(text)
        key = bytes.fromhex(digest[7:39])
        if key not in self._known_prompts:
            if len(self._known_prompts) >= KNOWN_PROMPTS:
                self._known_prompts.clear()
                self._forgot_prompts = True
            self._known_prompts.add(key)
            if digest not in self._prompts:
                self._prompts[digest] = self.prompts.append(text[:MAX_PROMPT])
                if len(self._prompts) >= FLUSH_ROWS:
                    self._flush()
        return digest

    def add_score(
        self, run: int, item: str, *, rater: str, score: float | None, status: Status = Status.SCORED,
        cause: Cause | None = None, attempt: int = 1, item_digest: str | None = None,
        language: str | None = None, concept: str | None = None, generation: str | None = None,
    ) -> None:  # fmt: skip
        """Add one rating.

        Args:
            run: Number of the run.
            item: The item as the source names it.
            rater: A rater that has a metric.
            score: Its number, None where there is none; never NaN or infinite.
            status: `scored` exactly with a score.
            cause: Why there is no score.
            attempt: From 1.
            item_digest: From `add_prompt`; None where the source does not have the prompt.
            language: Of this item, where the source tells; None: the run's.
            concept: Of this item; None: the run's.
            generation: Name of the answer in the source.
        """
        self._rows.append(
            (
                run, item if item.isprintable() else clean_name(item), item_digest, attempt,
                clean_name(rater), score, status.value, None if cause is None else cause.value, language,
                None if concept is None else clean_name(concept),
                generation if generation is None or generation.isprintable() else clean_name(generation),
                self.n_rows,
            )
        )  # fmt: skip
        self.n_rows += 1
        if len(self._rows) >= FLUSH_ROWS:
            self._flush()

    def add_finding(
        self, severity: Severity, code: str, text: str, *, file: str, line: int | None = None,
        offset: int | None = None, next_step: str | None = None,
    ) -> None:  # fmt: skip
        """Add a finding; the same code and text in the same file count as one with its first place."""
        key = (file, code, text)
        known = self._findings.get(key)
        if known is not None:
            self._findings[key] = msgspec.structs.replace(known, count=known.count + 1)
        elif len(self._findings) >= MAX_FINDINGS:
            self.dropped_findings += 1
        else:
            self._findings[key] = Finding(
                severity=severity, code=code, text=text, file=file, line=line, offset=offset,
                next_step=next_step,
            )  # fmt: skip

    def add_summary(
        self, run: int, rater: str, statistic: str, told: float | None, reason: str = "",
        decimals: int | None = None,
    ) -> None:  # fmt: skip
        """Add a number that the source tells of its items; it is compared with the items when all are read.

        Args:
            run: Number of the run.
            rater: Whose scores.
            statistic: `mean`, `n` (scored rows) or `items`; others are kept with a reason.
            told: As the source has it.
            reason: Why it cannot be compared, if so.
            decimals: Digits after the point that the source rounds to; None: it writes all digits.
        """
        self.summaries.append(
            Summary(
                run=run,
                rater=clean_name(rater),
                statistic=statistic,
                told=told,
                computed=None,
                agrees=None,
                reason=reason,
                decimals=decimals,
            )
        )

    def findings(self) -> tuple[Finding, ...]:
        """Return the findings, those that are errors first, by file and place."""
        order = {"error": 0, "warning": 1, "note": 2}
        return tuple(
            sorted(
                self._findings.values(),
                key=lambda f: (order[f.severity], f.file, f.line or 0, f.offset or 0, f.code, f.text),
            )
        )

    def _flush(self) -> None:
        import numpy as np

        if self._rows:
            names = [part.split()[0] for part in COLUMNS.split(", ")]
            columns = {
                name: _array(values, name, np)
                for name, values in zip(names, zip(*self._rows, strict=True), strict=True)
            }
            self._insert(f"INSERT INTO row SELECT {', '.join(names)} FROM incoming", columns)  # noqa: S608
            self._rows.clear()
            if self.on_rows is not None:
                self.on_rows(self.n_rows)
        if self._prompts:
            self._insert_prompts(np)
            self._prompts.clear()

    def _insert_prompts(self, np: Any) -> None:
        places, sizes = zip(*self._prompts.values(), strict=True)
        columns = {
            "item_digest": np.array(list(self._prompts), dtype=object),
            "place": np.array(places, dtype=np.int64), "size": np.array(sizes, dtype=np.int64),
        }  # fmt: skip
        new = " WHERE item_digest NOT IN (SELECT item_digest FROM prompt)" if self._forgot_prompts else ""
        self._insert(f"INSERT INTO prompt SELECT item_digest, place, size FROM incoming{new}", columns)  # noqa: S608

    def _insert(self, query: str, columns: dict[str, Any]) -> None:
        """Insert columns; texts that are no UTF-8 are escaped, which only they pay for."""
        import duckdb

        try:
            self._database.register("incoming", columns)
            self._database.execute(query)
        except (duckdb.InvalidInputException, UnicodeEncodeError):
            columns = {
                name: values if values.dtype != object else _encodable(values)
                for name, values in columns.items()
            }
            self._database.register("incoming", columns)
            self._database.execute(query)
        self._database.unregister("incoming")

    def save(self, folder: Path) -> None:
        """Write everything into a folder, for `join` of another sink."""
        for table in TABLES:
            place = "'" + str(folder / f"{table}.parquet").replace("'", "''") + "'"
            self.database.execute(f"COPY {table} TO {place} (FORMAT parquet, COMPRESSION zstd)")
        self.prompts.save(folder)
        told = _Told(
            tuple(self.runs), tuple(self.metrics), tuple(self.summaries), tuple(self._findings.values()),
            self.n_rows, self.dropped_findings,
        )  # fmt: skip
        (folder / TOLD).write_bytes(msgspec.json.encode(told))

    def join(self, folder: Path) -> None:
        """Take what another sink saved, as if it had been told here, after everything before.

        Raises:
            LimitError: Together more than MAX_RUNS.
        """
        told = msgspec.json.decode((folder / TOLD).read_bytes(), type=_Told)
        first = len(self.runs)
        for run, metrics in zip(told.runs, told.metrics, strict=True):
            self.add_run(run)
            self.metrics[-1] = dict(metrics)
        self.summaries += [msgspec.structs.replace(one, run=one.run + first) for one in told.summaries]
        for finding in told.findings:
            self._join_finding(finding)
        self.dropped_findings += told.dropped_findings
        places = {table: glob.escape(str(folder / f"{table}.parquet")) for table in TABLES}
        self.database.execute(
            "INSERT INTO row SELECT * REPLACE (run + $first AS run, number + $before AS number) "
            "FROM read_parquet($rows)", {"first": first, "before": self.n_rows, "rows": places["row"]},
        )  # fmt: skip
        self.n_rows += told.n_rows
        self._database.execute(
            "INSERT INTO prompt SELECT item_digest, place + $before, size FROM read_parquet($prompts) "
            "WHERE item_digest NOT IN (SELECT item_digest FROM prompt)",
            {"prompts": places["prompt"], "before": self.prompts.append_file(folder)},
        )
        self._forgot_prompts = True

    def _join_finding(self, finding: Finding) -> None:
        key = (finding.file, finding.code, finding.text)
        known = self._findings.get(key)
        if known is not None:
            self._findings[key] = msgspec.structs.replace(known, count=known.count + finding.count)
        elif len(self._findings) >= MAX_FINDINGS:
            self.dropped_findings += finding.count
        else:
            self._findings[key] = finding

    def close(self) -> None:
        """Close the scratch database."""
        self._database.close()
        self.prompts.close()


def encodable(text: str) -> str:
    """Return a text as UTF-8 can hold it: half of a surrogate pair becomes its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def _encodable(values: Any) -> Any:
    """Return an array of texts and None as UTF-8 can hold them."""
    import numpy as np

    return np.array([encodable(v) if isinstance(v, str) else v for v in values], dtype=object)


def _array(values: Any, name: str, np: Any) -> Any:
    if name in {"run", "attempt", "number"}:
        return np.array(values, dtype=np.int64)
    if name == "score":
        return np.ma.masked_invalid(np.array([np.nan if v is None else v for v in values], dtype=np.float64))
    return np.array(values, dtype=object)
