"""Writes logs in Inspect's layout, without Inspect: whole ones for the benchmark, broken ones for tests.

`tests/evaluation/importers/test_inspect_interop.py` holds what is written here against Inspect's own reader.
"""

from __future__ import annotations

import datetime
import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

ZSTD, DEFLATE, STORED = 93, 8, 0
START = datetime.datetime(2026, 11, 22, 10, 40, 54, tzinfo=datetime.UTC)
DURATION_S = 600


class ZipWriter:
    """Writes a zip file entry by entry; the methods that Python's own does not know too."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._directory: list[bytes] = []
        self._packer = zstandard.ZstdCompressor(write_content_size=False)

    def add(
        self,
        name: str,
        content: bytes,
        *,
        seconds: float = 0,
        method: int = ZSTD,
        flags: int = 0,
        size: int | None = None,
        crc: int | None = None,
        packed: bytes | None = None,
    ) -> None:
        """Add an entry, dated so many seconds after START; the last four lie where they are told."""
        data = self._pack(content, method) if packed is None else packed
        date, time = dos(START + datetime.timedelta(seconds=seconds))
        raw = name.encode("utf-8", "surrogateescape")
        common = struct.pack(
            "<4H3L2H",
            flags,
            method,
            time,
            date,
            zlib.crc32(content) if crc is None else crc,
            len(data),
            len(content) if size is None else size,
            len(raw),
            0,
        )
        offset = self._stream.tell()
        self._stream.write(b"PK\x03\x04" + struct.pack("<H", 20) + common + raw + data)
        self._directory.append(
            b"PK\x01\x02"
            + struct.pack("<2H", 20, 20)
            + common
            + struct.pack("<3H2L", 0, 0, 0, 0, offset)
            + raw
        )

    def _pack(self, content: bytes, method: int) -> bytes:
        if method == ZSTD:
            packer = self._packer.compressobj()
            return packer.compress(content) + packer.flush()
        if method == DEFLATE:
            deflate = zlib.compressobj(wbits=-15)
            return deflate.compress(content) + deflate.flush()
        return content

    def close(self, comment: bytes = b"") -> None:
        """Write the directory, with its zip64 end where the plain one is too small."""
        start, count = self._stream.tell(), len(self._directory)
        for record in self._directory:
            self._stream.write(record)
        length = self._stream.tell() - start
        if count >= 0xFFFF:
            self._stream.write(
                struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, start)
                + struct.pack("<4sLQL", b"PK\x06\x07", 0, start + length, 1)
            )
            count = 0xFFFF
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, length, start, len(comment))
        self._stream.write(end + comment)


def dos(moment: datetime.datetime) -> tuple[int, int]:
    """Return date and time as MS-DOS has them."""
    date = (moment.year - 1980) << 9 | moment.month << 5 | moment.day
    return date, moment.hour << 11 | moment.minute << 5 | moment.second // 2


def iso(seconds: float) -> str:
    """Return the moment so many seconds after START."""
    return (START + datetime.timedelta(seconds=seconds)).isoformat()


def a_score(value: Any = "C", **changes: Any) -> dict[str, Any]:
    """A score."""
    return {"value": value, "answer": "a", "explanation": "an explanation", "history": [], **changes}


def a_sample(number: int, epoch: int = 1, **changes: Any) -> dict[str, Any]:
    """A sample of a question and an answer, with the events of a run."""
    asked = f"Question {number}: what is {number}+0? Answer with the number only."
    question = {"id": f"u{number}", "content": asked, "source": "input", "role": "user"}
    answer = {
        "id": f"a{number}",
        "content": "answer: A",
        "source": "generate",
        "role": "assistant",
        "model": "mockllm",
    }
    usage = {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30}
    output = {
        "model": "mockllm",
        "choices": [{"message": answer, "stop_reason": "stop"}],
        "completion": "answer: A",
        "usage": usage,
        "time": 0.00025,
    }
    score = a_score("C" if number % 5 < 3 else "I")
    metadata = {"lang": "en", "harm": f"h{number % 7}", "cluster": number // 5}
    return {
        "id": f"s{number}",
        "epoch": epoch,
        "input": asked,
        "target": "answer: A",
        "messages": [question, answer],
        "output": output,
        "scores": {"includes": score},
        "metadata": metadata,
        "store": {},
        "events": list(_events(number, question, output, score)),
        "model_usage": {"mockllm/model": usage},
        "role_usage": {},
        "started_at": iso(number % 500),
        "completed_at": iso(number % 500 + 2),
        "total_time": 1.602,
        "working_time": 1.576,
        "uuid": f"uuid{number}e{epoch}",
        "error_retries": [],
        "attachments": {},
        "events_data": {"messages": [question], "calls": [question]},
        **changes,
    }


def _events(number: int, question: Any, output: Any, score: Any) -> Iterator[dict[str, Any]]:
    place = 0

    def event(kind: str, **fields: Any) -> dict[str, Any]:
        nonlocal place
        place += 1
        return {
            "uuid": f"e{number}x{place}JDgQAsLhLaJMKGJRDK",
            "span_id": f"p{number}ZeDhLKd6VNiu8MoRxdXXAC",
            "timestamp": iso(number % 500 + place / 10),
            "working_start": 725.93 + place,
            "event": kind,
            **fields,
        }

    init = {"input": question["content"], "target": "answer: A", "id": f"s{number}", "metadata": {}}
    state = {
        "messages": [question],
        "tools": [],
        "tool_choice": None,
        "store": {},
        "output": output,
        "completed": False,
        "metadata": {"lang": "en"},
    }
    for name in ("init", "solvers", "generate"):
        yield event("span_begin", id=f"span{number}{name}", type=name, name=name)
    yield event("sample_init", sample=init, state=state)
    yield event(
        "model",
        model="mockllm/model",
        input=[],
        input_refs=[[0, 1]],
        tools=[],
        tool_choice="none",
        config={"max_connections": 10},
        output=output,
    )
    yield event(
        "state",
        changes=[
            {"op": "add", "path": "/messages/1", "value": question},
            {"op": "replace", "path": "/output", "value": output},
        ],
    )
    yield event("score", score=score, target="answer: A", intermediate=False, scorer="includes")
    for name in ("generate", "solvers", "init"):
        yield event("span_end", id=f"span{number}{name}")


def summary_of(sample: dict[str, Any]) -> dict[str, Any]:
    """The summary that Inspect writes of a sample."""
    kept = (
        "id",
        "epoch",
        "input",
        "choices",
        "target",
        "metadata",
        "model_usage",
        "role_usage",
        "started_at",
        "completed_at",
        "total_time",
        "working_time",
        "uuid",
    )
    row = {name: sample[name] for name in kept if name in sample}
    scores = sample.get("scores") or {}
    row["scores"] = {name: {**score, "history": []} for name, score in scores.items()}
    if sample.get("error"):
        row["error"] = sample["error"]["message"]
    if sample.get("limit"):
        row["limit"] = sample["limit"]["type"]
    return {**row, "retries": 0, "completed": True, "message_count": 2, "turn_count": 1}


def a_spec(**changes: Any) -> dict[str, Any]:
    """The `eval` of a header."""
    return {
        "eval_id": "hBSYhK4eb7cYSbLLZMZrYL",
        "run_id": "ce9iKniJwav2ZKJ9VKT7CZ",
        "created": iso(0),
        "task": "simple",
        "task_id": "GbVoSzaNpqQuErEy4MLoqb",
        "task_version": 0,
        "task_args": {},
        "dataset": {"name": "sums", "samples": 0, "shuffled": False},
        "model": "mockllm/model",
        "model_generate_config": {"temperature": 0.5},
        "config": {"epochs": 1},
        "packages": {"inspect_ai": "0.3.285"},
        "scorers": [{"name": "includes", "options": {}, "metrics": [], "metadata": {}}],
        **changes,
    }


def a_header(spec: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A whole header; `results` are added by who knows the samples."""
    return {
        "version": 2,
        "status": "success",
        "eval": spec or a_spec(),
        "plan": {"name": "plan", "steps": [], "config": {"max_tokens": 64}},
        "stats": {"started_at": iso(0), "completed_at": iso(DURATION_S), "model_usage": {}, "role_usage": {}},
        "invalidated": False,
        **changes,
    }


