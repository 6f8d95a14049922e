"""Files read apart by several processes: the same to the last byte, whatever the number of processes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.importers.imports import NOW, OPTIONS, a_run, a_sink, finish
from tests.simulators import jsonl_logs as logs

from consilience.errors import LimitError
from consilience.evaluation.importers import importing, reading, sink, writing
from consilience.evaluation.importers.formats import READERS, reader_of
from consilience.evaluation.importers.garak import Garak
from consilience.evaluation.importers.lm_eval import LmEval
from consilience.evaluation.importers.reading import read_format
from consilience.evaluation.importers.source import Source

FILES = (writing.SCORES, writing.ITEMS, writing.IMPORT)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets small files be read by so many processes."""

    def divide(processes: int) -> None:
        monkeypatch.setattr(reading, "PAYS_BYTES", 0)
        monkeypatch.setattr(reading, "REST_BYTES", 0)
        monkeypatch.setattr(reading, "SHARE_BYTES", 1_000)
        monkeypatch.setattr(reading, "_cores", lambda: processes)

    return divide


def some_logs(folder: Path) -> Path:
    """Reports of garak, samples and results of two models of lm-eval, a broken line, a twin, a table."""
    folder.mkdir()
    for number in range(4):
        entries = logs.garak_entries(20 + number, seed=number, model=f"m-{number % 2}", rate=1 / 3)
        logs.write_lines(folder / f"{number}.report.jsonl", entries)
    with (folder / "1.report.jsonl").open("a") as file:
        file.write('{"entry_type": "attempt", "uuid": "\n')
    for number, model in enumerate(("org/a", "org/b")):
        of = folder / model.replace("/", "__")
        of.mkdir()
        samples = list(logs.lm_eval_samples(30, seed=1))
        for sample in samples:
            sample["exact_match"] = (sample["doc_id"] % (3 + number)) / 7
        stamp = f"2026-11-22T10-51-0{number}"
        logs.write_lines(of / f"samples_task_{stamp}.jsonl", iter(samples))
        (of / f"results_{stamp}.json").write_text(json.dumps(logs.lm_eval_results(samples, model=model)))
    (folder / "t.csv").write_text("id,correct\nq1,1\n")
    return folder


def carry_out(folder: Path, target: Path) -> list[bytes]:
    importing.import_paths([folder], OPTIONS, target=target, now=NOW)
    return [(target / name).read_bytes() for name in FILES]


