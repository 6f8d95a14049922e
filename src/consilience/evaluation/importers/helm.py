"""HELM: run folders with `run_spec.json`, `scenario_state.json`, `per_instance_stats.json` and `stats.json`.

A run folder is a run, an instance an item, a trial an attempt; a perturbed instance is an item of its own.
Invariants: each statistic of an instance is a rater of its own, where it is of one value (`count` 1); those
that describe the request and not the answer are listed and left out; encrypted texts have no digest and are
told; numbers of `stats.json` are held against the instances.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from consilience.evaluation.importers import plain
from consilience.evaluation.importers.imported import Direction, ImportedRun, Metric, Options
from consilience.evaluation.importers.json_lines import document
from consilience.evaluation.importers.json_parts import parts
from consilience.evaluation.importers.scales import SeenScale
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.scores import Cause, Status

HARNESS = "helm"
BOOKKEEPING = re.compile(
    r"^(num_|inference_|finish_reason_|max_prob|logprob|prompt_|training_|batch_size|predicted_index$|"
    r"reference_|bits_per_byte$|perplexity$)"
)
"""Statistics of the request, or of log-probabilities, which no rater gave."""
HIGHER = re.compile(
    r"(exact_match|accuracy|f1_score|rouge|bleu|\bwin_rate|_correct$|^ndcg|^rr@|^recall|^precision)"
)
ENCRYPTED = re.compile(r"^\[encrypted_text_\d+\]$")
SAMPLING = ("temperature", "max_tokens", "num_outputs", "top_p")
SETTINGS = ("method", "max_train_instances", "max_eval_instances", "num_train_trials", "model_deployment")
MAX_STATISTICS = 1_000
"""Statistics of one instance."""


class Helm:
    """The reader."""

    name = HARNESS

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file belongs to a run folder of HELM."""
        start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
        tests = {
            "run_spec.json": (b'"scenario_spec"', b'"adapter_spec"'),
            "scenario_state.json": (b'"adapter_spec"',),
            "per_instance_stats.json": (b'"instance_id"', b'"stats"'),
            "stats.json": (b'"sum_squared"', b'"name"'),
        }
        marks = tests.get(source.base)
        if marks is not None:
            return start.startswith((b"{", b"[")) and all(mark in start for mark in marks)
        return False

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read all run folders."""
        folders: defaultdict[str, dict[str, Source]] = defaultdict(dict)
        for source in sources:
            folders[source.folder][source.base] = source
        for folder in sorted(folders):
            _Run(folder, folders[folder], sink, options).read()


class _Instance(msgspec.Struct):
    """What is known of an instance in one trial."""

    digest: str | None
    failed: bool


Key = tuple[str, str | None, int]
"""Instance, perturbation, trial."""


class _Run:
    """One run folder on its way into the sink."""

    def __init__(self, folder: str, files: dict[str, Source], sink: Sink, options: Options) -> None:
        self.folder, self.files, self.sink, self.options = folder, files, sink, options
        self.place = next(iter(files.values())).name if len(files) == 1 else folder
        self.left_out: set[str] = set()
        self.scales: dict[str, SeenScale] = {}
        self.splits: dict[str, set[str]] = {}

    def read(self) -> None:
        """Read the files of the folder."""
        if "per_instance_stats.json" not in self.files:
            self.sink.add_finding(
                "warning", "no_instances", "this run folder has no per_instance_stats.json and no scores",
                file=self.place, next_step="Run HELM with per-instance statistics, or copy the whole folder.",
            )  # fmt: skip
            return
        spec = self._document("run_spec.json")
        state = dict(self._parts("scenario_state.json", members=("adapter_spec",)))
        run = self.sink.add_run(self._about(plain.table(spec), state))
        known = self._instances(
            request for _, request in self._parts("scenario_state.json", lists=("request_states",))
        )
        for _, entry in self._parts("per_instance_stats.json"):
            self._entry(run, plain.table(entry), known)
        for name, scale in self.scales.items():
            direction: Direction = "higher is better" if HIGHER.search(name) else "unknown"
            self.sink.add_metric(
                run,
                Metric(
                    rater=name, name=name, kind=RaterKind.PROGRAM, direction=direction, scale=scale.kind,
                    minimum=0.0 if scale.kind == "binary" else None,
                    maximum=1.0 if scale.kind == "binary" else None,
                ),
            )  # fmt: skip
        self.sink.change_run(run, unmapped=tuple(sorted(self.left_out))[:100])
        self._summaries(run)

    def _document(self, name: str) -> Any:
        source = self.files.get(name)
        if source is None:
            self._missing(name)
            return None
        return document(source, self.sink)

    def _parts(
        self, name: str, lists: tuple[str, ...] = (), members: tuple[str, ...] = ()
    ) -> Iterator[tuple[str | None, Any]]:
        source = self.files.get(name)
        if source is not None:
            yield from parts(source, self.sink, lists=lists, members=members)
        elif not members:
            self._missing(name)

    def _missing(self, name: str) -> None:
        self.sink.add_finding("warning", "missing_file", f"{name} is not in this folder", file=self.place)

    def _about(self, spec: dict[str, Any], state: dict[str | None, Any]) -> ImportedRun:
        adapter = plain.table(spec.get("adapter_spec")) or plain.table(state.get("adapter_spec"))
        name = plain.text(spec.get("name")) or self.folder.rpartition("/")[2]
        return ImportedRun(
            harness=HARNESS,
            format="helm run folder",
            file=self.place,
            task=re.sub(r",?model=[^,]*", "", name)[:200] or name,
            concept=name.partition(":")[0] or name,
            model=plain.text(adapter.get("model")) or "unknown",
            state="complete" if "stats.json" in self.files else "unknown",
            sampling=plain.settings({key: adapter.get(key) for key in SAMPLING}),
            settings=plain.settings({key: adapter.get(key) for key in SETTINGS}),
        )

    def _instances(self, requests: Iterable[Any]) -> dict[Key, _Instance]:
        """Return prompts and failures by instance; several requests of one instance have no prompt of
        their own, so its input stands for them."""
        known: dict[Key, _Instance] = {}
        encrypted = 0
        for request in requests:
            whole = plain.table(request)
            instance = plain.table(whole.get("instance"))
            key = _key(instance.get("id"), instance.get("perturbation"), whole.get("train_trial_index"))
            prompt = plain.text(plain.table(whole.get("request")).get("prompt"))
            if key in known or whole.get("reference_index") is not None:
                prompt = plain.text(plain.table(instance.get("input")).get("text"))
            if prompt is not None and ENCRYPTED.match(prompt.strip()):
                encrypted += 1
                prompt = None
            known[key] = _Instance(
                self.sink.add_prompt(prompt) if prompt is not None else None,
                plain.table(whole.get("result")).get("success") is False,
            )
        if encrypted:
            self.sink.add_finding(
                "warning", "encrypted", f"{encrypted:,} prompts are encrypted; their items stay unknown",
                file=self.place, next_step="Decrypt the run with HELM's own tool, and import it again.",
            )  # fmt: skip
        return known

    def _entry(self, run: int, entry: dict[str, Any], known: dict[Key, _Instance]) -> None:
        key = _key(entry.get("instance_id"), entry.get("perturbation"), entry.get("train_trial_index"))
        instance = known.get(key, _Instance(None, False))
        item = key[0] if key[1] is None else f"{key[0]}/{key[1]}"
        for name, value, split in self._statistics(entry):
            if self.options.scorers and name not in self.options.scorers:
                continue
            scale = self.scales.setdefault(name, SeenScale())
            if value is not None:
                scale.see(value)
            if key[1] is None:
                self.splits.setdefault(name, set()).add(split)
            failed = instance.failed and value is None
            self.sink.add_score(
                run, item, rater=name, score=value, attempt=key[2] + 1, item_digest=instance.digest,
                status=Status.SCORED if value is not None else Status.FAILED if failed else Status.UNSCORED,
                cause=None if value is not None else Cause.PROVIDER_ERROR if failed else Cause.UNKNOWN,
            )  # fmt: skip

    def _statistics(self, entry: dict[str, Any]) -> Iterator[tuple[str, float | None, str]]:
        """Yield name, value and split of what raters gave."""
        for statistic in plain.rows(entry.get("stats"))[:MAX_STATISTICS]:
            whole = plain.table(statistic)
            about = plain.table(whole.get("name"))
            name = plain.text(about.get("name"))
            if name is None:
                continue
            if BOOKKEEPING.search(name):
                self.left_out.add(f"stats.{name}"[:200])
                continue
            count = plain.whole(whole.get("count"))
            if count is not None and count > 1:
                self.sink.add_finding(
                    "warning", "averaged", f"{name[:100]}: the source averaged several values of an "
                    "instance; they have no score here", file=self.place,
                )  # fmt: skip
            value = plain.number(whole.get("sum")) if count == 1 else None
            yield name[:200], value, str(about.get("split"))

    def _summaries(self, run: int) -> None:
        if "stats.json" not in self.files:
            return
        for _, statistic in self._parts("stats.json"):
            whole = plain.table(statistic)
            about = plain.table(whole.get("name"))
            name, split = plain.text(about.get("name")), str(about.get("split"))
            if name not in self.scales or about.get("perturbation") is not None:
                continue
            reason = "" if self.splits.get(name) == {split} else "it speaks of one split of several"
            self.sink.add_summary(run, name, "mean", plain.number(whole.get("mean")), reason)


def _key(instance: Any, perturbation: Any, trial: Any) -> Key:
    changed = plain.table(perturbation)
    told: str | None = None
    if changed:
        told = plain.text(changed.get("name")) or "perturbed"
        seed = changed.get("seed")
        told = f"{told}-{seed}"[:100] if isinstance(seed, int) else told[:100]
    index = plain.whole(trial)
    return str(instance)[:500], told, index if index is not None and index >= 0 else 0