def results_of(n: int, accuracy: float, **changes: Any) -> dict[str, Any]:
    """The results that a header tells."""
    metric = {"name": "accuracy", "value": accuracy, "params": {}}
    score = {
        "name": "includes",
        "scorer": "includes",
        "scored_samples": n,
        "unscored_samples": 0,
        "params": {},
        "metrics": {"accuracy": metric},
    }
    return {"total_samples": n, "completed_samples": n, "scores": [{**score, **changes}]}


def raw(value: Any) -> bytes:
    """Return JSON as Inspect writes it: compact, NaN as a bare word."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def write_eval(
    path: Path,
    samples: Iterable[dict[str, Any]],
    *,
    header: dict[str, Any] | None = None,
    crashed: bool = False,
) -> None:
    """Write an `.eval` file; a crashed one has only what its run wrote as it went."""
    header = header or a_header()
    rows: list[bytes] = []
    flushed = 0
    with path.open("wb") as stream:
        zipped = ZipWriter(stream)
        zipped.add("_journal/start.json", raw({key: header[key] for key in ("version", "eval", "plan")}))
        for sample in samples:
            name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            zipped.add(name, raw(sample), seconds=DURATION_S / 2)
            rows.append(raw(summary_of(sample)))
            if len(rows) % 100 == 0:
                flushed = _journal(zipped, rows, flushed)
        _journal(zipped, rows, flushed)
        if not crashed:
            zipped.add("summaries.json", b"[" + b",".join(rows) + b"]", seconds=DURATION_S)
            zipped.add("reductions.json", b"[]", seconds=DURATION_S)
            zipped.add("header.json", raw(header), seconds=DURATION_S)
        zipped.close()


def _journal(zipped: ZipWriter, rows: list[bytes], flushed: int) -> int:
    if len(rows) > flushed:
        name = f"_journal/summaries/{flushed // 100 + 1}.json"
        zipped.add(name, b"[" + b",".join(rows[flushed:]) + b"]", seconds=DURATION_S / 2)
    return len(rows)


def write_json(path: Path, samples: Iterable[dict[str, Any]], header: dict[str, Any] | None = None) -> None:
    """Write a JSON log."""
    path.write_bytes(raw({**(header or a_header()), "samples": list(samples)}))


def large_log(path: Path, n: int) -> None:
    """Write the log of the benchmark: n samples, three of five right."""
    right = sum(number % 5 < 3 for number in range(n))
    spec = a_spec(dataset={"name": "sums", "samples": n, "sample_ids": [f"s{i}" for i in range(n)]})
    header = a_header(spec, results=results_of(n, right / n))
    write_eval(path, (a_sample(number) for number in range(n)), header=header)
