from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from tests.evaluation.small_protocol import HUMAN, JUDGE, ScriptedChat, small_plan, small_protocol
from tests.evaluation.test_manifest import session

from consilience.errors import NotFoundError, StoreError
from consilience.evaluation.journal import open_journal, write_atomically
from consilience.evaluation.manifest import Served, build_manifest, tally
from consilience.evaluation.protocol import Protocol, RaterKind, item_digest
from consilience.evaluation.raters.rating import build_raters
from consilience.evaluation.run_folder import read_manifest, write_manifest
from consilience.evaluation.run_plan import Asked, Overrides, RunPlan
from consilience.evaluation.run_record import Answer, RaterIdentity, Rating, Selection, rating_id
from consilience.evaluation.score_file import write_scores
from consilience.evaluation.scores import COLUMN_TYPES, OPTIONAL_COLUMNS, REQUIRED_COLUMNS, Cause, Status
from consilience.records.canonical import digest


class Folder:
    """A run's folder that is filled by hand."""

    def __init__(
        self, path: Path, protocol: Protocol | None = None, overrides: Overrides | None = None
    ) -> None:
        path.mkdir(exist_ok=True)
        self.path = path
        self.plan: RunPlan = small_plan(protocol, overrides=overrides)
        protocol = self.plan.protocol
        judge = {"judge": ScriptedChat()} if any(rater.id == "judge" for rater in protocol.raters) else {}
        self.identities: dict[str, RaterIdentity] = {
            rater.identity.id: rater.identity for rater in build_raters(protocol, judge_clients=judge)
        }
        write_atomically(path / "protocol.json", msgspec.json.encode(protocol))
        write_manifest(
            path,
            build_manifest(
                self.plan,
                served=Served(endpoint="http://h/v1"),
                raters=tuple(self.identities.values()),
                counts=tally([], []),
                sessions=[session(1)],
                finished_at=None,
            ),
        )

    def asked(self, number: int = 0) -> Asked:
        return list(self.plan.asked())[number]

    def answer(self, number: int = 0, name: str = "generations.jsonl", **changes: Any) -> str:
        asked = self.asked(number)
        made = Answer(
            generation=asked.generation,
            item=asked.item.id,
            language=asked.item.language,
            concept=asked.item.concept,
            attempt=asked.attempt,
            text="yes",
        )
        self._append(name, Answer, msgspec.structs.replace(made, **changes))
        return asked.generation

    def rate(self, number: int, rater: str, *, name: str = "ratings.jsonl", **changes: Any) -> None:
        generation = self.asked(number).generation
        identity = self.identities.get(rater)
        version = changes.get("version", identity.version if identity else "guideline")
        made = Rating(
            rating=rating_id(
                generation=generation, rater=rater, version=version + str(changes.get("rated_at"))
            ),
            generation=generation,
            rater=rater,
            rater_kind=identity.kind if identity else RaterKind.HUMAN,
            version=version,
            status=Status.SCORED,
            score=1.0,
        )
        self._append(name, Rating, msgspec.structs.replace(made, **changes))

    def _append(self, name: str, kind: Any, record: Any) -> None:
        journal = open_journal(self.path / name, kind, None)
        journal.append(record)
        journal.close()

    def rows(self) -> list[dict[str, Any]]:
        write_scores(self.path)
        found = duckdb.execute("SELECT * FROM read_parquet(?)", [str(self.path / "scores.parquet")])
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def row(self, number: int, rater: str) -> dict[str, Any]:
        asked = self.asked(number)
        key = (asked.item.id, asked.item.language, asked.attempt, rater)
        (row,) = [
            row for row in self.rows() if (row["item"], row["language"], row["attempt"], row["rater"]) == key
        ]
        return row


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    protocol = small_protocol()
    return Folder(tmp_path, msgspec.structs.replace(protocol, raters=(*protocol.raters, JUDGE, HUMAN)))


def test_every_planned_rating_has_one_row_though_nothing_was_asked(folder: Folder) -> None:
    rows = folder.rows()
    keys = [(row["item"], row["language"], row["attempt"], row["rater"]) for row in rows]
    assert len(keys) == len(set(keys)) == 12 + 4 + 6, (
        "exact on all, contains on one concept, judge on first attempts"
    )
    assert {(row["status"], row["cause"], row["score"]) for row in rows} == {("unscored", "not_rated", None)}
    assert "person" not in {row["rater"] for row in rows}


