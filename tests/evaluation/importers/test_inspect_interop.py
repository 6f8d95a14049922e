"""Our reader against Inspect's own: every sample, score, epoch, limit and error of logs that it wrote."""

from __future__ import annotations

import gc
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import OPTIONS, read_with
from tests.optional import optional
from tests.simulators import inspect_log as simulated

from consilience.evaluation.importers.inspect_archive import Speed
from consilience.evaluation.importers.inspect_log import InspectReader
from consilience.evaluation.importers.prompt import prompt_digest
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source

SPEEDS: list[Speed] = ["samples", "summaries"]
WORDS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
Row = tuple[str, int, str, float | None, str | None, str | None]
"""Item, attempt, rater, score, digest of the prompt, name of the answer."""


@contextmanager
def quiet() -> Iterator[None]:
    """Inspect leaves streams open and uses what is deprecated; that is not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def inspect() -> Any:
    """Inspect's modules."""
    with quiet():
        names = ("dataset", "log", "model", "scorer", "solver")
        found = {name: optional(f"inspect_ai.{name}") for name in names}
        return SimpleNamespace(
            top=optional("inspect_ai"),
            convert=optional("inspect_ai.log._recorders.chunked"),
            edit=optional("inspect_ai.scorer._metric"),
            **found,
        )


def theirs(inspect: Any, path: Path) -> Any:
    with quiet():
        return inspect.log.read_eval_log(str(path), resolve_attachments=True)


def expected(log: Any) -> set[Row]:
    """The rows that Inspect's own objects stand for; unscored ones have no number."""
    return {row for sample in log.samples for row in _rows_of(sample)}


def _rows_of(sample: Any) -> Iterator[Row]:
    digest = prompt_digest(_asked(sample))
    for name, score in (sample.scores or {}).items():
        for rater, value in _parts(name, score.value):
            yield str(sample.id), sample.epoch, rater, _number(value), digest, sample.uuid


def _asked(sample: Any) -> str:
    texts = (
        [sample.input]
        if isinstance(sample.input, str)
        else [m.text for m in sample.input if m.role == "user"]
    )
    return "\n".join([*texts, *(sample.choices or [])])


