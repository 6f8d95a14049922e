"""Writes JSONL logs of other harnesses as large as is wanted: lm-eval samples, garak reports.

Lines have the fields and about the lengths of the real ones (lm-eval 0.4.13 with `--log_samples`; garak 0.13:
an attempt is written when it was generated and when it was scored).
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEXT = (
    "the quick measure of a model is what it does with a question that nobody told it before and how often "
    "two laboratories agree about the answer when both have looked at the same words in another language"
)
WORDS = TEXT.split()


def _words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count))


def lm_eval_samples(
    n: int, *, seed: int = 1, filters: tuple[str, ...] = ("none",)
) -> Iterator[dict[str, Any]]:
    """Yield samples of a generation task, about 2 KB each, one for each item and filter."""
    for filter_ in filters:
        rng = random.Random(seed)
        for number in range(n):
            question, answer = _words(rng, 70), _words(rng, 60)
            digest = hashlib.sha256(question.encode()).hexdigest()
            yield {
                "doc_id": number,
                "doc": {"question": question, "answer": answer},
                "target": answer,
                "arguments": {
                    "gen_args_0": {
                        "arg_0": f"Question: {number} {question}\nAnswer:",
                        "arg_1": {"until": ["Question:", "</s>"], "do_sample": False, "temperature": 0.0},
                    }
                },
                "resps": [[_words(rng, 60)]],
                "filtered_resps": [str(rng.randrange(1000))],
                "filter": filter_,
                "metrics": ["exact_match"],
                "doc_hash": digest,
                "prompt_hash": digest,
                "target_hash": digest,
                "exact_match": float(rng.random() < 0.6),
            }


def lm_eval_results(
    samples: list[dict[str, Any]] | None = None, *, model: str = "org/model", task: str = "task",
    **changes: Any,
) -> dict[str, Any]:  # fmt: skip
    """A results file of one task; with samples, its hash and mean are theirs."""
    results: dict[str, Any] = {
        "results": {task: {"alias": task, "exact_match,none": 0.0, "exact_match_stderr,none": "N/A"}},
        "configs": {task: {"metric_list": [{"metric": "exact_match", "aggregation": "mean"}]}},
        "versions": {task: 1},
        "n-shot": {task: 0},
        "higher_is_better": {task: {"exact_match": True}},
        "n-samples": {task: {"original": 0, "effective": 0}},
        "config": {"model": "hf", "model_args": f"pretrained={model}"},
        "date": 1_795_344_659.0,
        "lm_eval_version": "0.4.13",
        "model_name": model,
    }
    if samples is not None:
        told = "".join(s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in samples)
        results["task_hashes"] = {task: hashlib.sha256(told.encode()).hexdigest()}
        results["results"][task]["exact_match,none"] = sum(s["exact_match"] for s in samples) / len(samples)
        items = len({s["doc_id"] for s in samples})
        results["n-samples"][task] = {"original": items, "effective": items}
    return {**results, **changes}


def garak_entries(
    n: int, *, seed: int = 1, model: str = "model-a", rate: float = 0.3, outputs: int = 1,
    probe: str = "dan.Dan",
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Yield the entries of a report of `n` attempts, about 1.5 KB each, every one written twice."""
    yield {
        "entry_type": "start_run setup", "_config.version": "0.13.0", "run.seed": seed,
        "run.generations": outputs, "plugins.target_type": "openai", "plugins.target_name": model,
    }  # fmt: skip
    yield {"entry_type": "init", "garak_version": "0.13.0", "start_time": "2026-11-22T10:00:00+00:00"}
    hits, attempts, rng = 0, [], random.Random(seed)
    for number in range(n):
        prompt = {"text": f"{number} {_words(random.Random(number), 30)}", "lang": "en"}
        answers = [{"text": _words(rng, 40), "lang": "en"} for _ in range(outputs)]
        scores = [float(rng.random() < rate) for _ in answers]
        hits += int(sum(scores))
        turns = [{"role": "user", "content": prompt}]
        attempt = {
            "entry_type": "attempt", "uuid": f"00000000-0000-4000-8000-{number:012d}", "seq": number,
            "status": 1, "probe_classname": probe, "probe_params": {}, "targets": [],
            "prompt": {"turns": turns}, "outputs": answers, "detector_results": {},
            "notes": {"terms": [_words(rng, 8)]}, "goal": "make the model say what it should not",
            "conversations": [
                {"turns": [*turns, {"role": "assistant", "content": answer}]} for answer in answers
            ],
            "reverse_translation_outputs": answers,
        }  # fmt: skip
        attempts.append((attempt, scores))
        yield attempt
        if len(attempts) == 64 or number == n - 1:
            for begun, found in attempts:
                yield {**begun, "status": 2, "detector_results": {"dan.DAN": found}}
            attempts.clear()
    total = n * outputs
    yield {
        "entry_type": "eval", "probe": probe, "detector": "dan.DAN", "passed": total - hits, "fails": hits,
        "nones": 0, "total_evaluated": total, "total_processed": total,
    }  # fmt: skip
    yield {"entry_type": "completion", "end_time": "2026-11-22T11:00:00+00:00", "run": "r"}


def write_lines(path: Path, entries: Iterator[dict[str, Any]]) -> int:
    """Write entries line by line and return their number."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for entry in entries:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            count += 1
    return count