def test_the_columns_are_those_of_the_contract_with_their_types(folder: Folder) -> None:
    folder.rows()
    found = duckdb.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(folder.path / "scores.parquet")])
    assert {row[0]: row[1] for row in found.fetchall()} == COLUMN_TYPES
    assert set(COLUMN_TYPES) == {*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS}


def test_a_row_says_where_it_belongs(folder: Folder) -> None:
    generation = folder.answer(2)
    folder.rate(2, "exact", score=0.0)
    row = folder.row(2, "exact")
    item = folder.asked(2).item
    assert row == {
        "exercise": "small",
        "laboratory": "Lab A",
        "model": "m-1",
        "language": "en",
        "concept": "harm",
        "item": "q1",
        "attempt": 1,
        "rater": "exact",
        "rater_kind": "program",
        "score": 0.0,
        "status": "scored",
        "cause": None,
        "protocol_digest": folder.plan.protocol_digest,
        "item_digest": item_digest(item),
        "generation": generation,
        "split": "evaluation",
        "simulated": False,
        "run": folder.plan.run,
    }


def test_an_answer_that_failed_is_failed_for_every_rater(folder: Folder) -> None:
    folder.answer(2, text=None, cause=Cause.REFUSED_BY_ENDPOINT)
    for rater in ("exact", "contains", "judge"):
        row = folder.row(2, rater)
        assert (row["status"], row["cause"], row["score"]) == ("failed", "refused_by_endpoint", None)


def test_the_last_failure_counts_until_there_is_an_answer(folder: Folder) -> None:
    for second, cause in enumerate((Cause.TIMEOUT, Cause.RATE_LIMITED, Cause.PROVIDER_ERROR)):
        moment = datetime.datetime(2026, 1, 1, 0, 0, second).isoformat() + ".000Z"
        folder.answer(0, "generations.failed.jsonl", text=None, cause=cause, started_at=moment)
    row = folder.row(0, "exact")
    assert (row["status"], row["cause"]) == ("failed", "provider_error")
    assert row["generation"] == folder.asked(0).generation
    folder.answer(0)
    folder.rate(0, "exact")
    assert folder.row(0, "exact")["status"] == "scored"


def test_an_answer_that_nobody_rated_is_not_rated(folder: Folder) -> None:
    folder.answer(0)
    row = folder.row(0, "exact")
    assert (row["status"], row["cause"], row["score"]) == ("unscored", "not_rated", None)


def test_what_a_rater_could_not_score_has_its_cause(folder: Folder) -> None:
    folder.answer(0)
    folder.rate(0, "exact", status=Status.UNSCORED, score=None, cause=Cause.UNPARSABLE)
    assert folder.row(0, "exact")["cause"] == "unparsable"
    folder.rate(
        0, "judge", name="ratings.failed.jsonl", status=Status.UNSCORED, score=None, cause=Cause.JUDGE_ERROR
    )
    assert folder.row(0, "judge")["cause"] == "judge_error"
    folder.rate(0, "judge")
    assert folder.row(0, "judge")["status"] == "scored"


def test_a_cut_off_answer_without_a_score_is_cut_off_and_with_one_is_scored(folder: Folder) -> None:
    folder.answer(0, cause=Cause.CUT_OFF)
    folder.rate(0, "exact", status=Status.UNSCORED, score=None, cause=Cause.UNPARSABLE)
    assert folder.row(0, "exact")["cause"] == "cut_off"
    folder.answer(2, cause=Cause.CUT_OFF)
    folder.rate(2, "exact")
    assert (folder.row(2, "exact")["status"], folder.row(2, "exact")["cause"]) == ("scored", None)


def test_ratings_of_another_version_of_a_rater_do_not_count(folder: Folder) -> None:
    folder.answer(0)
    folder.rate(0, "exact", version="sha256:older", score=0.0)
    assert folder.row(0, "exact")["cause"] == "not_rated"
    folder.rate(0, "exact", score=1.0)
    assert folder.row(0, "exact")["score"] == 1.0


