"""Human ratings in the folders of runs."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path

import duckdb
import msgspec
import pytest
from tests.evaluation.annotated_runs import EXACT, HUMAN, make_run, plan

from consilience.errors import IncompatibleError, InputError, NotFoundError, StoreError
from consilience.evaluation import annotation_run
from consilience.evaluation.annotation import human_rater
from consilience.evaluation.annotation_file import FilledRow
from consilience.evaluation.annotation_import import Import, Judged
from consilience.evaluation.annotation_run import (
    KEY,
    SAMPLE,
    RunSample,
    append_ratings,
    make_sheet,
    open_samples,
    progress,
    take_in,
)
from consilience.evaluation.journal import only_one
from consilience.evaluation.run_folder import GENERATIONS, RATINGS, SCORES, read_manifest
from consilience.evaluation.run_record import Rating

NOW = datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC)


def two_runs(folder: Path) -> tuple[RunSample, ...]:
    make_run(folder / "north", laboratory="North")
    make_run(folder / "south", laboratory="South")
    return open_samples([folder / "north", folder / "south"], draw=True)


def rows_of(runs: tuple[RunSample, ...], score: str = "yes") -> list[FilledRow]:
    sheet = make_sheet(runs, "people")
    return [
        FilledRow(line=line, cells=row.cells() | {"score": score}) for line, row in enumerate(sheet.rows, 2)
    ]


def take(runs: tuple[RunSample, ...], rows: list[FilledRow], **changes: object) -> Judged:
    settings = Import(rater=HUMAN, annotator=None, simulated=False, replace=False, now=NOW)
    return take_in(runs, rows, msgspec.structs.replace(settings, **changes))


def scores(folder: Path) -> list[tuple[object, ...]]:
    query = (
        "SELECT rater, rater_kind, score, status, simulated, language, laboratory FROM read_parquet(?) "
        "WHERE rater_kind = 'human' ORDER BY ALL"
    )
    return duckdb.execute(query, [str(folder / SCORES)]).fetchall()


def test_a_sheet_mixes_runs_and_hides_them(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    sheet = make_sheet(runs, "people")
    assert len(sheet.rows) == 2 * 2 * 3
    text = str(sheet.rows)
    for secret in ("North", "South", "a-model", "exact", *runs[0].answers, *runs[1].answers):
        assert secret not in text
    assert sheet.guideline == HUMAN.guideline


def test_the_same_sheet_again(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    again = open_samples([tmp_path / "south", tmp_path / "north"], draw=True)
    assert make_sheet(again, "people").rows == make_sheet(runs, "people").rows


def test_the_sample_is_drawn_once_for_ever(tmp_path: Path) -> None:
    make_run(tmp_path / "north")
    (before,) = open_samples([tmp_path / "north"], draw=True)
    generations = tmp_path / "north" / GENERATIONS
    lines = generations.read_bytes().splitlines(keepends=True)
    extra = lines[0].replace(before.answers[next(iter(before.answers))].generation.encode(), b"0" * 32)
    generations.write_bytes(b"".join([*lines, extra]))
    (after,) = open_samples([tmp_path / "north"], draw=True)
    assert after.sample == before.sample
    assert [(s.population, len(s.generations)) for s in before.sample.strata] == [(5, 3), (5, 3)]


def test_the_key_is_secret_and_random(tmp_path: Path) -> None:
    north, south = two_runs(tmp_path)
    assert stat.S_IMODE((north.folder / KEY).stat().st_mode) == 0o600
    assert len(north.key) == 32
    assert north.key != south.key


def test_a_key_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash while the key is written must not leave a part of one, which nobody could mend."""
    make_run(tmp_path / "north")

    def crash(_: int) -> None:
        assert not (tmp_path / "north" / KEY).exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(annotation_run, "write_atomically", lambda *_: None)
        patched.setattr(annotation_run.os, "fsync", crash)
        with pytest.raises(KeyboardInterrupt):
            open_samples([tmp_path / "north"], draw=True)
    assert not (tmp_path / "north" / KEY).exists()
    (run,) = open_samples([tmp_path / "north"], draw=True)
    assert len(run.key) == 32


def test_a_key_of_another_process_stays(tmp_path: Path) -> None:
    make_run(tmp_path / "north")
    (run,) = open_samples([tmp_path / "north"], draw=True)
    annotation_run._make_key(tmp_path / "north" / KEY)
    assert bytes.fromhex((tmp_path / "north" / KEY).read_text()) == run.key