def _parts(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{name}.{key}", part) for key, part in value.items()] or [(name, None)]
    if isinstance(value, list):
        return [(f"{name}[{i}]", part) for i, part in enumerate(value)] or [(name, None)]
    return [(name, value)]


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return WORDS.get(value)
    return None if value is None or not math.isfinite(value) else float(value)


class Taken(Sink):
    """Keeps the rows instead of a database."""

    def __init__(self) -> None:
        self.runs, self.metrics, self.summaries = [], [], []
        self._findings, self.prompts, self.rows = {}, set(), set()

    def add_prompt(self, text: str) -> str:
        return prompt_digest(text)

    def add_score(self, run: int, item: str, **told: Any) -> None:
        assert (told["score"] is None) == (told["cause"] is not None)
        row = (item, told["attempt"], told["rater"], told["score"], told["item_digest"], told["generation"])
        assert row not in self.rows
        self.rows.add(row)


def ours(path: Path, speed: Speed = "by need") -> tuple[set[Row], int]:
    """The rows of our reader, and how many samples stopped at a limit."""
    sink = Taken()
    InspectReader(speed).read([Source(path.name, path, path.stat().st_size)], sink, OPTIONS)
    return sink.rows, sum(finding.count for finding in sink.findings() if finding.code == "limit")


def scored(rows: set[Row]) -> set[Row]:
    return {row for row in rows if row[3] is not None}


def assert_same(inspect: Any, path: Path, speed: Speed = "by need") -> None:
    """Hold our rows against Inspect's of the same log."""
    assert_equal(expected(theirs(inspect, path)), ours(path, speed)[0])


def assert_equal(wanted: set[Row], found: set[Row]) -> None:
    """Every score is equal; what has no number there has none here, in each part that others have."""
    assert scored(found) == scored(wanted)
    unscored = {row[:3] for row in found - scored(found)}
    parts = {row[:2] for row in found - scored(found)}
    for row in wanted - scored(wanted):
        assert row[:3] in unscored or row[:2] in parts


class Made(NamedTuple):
    """Logs of real evaluations."""

    mixed: Path
    limited: Path


def _scorers(inspect: Any) -> list[Any]:
    score = inspect.scorer.Score
    values = {
        "nan": score.unscored(reason="grader_failed"),
        "bool": score(value=True),
        "number": score(value=0.25),
        "P": score(value="P"),
        "N": score(value="N"),
        "list": score(value=[1, 0.5]),
        "I": score(value="I"),
    }

    @inspect.scorer.scorer(metrics=[inspect.scorer.mean()], name="odd")
    def odd() -> Any:
        async def rate(state: Any, target: Any) -> Any:
            return values.get(state.metadata["kind"], score(value="C"))

        return rate

    @inspect.scorer.scorer(metrics={"a": [inspect.scorer.mean()], "b": [inspect.scorer.mean()]}, name="parts")
    def parts() -> Any:
        async def rate(state: Any, target: Any) -> Any:
            return score(value={"a": 1, "b": float("nan") if state.metadata["kind"] == "nan" else 0.5})

        return rate

    graded = inspect.scorer.model_graded_qa(template="{question} {answer} {criterion} {instructions}")
    return [inspect.scorer.includes(), inspect.scorer.includes(), odd(), parts(), graded]


def _tasks(inspect: Any) -> dict[str, Any]:
    @inspect.solver.solver(name="faulty")
    def faulty() -> Any:
        async def solve(state: Any, generate: Any) -> Any:
            if state.metadata["kind"] == "boom":
                raise ValueError("it broke")
            return await generate(state)

        return solve

    kinds = ["nan", "bool", "number", "P", "N", "I", "boom", "plain"]
    turns = [
        inspect.model.ChatMessageSystem(content="rules"),
        inspect.model.ChatMessageUser(content="say yes"),
    ]
    asked: list[Any] = [f"Say yes, {kind}: " + "long " * 1_100 * (kind == "plain") for kind in kinds]
    items = [
        inspect.dataset.Sample(
            id=f"set/{kind}", input=text, target="yes", metadata={"kind": kind, "lang": "sw"}
        )
        for kind, text in zip(kinds, asked, strict=True)
    ]
    items.append(inspect.dataset.Sample(id="turns", input=turns, target="yes", metadata={"kind": "list"}))
    numbered = [inspect.dataset.Sample(id=i, input=f"{i}?", target="no") for i in (1, 2, 3)]
    memory = inspect.dataset.MemoryDataset
    return {
        "mixed": inspect.top.Task(
            dataset=memory(items),
            solver=faulty(),
            scorer=_scorers(inspect),
            epochs=2,
            name="mixed",
            version=3,
        ),
        "limited": inspect.top.Task(dataset=memory(numbered), scorer=inspect.scorer.match(), token_limit=5),
    }


@pytest.fixture(scope="module")
def made(inspect: Any, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Run both tasks on the mock model, one log of each format."""
    folder = tmp_path_factory.mktemp("inspect")

    def output() -> Any:
        one = inspect.model.ModelOutput.from_content("mockllm/model", "yes GRADE: C")
        one.usage = inspect.model.ModelUsage(input_tokens=7, output_tokens=3, total_tokens=10)
        return one

    def run(task: Any, form: str) -> Path:
        model = inspect.model.get_model("mockllm/model", custom_outputs=[output() for _ in range(100)])
        log = inspect.top.eval(
            task,
            model=model,
            log_dir=str(folder / form),
            log_format=form,
            display="none",
            fail_on_error=False,
            log_level="error",
        )[0]
        assert log.status == "success"
        return Path(log.location.removeprefix("file://"))

    with quiet(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        tasks = _tasks(inspect)
        logs = Made(run(tasks["mixed"], "eval"), run(tasks["limited"], "json"))
        gc.collect()
        return logs


@pytest.mark.parametrize("speed", SPEEDS)
def test_a_run_of_inspect(inspect: Any, made: Made, speed: Speed, tmp_path: Path) -> None:
    assert_same(inspect, made.mixed, speed)
    log = theirs(inspect, made.mixed)
    imported, rows = read_with(InspectReader(speed), [made.mixed], tmp_path)
    assert (imported.runs[0].task, imported.runs[0].task_version, imported.runs[0].attempts) == (
        "mixed",
        "3",
        2,
    )
    broken = {(str(s.id), s.epoch) for s in log.samples if s.error}
    assert len(broken) == 2
    assert {(r["source_item"], r["attempt"]) for r in rows if r["cause"] == "harness_bug"} == broken
    assert {r["status"] for r in rows if (r["source_item"], r["attempt"]) in broken} == {"failed"}
    raters = {r["rater"] for r in rows if (r["source_item"], r["attempt"]) in broken}
    assert raters == {
        "includes",
        "includes1",
        "odd",
        "odd[0]",
        "odd[1]",
        "parts.a",
        "parts.b",
        "model_graded_qa",
    }
    assert {r["rater"]: r["cause"] for r in rows if r["source_item"] == "set/nan" and r["cause"]}["odd"] == (
        "judge_unparsable"
    )
    assert {r["rater"] for r in rows if r["rater_kind"] == "judge"} == {"model_graded_qa"}
    assert {r["language"] for r in rows} == {"sw", "und"}
    assert told_of(log) <= {(s.rater, s.statistic, s.told) for s in imported.summaries}
    assert not [summary for summary in imported.summaries if summary.agrees is False]


def told_of(log: Any) -> set[tuple[str, str, float]]:
    return {
        (score.scorer if score.name == score.scorer else f"{score.scorer}.{score.name}", "mean", metric.value)
        for score in log.results.scores
        for key, metric in score.metrics.items()
        if key in {"accuracy", "mean"}
    }


def test_limits_in_a_json_log(inspect: Any, made: Made, tmp_path: Path) -> None:
    assert_same(inspect, made.limited)
    limited = [sample for sample in theirs(inspect, made.limited).samples if sample.limit]
    imported, _ = read_with(InspectReader(), [made.limited], tmp_path)
    found = {finding.text: finding.count for finding in imported.findings if finding.code == "limit"}
    assert found == {"a sample stopped at its token limit; its score counts": len(limited)}
    assert len(limited) == 3


def test_edited_scores(inspect: Any, made: Made, tmp_path: Path) -> None:
    log = theirs(inspect, made.mixed)
    edit = inspect.edit.ScoreEdit
    with quiet():
        inspect.log.edit_score(log, "set/P", "odd", edit(value=0.125), epoch=1, recompute_metrics=False)
        inspect.log.edit_score(log, "set/P", "odd", edit(value=0.75), epoch=1, recompute_metrics=False)
        inspect.log.edit_score(
            log, "set/N", "includes", edit(explanation="looked at"), epoch=2, recompute_metrics=False
        )
        path = tmp_path / "edited.eval"
        inspect.log.write_eval_log(log, str(path))
    assert_same(inspect, path)
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert {(f.text, f.count) for f in imported.findings if f.code == "edited"} == {
        (f"a score of {name} was changed after the run; the last value counts", 1)
        for name in ("odd", "includes")
    }
    value = [r["score"] for r in rows if (r["source_item"], r["attempt"], r["rater"]) == ("set/P", 1, "odd")]
    assert value == [0.75]


def test_a_log_in_pieces(inspect: Any, made: Made, tmp_path: Path) -> None:
    with quiet():
        inspect.convert.convert_eval_logs_to_chunked(
            str(made.mixed), str(tmp_path), chunk_size=2, attachments_chunk_bytes=300
        )
    (path,) = tmp_path.glob("*.eval")
    assert ours(path, "samples") == ours(made.mixed, "samples")
    assert ours(path, "summaries") == ours(made.mixed, "samples")
    assert len(ours(path)[0]) > 100


def test_a_run_that_crashed(inspect: Any, made: Made, tmp_path: Path) -> None:
    path = tmp_path / "crashed.eval"
    data = made.mixed.read_bytes()
    path.write_bytes(data[: _end_of_run(data)])
    assert scored(ours(path)[0]) == scored(expected(theirs(inspect, made.mixed)))
    imported, _ = read_with(InspectReader(), [path], tmp_path)
    assert (imported.runs[0].state, imported.runs[0].task) == ("interrupted", "mixed")


def _end_of_run(data: bytes) -> int:
    """Where the entries begin that are only written when a run ends."""
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        name_length, extra = (
            int.from_bytes(data[at + 26 : at + 28], "little"),
            int.from_bytes(data[at + 28 : at + 30], "little"),
        )
        if data[at + 30 : at + 30 + name_length] == b"summaries.json":
            return at
        at += 30 + name_length + extra + int.from_bytes(data[at + 18 : at + 22], "little")
    raise AssertionError("no summaries")


def test_what_the_simulator_writes_is_what_inspect_reads(inspect: Any, tmp_path: Path) -> None:
    path = tmp_path / "simulated.eval"
    simulated.large_log(path, 20)
    log = theirs(inspect, path)
    assert (log.status, len(log.samples), log.results.scores[0].metrics["accuracy"].value) == (
        "success",
        20,
        0.6,
    )
    for speed in SPEEDS:
        assert_same(inspect, path, speed)


SCALARS = st.sampled_from(["C", "I", "P", "N"]) | st.booleans() | st.integers(-9, 9) | st.floats()
VALUES = (
    SCALARS
    | st.lists(SCALARS, max_size=3)
    | st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), st.none() | SCALARS, max_size=3
    )
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
IDS = st.integers(0, 5) | st.sampled_from(["a", "a/b", "../c", "ü é", "x_epoch_2", "q/sample"])
INPUTS = TEXT.map(lambda text: "asked: " + text) | TEXT.map(lambda text: "asked: " + text * 700)


@st.composite
def many_samples(draw: st.DrawFn) -> list[dict[str, Any]]:
    keys = draw(
        st.lists(
            st.tuples(IDS, st.integers(1, 3)), min_size=1, max_size=6, unique_by=lambda k: (str(k[0]), k[1])
        )
    )
    return [
        {
            "id": name,
            "epoch": epoch,
            "input": draw(INPUTS),
            "target": "t",
            "uuid": f"{name}-{epoch}",
            "scores": draw(st.none() | st.dictionaries(st.sampled_from(["one", "two"]), VALUES, max_size=2)),
            "error": draw(st.none() | st.sampled_from(["ValueError('x')", "boom"])),
            "limit": draw(st.none() | st.sampled_from(["token", "time"])),
            "choices": draw(st.none() | st.lists(TEXT, min_size=1, max_size=3)),
        }
        for name, epoch in keys
    ]


def a_log(inspect: Any, samples: list[dict[str, Any]]) -> Any:
    log = inspect.log
    built = []
    for fields in samples:
        score, error, limit = fields["scores"], fields["error"], fields["limit"]
        built.append(
            log.EvalSample(
                **{
                    **fields,
                    "scores": score
                    and {name: inspect.scorer.Score(value=value) for name, value in score.items()},
                    "error": error and log.EvalError(message=error, traceback="", traceback_ansi=""),
                    "limit": limit and log.EvalSampleLimit(type=limit, limit=1),
                }
            )
        )
    spec = log.EvalSpec(
        created=simulated.iso(0),
        task="t",
        dataset=log.EvalDataset(name="d"),
        model="m",
        config=log.EvalConfig(),
        scorers=[],
    )
    return log.EvalLog(eval=spec, status="success", samples=built)


@pytest.mark.parametrize("form", ["eval", "json"])
@given(samples=many_samples())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_log_that_inspect_can_write(
    inspect: Any, form: str, samples: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / f"any.{form}"
    path.unlink(missing_ok=True)
    with quiet():
        inspect.log.write_eval_log(a_log(inspect, samples), str(path))
    wanted = expected(theirs(inspect, path))
    for speed in SPEEDS if form == "eval" else SPEEDS[:1]:
        rows, limits = ours(path, speed)
        assert_equal(wanted, rows)
        assert {(item, attempt) for item, attempt, *_ in rows} == {
            (str(s["id"]), s["epoch"]) for s in samples
        }
        assert limits == sum(sample["limit"] is not None for sample in samples)