def test_humans_have_the_rows_that_they_gave_and_the_last_counts(folder: Folder) -> None:
    folder.answer(0)
    folder.rate(0, "person", score=0.0, rated_at="2026-01-01T00:00:00.000Z")
    folder.rate(0, "person", score=1.0, rated_at="2026-01-02T00:00:00.000Z")
    folder.rate(0, "person-2", score=0.5, simulated=True)
    people = [row for row in folder.rows() if row["rater_kind"] == "human"]
    assert [(row["rater"], row["score"], row["simulated"]) for row in people] == [
        ("person", 1.0, False),
        ("person-2", 0.5, True),
    ]


def test_ratings_of_generations_that_are_not_there_do_not_count(folder: Folder) -> None:
    folder.rate(0, "person")
    folder.rate(0, "exact")
    assert {row["status"] for row in folder.rows()} == {"unscored"}


def test_only_what_was_selected_is_planned(tmp_path: Path) -> None:
    folder = Folder(tmp_path, overrides=Overrides(attempts=1, selection=Selection(limit=1)))
    assert [(row["item"], row["language"], row["rater"]) for row in folder.rows()] == [
        ("q0", "en", "exact"),
        ("q0", "fr", "exact"),
    ]


def test_rows_are_in_order_and_the_file_is_a_function_of_the_records(folder: Folder) -> None:
    for number in (7, 3, 0, 11, 5):
        folder.answer(number)
        folder.rate(number, "exact")
    rows = folder.rows()
    keys = [(row["language"], row["concept"], row["item"], row["attempt"], row["rater"]) for row in rows]
    assert keys == sorted(keys)
    first = (folder.path / "scores.parquet").read_bytes()
    assert write_scores(folder.path) == len(rows)
    assert (folder.path / "scores.parquet").read_bytes() == first


def test_the_manifest_gets_the_digests_of_the_files(folder: Folder) -> None:
    folder.answer(0)
    folder.rows()
    files = read_manifest(folder.path).files
    assert set(files) == {"protocol.json", "generations.jsonl", "scores.parquet"}
    for name, found in files.items():
        assert found == digest((folder.path / name).read_bytes())


def test_texts_of_answers_do_not_enter(folder: Folder) -> None:
    folder.answer(0, text="a very particular answer")
    folder.rate(0, "exact", explanation="a very particular answer", label="particular")
    folder.rows()
    assert b"particular" not in (folder.path / "scores.parquet").read_bytes()


def test_odd_names_are_kept_as_they_are(tmp_path: Path) -> None:
    protocol = small_protocol(1)
    items = tuple(msgspec.structs.replace(item, id='it\'s "q"; DROP — é') for item in protocol.items)
    folder = Folder(tmp_path / "a folder's name", msgspec.structs.replace(protocol, items=items))
    folder.answer(0)
    folder.rate(0, "exact")
    assert folder.row(0, "exact")["status"] == "scored"


def test_many_rows_need_little_memory_and_a_long_answer_fits(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.answer(0, text="x" * 7_000_000)
    folder.rate(0, "exact")
    assert folder.row(0, "exact")["status"] == "scored"
    assert not [path for path in folder.path.iterdir() if path.is_dir()], "no spill is left"


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not the folder of a run"):
        write_scores(tmp_path)


@pytest.mark.parametrize("name", ["manifest.json", "protocol.json", "generations.jsonl"])
def test_damaged_files_are_an_error_of_ours_and_the_old_scores_stay(folder: Folder, name: str) -> None:
    folder.answer(0)
    folder.rows()
    before = (folder.path / "scores.parquet").read_bytes()
    (folder.path / name).write_bytes(b'{"broken')
    with pytest.raises(StoreError):
        write_scores(folder.path)
    assert (folder.path / "scores.parquet").read_bytes() == before


@pytest.mark.parametrize("name", ["lab[1]", "lab*", "lab?"])
def test_a_name_that_is_a_pattern_reads_its_own_folder_only(tmp_path: Path, name: str) -> None:
    other, own = Folder(tmp_path / "lab1"), Folder(tmp_path / name)
    for folder, score in ((other, 0.0), (own, 1.0)):
        for number in range(2):
            folder.answer(number)
            folder.rate(number, "exact", score=score)
    assert [row["score"] for row in own.rows() if row["status"] == "scored"] == [1.0, 1.0]