def test_languages_can_be_chosen(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    assert {row.language for row in make_sheet(runs, "people", languages=["ar"]).rows} == {"ar"}
    with pytest.raises(InputError, match="no answer"):
        make_sheet(runs, "people", languages=["fr"])


def test_concepts_of_the_rater_are_kept_to(tmp_path: Path) -> None:
    protocol = plan(raters=(EXACT, HUMAN, msgspec.structs.replace(HUMAN, id="others", concepts=("safety",))))
    make_run(tmp_path / "north", protocol=protocol)
    runs = open_samples([tmp_path / "north"], draw=True)
    with pytest.raises(InputError, match="no answer"):
        make_sheet(runs, "others")


def test_an_unfinished_run_has_no_sample(tmp_path: Path) -> None:
    make_run(tmp_path / "north", finished=False)
    with pytest.raises(InputError, match="not finished"):
        open_samples([tmp_path / "north"], draw=True)
    assert not (tmp_path / "north" / SAMPLE).exists()


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    make_run(tmp_path / "north")
    make_run(tmp_path / "other", protocol=plan(items=4), laboratory="Other")
    with pytest.raises(IncompatibleError, match="different protocols"):
        open_samples([tmp_path / "north", tmp_path / "other"], draw=True)
    with pytest.raises(IncompatibleError, match="twice"):
        open_samples([tmp_path / "north", tmp_path / "north"], draw=True)


def test_nothing_is_taken_back_that_was_not_exported(tmp_path: Path) -> None:
    make_run(tmp_path / "north")
    with pytest.raises(NotFoundError, match="no sheet was exported"):
        open_samples([tmp_path / "north"], draw=False)
    with pytest.raises(NotFoundError, match="not the folder of a run"):
        open_samples([tmp_path], draw=False)


@pytest.mark.parametrize(
    ("name", "content"), [(KEY, b"zz"), (KEY, b"00"), (KEY, b"\xff"), (SAMPLE, b"{"), (SAMPLE, b"[]")]
)
def test_damaged_files_are_said(tmp_path: Path, name: str, content: bytes) -> None:
    two_runs(tmp_path)
    (tmp_path / "north" / name).write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        open_samples([tmp_path / "north"], draw=True)


def test_ratings_reach_the_scores_of_their_runs(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    rows = rows_of(runs)
    rows[0] = FilledRow(line=2, cells=rows[0].cells | {"score": ""})
    judged = take(runs, rows)
    assert (len(judged.ratings), judged.not_rated, judged.findings) == (11, 1, ())
    table = scores(tmp_path / "north") + scores(tmp_path / "south")
    assert len(table) == 11
    assert {row[:5] for row in table} == {("people", "human", 1.0, "scored", False)}
    manifest = read_manifest(tmp_path / "north")
    assert set(manifest.files) >= {RATINGS, SCORES}


def test_the_same_sheet_twice_changes_nothing(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    take(runs, rows_of(runs))
    before = (tmp_path / "north" / RATINGS).read_bytes()
    table = scores(tmp_path / "north")
    again = take(runs, rows_of(runs))
    assert (len(again.ratings), again.unchanged, again.findings) == (0, 12, ())
    assert (tmp_path / "north" / RATINGS).read_bytes() == before
    assert scores(tmp_path / "north") == table


def test_a_replacement_counts_and_nothing_is_lost(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    take(runs, rows_of(runs))
    before = (tmp_path / "north" / RATINGS).read_bytes()
    refused = take(runs, rows_of(runs, "no"))
    assert len(refused.findings) == 12
    assert (tmp_path / "north" / RATINGS).read_bytes() == before
    replaced = take(runs, rows_of(runs, "no"), replace=True)
    assert replaced.replaced == 12
    assert (tmp_path / "north" / RATINGS).read_bytes().startswith(before)
    assert [row[2] for row in scores(tmp_path / "north")] == [0.0] * 6


def test_simulated_ratings_are_marked_in_the_scores(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    take(runs, rows_of(runs), simulated=True)
    assert {row[4] for row in scores(tmp_path / "north")} == {True}
    assert {(line.rated, line.simulated) for line in progress(runs)} == {(3, 3)}


def test_ratings_appended_twice_count_once(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    judged = take(runs, rows_of(runs))
    north = [rating for run, rating in judged.ratings if run == runs[0].name]
    assert append_ratings(tmp_path / "north", north) == 0
    assert len(scores(tmp_path / "north")) == 6


def test_a_run_in_use_is_not_written(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    with only_one(tmp_path / "north"), pytest.raises(StoreError):
        take(runs, rows_of(runs))


def test_earlier_ratings_are_read_by_one_process_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else of two sheets taken in at the same time one would be told "taken", and its ratings left out."""
    runs = two_runs(tmp_path)
    real = annotation_run._human_ratings
    tried: list[str] = []

    def another_process(folder: Path, rater: str) -> dict[str, list[Rating]]:
        with pytest.raises(StoreError), only_one(folder):
            pass
        tried.append(folder.name)
        return real(folder, rater)

    monkeypatch.setattr(annotation_run, "_human_ratings", another_process)
    assert len(take(runs, rows_of(runs)).ratings) == 12
    assert tried == ["north", "south"]


def test_progress_by_cell(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    assert {(line.sampled, line.rated, line.population) for line in progress(runs)} == {(3, 0, 5)}
    arabic = [row for row in rows_of(runs) if row.cells["language"] == "ar"]
    take(runs, arabic)
    lines = progress(runs)
    assert {(line.language, line.rated) for line in lines} == {("ar", 3), ("en", 0)}
    assert {line.weight for line in lines} == {5 / 3}


def test_the_rater_must_be_one_of_the_protocol(tmp_path: Path) -> None:
    runs = two_runs(tmp_path)
    assert human_rater(runs[0].protocol, "people") == HUMAN
    with pytest.raises(InputError, match="no human rater"):
        make_sheet(runs, "exact")