def test_several_processes_give_the_same_bytes_as_one(
    tmp_path: Path, apart: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = some_logs(tmp_path / "logs")
    alone = carry_out(folder, tmp_path / "alone")
    started: list[int] = []
    real = reading._taken
    monkeypatch.setattr(
        reading, "_taken", lambda *given: started.append(given[1].process.returncode) or real(*given)
    )
    for processes in (2, 3):
        apart(processes)
        assert carry_out(folder, tmp_path / f"by-{processes}") == alone
    assert set(started) == {0}
    assert len(started) >= 6


def test_two_models_that_were_asked_the_same_keep_their_own_results(tmp_path: Path) -> None:
    imported = importing.import_paths([some_logs(tmp_path / "logs")], OPTIONS, target=None, now=NOW)
    assert sorted(run.model for run in imported.runs if run.harness == "lm-eval") == ["org/a", "org/b"]
    told = [s for s in imported.summaries if imported.runs[s.run].harness == "lm-eval"]
    assert {s.agrees for s in told} == {True}
    assert "several_results" not in {found.code for found in imported.findings}


def test_samples_that_could_be_of_several_results_are_told(tmp_path: Path) -> None:
    samples = list(logs.lm_eval_samples(3))
    logs.write_lines(tmp_path / "renamed.jsonl", iter(samples))
    for model in ("org/a", "org/b"):
        document = logs.lm_eval_results(samples, model=model)
        (tmp_path / f"{model[-1]}.json").write_text(json.dumps(document))
    files = [tmp_path / name for name in ("renamed.jsonl", "a.json", "b.json")]
    with a_sink() as into:
        LmEval().read([Source(f.name, f, f.stat().st_size) for f in files], into, OPTIONS)
        imported, rows = finish(into, tmp_path)
    assert "several_results" in {found.code for found in imported.findings}
    assert {row["model"] for row in rows} == {"unknown"}


def test_a_worker_that_fails_is_done_again_here(
    tmp_path: Path, apart: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = some_logs(tmp_path / "logs")
    alone = carry_out(folder, tmp_path / "alone")
    apart(2)
    monkeypatch.setattr(reading, "WORK", "nothing.json")
    assert carry_out(folder, tmp_path / "again") == alone


def test_what_stops_one_stops_all_and_no_process_is_left(
    tmp_path: Path, apart: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = some_logs(tmp_path / "logs")
    apart(2)
    monkeypatch.setattr(sink, "MAX_RUNS", 1)
    with pytest.raises(LimitError, match="more than 1 runs"):
        carry_out(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_small_imports_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", never)
    assert importing.import_paths([some_logs(tmp_path / "logs")], OPTIONS, target=None, now=NOW).rows > 0


@pytest.mark.parametrize(
    ("sizes", "processes", "count"),
    [
        ([100, 100], 2, 2),
        ([100, 100], 1, 1),
        ([60, 2], 2, 1),
        ([200, 10], 2, 1),
        ([200], 2, 1),
        ([40] * 10, 20, 8),
        ([], 2, 1),
    ],
)
def test_processes_are_only_started_where_it_pays(sizes: list[int], processes: int, count: int) -> None:
    sources = [Source(str(n), Path(str(n)), size * 2**20) for n, size in enumerate(sizes)]
    shares, found = reading._shares(sources, processes)
    assert found == count
    assert [source for share in shares for source in share.sources] == sources


def test_many_small_files_are_read_together() -> None:
    sources = [Source(str(n), Path(str(n)), 2**18) for n in range(1_000)]
    shares, count = reading._shares(sources, 2)
    assert count == 2
    assert len(shares) == pytest.approx(4, abs=1)


def test_it_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "TELL_S", 0.0)
    monkeypatch.setattr(sink, "FLUSH_ROWS", 10)
    path = tmp_path / "a.report.jsonl"
    logs.write_lines(path, logs.garak_entries(25))
    told: list[str] = []
    with a_sink() as into:
        source = Source(path.name, path, path.stat().st_size)
        read_format(Garak(), [source], into, OPTIONS, scratch=tmp_path, tell=told.append)
    assert told[0] == "garak: 0 of 1 files read, 10 ratings"
    assert told[-1] == "garak: 1 of 1 files read, 25 ratings"


def test_a_worker_takes_no_module_from_the_folder_it_is_started_in(tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('taken')")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "consilience.evaluation.importers.reading", str(tmp_path / "no")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "FileNotFoundError" in done.stderr
    assert "taken" not in done.stderr


def test_a_saved_sink_is_joined_behind_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    with a_sink() as first, a_sink() as second, a_sink() as alone:
        for part, into in ((0, first), (1, second), (0, alone), (1, alone)):
            run = into.add_run(a_run(file=f"{part}"))
            digest = into.add_prompt("The SAME prompt" if part else "The same prompt")
            into.add_score(run, "q", rater="acc", score=part / 3, item_digest=digest)
            into.add_summary(run, "acc", "mean", part / 3)
            into.add_finding("note", "x", "y", file="f", line=part)
        second.save(tmp_path / "saved")
        first.join(tmp_path / "saved")
        query = "SELECT * FROM row ORDER BY number"
        assert first.database.execute(query).fetchall() == alone.database.execute(query).fetchall()
        assert prompts_of(first) == prompts_of(alone)
        assert (first.runs, first.metrics) == (alone.runs, alone.metrics)
        assert (first.summaries, first.findings()) == (alone.summaries, alone.findings())
        assert first.n_rows == alone.n_rows


@pytest.mark.parametrize("known", [1, 2, 100])
def test_a_prompt_is_kept_once_however_few_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: int
) -> None:
    monkeypatch.setattr(sink, "KNOWN_PROMPTS", known)
    monkeypatch.setattr(sink, "FLUSH_ROWS", 2)
    (tmp_path / "saved").mkdir()
    with a_sink() as into, a_sink() as other:
        for text in ("One prompt", "Another prompt", "ONE prompt", "A third one", "one PROMPT"):
            into.add_prompt(text)
            other.add_prompt(text.upper())
        other.save(tmp_path / "saved")
        into.join(tmp_path / "saved")
        into.add_prompt("ANOTHER prompt")
        kept = prompts_of(into)
    assert kept == ["One prompt", "Another prompt", "A third one"]


def prompts_of(into: sink.Sink) -> list[str]:
    """The texts of the prompts, in the order in which they came."""
    places = into.database.execute("SELECT place, size FROM prompt ORDER BY rowid").fetchall()
    return [into.prompts.read(place, size) for place, size in places]


def test_a_long_prompt_is_kept_up_to_its_limit_and_outside_of_memory() -> None:
    with a_sink() as into:
        into.add_prompt("é" * (sink.MAX_PROMPT + 5))
        assert all(isinstance(number, int) for place in into._prompts.values() for number in place)
        assert prompts_of(into) == ["é" * sink.MAX_PROMPT]


def test_findings_beyond_the_limit_are_counted_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "MAX_FINDINGS", 2)
    (tmp_path / "saved").mkdir()
    with a_sink() as first, a_sink() as second, a_sink() as alone:
        for part, into in ((0, first), (1, second), (0, alone), (1, alone)):
            for code in ("a", "b") if part == 0 else ("b", "c", "c"):
                into.add_finding("note", code, "text", file="f")
        second.save(tmp_path / "saved")
        first.join(tmp_path / "saved")
        assert first.findings() == alone.findings()
        assert first.dropped_findings == alone.dropped_findings == 2


def test_every_format_that_is_read_apart_is_one() -> None:
    assert reading.ALONE - {"inspect"} <= set(READERS)
    for name in READERS:
        assert reader_of(name, OPTIONS).name == name
