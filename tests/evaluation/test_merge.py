"""Files of several laboratories: what belongs together is put together, the rest refused with which and
why."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from tests.evaluation.exercises import make_protocol, planned_rows, write_run
from tests.simulators.scores import Design, row, table, write, write_rows

from consilience.errors import IncompatibleError, InputError
from consilience.evaluation.merge import merge
from consilience.evaluation.merge_engine import open_engine
from consilience.evaluation.protocol import protocol_digest

SCORES = {
    ("lab-a", "en", "i1"): (1.0, 0.0),
    ("lab-a", "en", "i2"): (1.0, 1.0),
    ("lab-a", "fr", "i1"): (0.0, None),
    ("lab-b", "en", "i1"): (0.0, 0.0),
}


def _same(left: Any, right: Any) -> bool:
    items, others = left.tables.items, right.tables.items
    return all(
        np.array_equal(getattr(items, name), getattr(others, name))
        for name in ("laboratory", "language", "item", "sums", "counts", "squares", "attempts")
    )


def test_rows_become_an_item_table(tmp_path: Path) -> None:
    merged = merge([write_rows(table(SCORES), tmp_path / "s.csv")])
    tables = merged.tables
    found = {
        (tables.laboratories[lab], tables.languages[tag], tables.item_names[item]): (s, n)
        for lab, tag, item, s, n in zip(
            tables.items.laboratory, tables.items.language, tables.items.item, tables.items.sums[0],
            tables.items.counts[0], strict=True,
        )
    }  # fmt: skip
    assert found == {
        ("lab-a", "en", "i1"): (1.0, 2.0), ("lab-a", "en", "i2"): (2.0, 2.0),
        ("lab-a", "fr", "i1"): (0.0, 1.0), ("lab-b", "en", "i1"): (0.0, 2.0),
    }  # fmt: skip
    assert tables.generations == 8
    assert sum(group.rows for group in merged.groups) == 8
    assert [(g.language, g.cause, g.rows) for g in merged.groups if g.status == "failed"] == [
        ("fr", "timeout", 1)
    ]


def test_all_formats_give_the_same(tmp_path: Path) -> None:
    rows = table(SCORES)
    by_ending = [
        merge([write_rows(rows, tmp_path / f"s.{ending}")]) for ending in ("parquet", "csv", "jsonl")
    ]
    assert _same(by_ending[0], by_ending[1])
    assert _same(by_ending[0], by_ending[2])
    assert by_ending[0].groups == by_ending[1].groups == by_ending[2].groups


def test_order_of_rows_and_files_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "mixed").mkdir()
    paths = write(Design(laboratories=3, items=20, components=Design().components), tmp_path / "one")
    with duckdb.connect() as connection:
        for number, path in enumerate(paths):
            connection.execute(
                f"COPY (SELECT * FROM '{path}' ORDER BY hash(item, attempt, rater)) "
                f"TO '{tmp_path / 'mixed' / f'{9 - number}.parquet'}'"
            )
    assert _same(merge([tmp_path / "one"]), merge([tmp_path / "mixed"]))


def test_two_files_of_one_laboratory_with_different_models_are_fine(tmp_path: Path) -> None:
    paths = [write_rows([row(model=m)], tmp_path / f"{m}.csv") for m in ("m1", "m2")]
    assert merge(paths).tables.models == ("m1", "m2")


def test_files_may_lack_different_optional_columns(tmp_path: Path) -> None:
    first = write_rows([row(split="evaluation", generation="g1")], tmp_path / "a.parquet")
    second = write_rows([row(laboratory="lab-b", simulated=True)], tmp_path / "b.parquet")
    merged = merge([first, second])
    assert [(g.laboratory, g.split, g.simulated) for g in merged.groups] == [
        ("lab-a", "evaluation", None),
        ("lab-b", None, True),
    ]


@pytest.mark.parametrize("endings", [("csv", "csv"), ("parquet", "jsonl")])
def test_equal_rows_are_counted_once(tmp_path: Path, endings: tuple[str, str]) -> None:
    rows = table(SCORES)
    paths = [write_rows(rows, tmp_path / f"{n}.{ending}") for n, ending in enumerate(endings)]
    merged = merge(paths)
    assert merged.doubled == 8
    assert sum(group.rows for group in merged.groups) == 8
    assert _same(merged, merge(paths[:1]))
    assert [file.rows for file in merged.files] == [8, 8]


@pytest.mark.parametrize(
    "change",
    [{"score": 0.0}, {"score": None, "status": "failed", "cause": "timeout"}],
    ids=["score", "status"],
)
def test_the_same_laboratory_twice_with_other_results_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    first = write_rows([row(), row(item="item-2")], tmp_path / "first.csv")
    second = write_rows([row(**change)], tmp_path / "second.csv")
    with pytest.raises(IncompatibleError) as caught:
        merge([first, second])
    for word in (
        "`lab-a` is there twice",
        "`item-1`",
        "`en`",
        "attempt 1",
        "`exact`",
        "first.csv and second.csv",
    ):
        assert word in str(caught.value)


def test_different_exercises_are_refused(tmp_path: Path) -> None:
    paths = [
        write_rows([row(exercise=name, laboratory=name)], tmp_path / f"{name}.csv") for name in ("one", "two")
    ]
    with pytest.raises(IncompatibleError, match=r"`one` in one\.csv; `two` in two\.csv"):
        merge(paths)


def test_the_protocol_of_another_exercise_is_refused(tmp_path: Path) -> None:
    path = write_rows([row(exercise="other")], tmp_path / "s.csv")
    with pytest.raises(IncompatibleError, match="exercise `other`, the protocol is `simulated`"):
        merge([path], protocol=make_protocol())


def test_rows_under_two_protocols_are_refused(tmp_path: Path) -> None:
    paths = [
        write_rows([row(laboratory=d, protocol_digest=f"sha256:{d * 64}")], tmp_path / f"{d}.csv")
        for d in ("a", "b")
    ]
    with pytest.raises(
        IncompatibleError, match=r"sha256:aaaaaaaaaaaa… in a\.csv; sha256:bbbbbbbbbbbb… in b\.csv"
    ):
        merge(paths)


def test_rows_under_another_protocol_than_the_given_one_are_refused(tmp_path: Path) -> None:
    plan = make_protocol()
    path = write_rows(planned_rows(make_protocol(attempts=3), "lab-a"), tmp_path / "s.parquet")
    with pytest.raises(IncompatibleError, match=r"the given one is .*s\.parquet"):
        merge([path], protocol=plan)


def test_a_changed_item_is_refused_between_files(tmp_path: Path) -> None:
    first = write_rows([row(item_digest="sha256:" + "1" * 64)], tmp_path / "a.csv")
    second = write_rows([row(laboratory="lab-b", item_digest="sha256:" + "2" * 64)], tmp_path / "b.csv")
    with pytest.raises(
        IncompatibleError, match=r"`item-1` in `en` is not the same everywhere: .*a\.csv, .*b\.csv"
    ):
        merge([first, second])


def test_a_changed_item_is_refused_against_the_protocol(tmp_path: Path) -> None:
    plan = make_protocol()
    rows = planned_rows(plan, "lab-a")
    rows[0]["item_digest"] = "sha256:" + "3" * 64
    with pytest.raises(IncompatibleError, match=r"s\.csv: the item `i1` in `en` was changed"):
        merge([write_rows(rows[:1], tmp_path / "s.csv")], protocol=plan)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"item": "i9"}, "the protocol has no item `i9` in `en`"),
        ({"item": "i1", "language": "sw"}, "the protocol has no item `i1` in `sw`"),
        ({"item": "i1", "concept": "physics"}, "under the concept `physics`, in the protocol under `maths`"),
    ],
)
def test_what_the_protocol_does_not_know_is_refused(
    tmp_path: Path, change: dict[str, Any], match: str
) -> None:
    with pytest.raises(IncompatibleError, match=match):
        merge([write_rows([row(**change)], tmp_path / "s.csv")], protocol=make_protocol())


def test_a_rater_of_two_kinds_is_refused(tmp_path: Path) -> None:
    rows = [row(), row(laboratory="lab-b", rater_kind="human")]
    with pytest.raises(IncompatibleError, match="rater `exact` is a"):
        merge([write_rows(rows, tmp_path / "s.csv")])


def test_run_folders_bring_their_protocol_and_manifests(tmp_path: Path) -> None:
    plan = make_protocol()
    for name in ("lab-a", "lab-b"):
        write_run(tmp_path / name, plan, name)
    merged = merge([tmp_path])
    assert merged.protocol == plan
    assert merged.protocol_digest == protocol_digest(plan)
    assert [manifest.laboratory for manifest in merged.manifests] == ["lab-a", "lab-b"]
    assert sorted(file.kind for file in merged.files) == ["manifest"] * 2 + ["protocol"] * 2 + ["scores"] * 2


def test_run_folders_of_two_protocols_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "a", make_protocol(), "lab-a")
    write_run(tmp_path / "b", make_protocol(attempts=1), "lab-b")
    with pytest.raises(IncompatibleError, match="different protocols"):
        merge([tmp_path])


def test_a_manifest_under_another_protocol_is_refused(tmp_path: Path) -> None:
    plan = make_protocol()
    folder = write_run(tmp_path / "a", plan, "lab-a", protocol_digest="sha256:" + "9" * 64)
    with pytest.raises(IncompatibleError, match="the run `run-lab-a` of `lab-a`"):
        merge([folder])


@pytest.mark.parametrize("name", ["manifest.json", "protocol.json"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"run": 5}', b"[" * 100_000])
def test_a_broken_companion_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    folder = write_run(tmp_path / "run", make_protocol(), "lab-a")
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=f"run/{name}"):
        merge([folder])


def test_items_of_other_splits_are_left_out(tmp_path: Path) -> None:
    rows = [
        row(item="e", split="evaluation"),
        row(item="t", split="tuning"),
        row(item="x", split="exploratory"),
    ]
    merged = merge([write_rows(rows, tmp_path / "s.csv")])
    assert merged.tables.item_names == ("e",)
    assert (merged.other_rows, merged.stand_in_splits) == (2, ())


def test_the_protocol_says_which_items_are_left_out(tmp_path: Path) -> None:
    plan = make_protocol(items=("i1", "i2"), splits={"i1": "tuning"})
    merged = merge(
        [write_rows(planned_rows(plan, "lab-a", digests=False), tmp_path / "s.csv")], protocol=plan
    )
    assert merged.tables.item_names == ("i2",)
    assert merged.other_rows == 4


def test_without_evaluation_items_the_others_stand_in(tmp_path: Path) -> None:
    merged = merge([write_rows([row(split="tuning")], tmp_path / "s.csv")])
    assert merged.stand_in_splits == ("tuning",)
    assert merged.tables.item_names == ("item-1",)


def test_items_in_two_splits_are_counted(tmp_path: Path) -> None:
    rows = [row(split="evaluation"), row(laboratory="lab-b", split="tuning")]
    assert merge([write_rows(rows, tmp_path / "s.csv")]).splits_overlap == 1


def test_the_files_are_listed_with_digest_and_laboratories(tmp_path: Path) -> None:
    path = write_rows(table(SCORES), tmp_path / "s.csv")
    (file,) = merge([path]).files
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (file.rows, file.laboratories, file.bytes) == (8, ("lab-a", "lab-b"), path.stat().st_size)


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    merge([write_rows([row()], tmp_path / "s.csv")], progress=told.append)
    assert told[0] == "1 score file"


def test_the_engine_reads_nothing_else(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    (tmp_path / "scratch").mkdir()
    with open_engine(tmp_path / "scratch", []) as engine, pytest.raises(duckdb.PermissionException):
        engine.run(f"SELECT * FROM read_csv('{secret}')")


def test_a_protocol_with_many_items_is_joined(tmp_path: Path) -> None:
    names = [f"i{k}" for k in range(500)]
    random.Random(1).shuffle(names)
    plan = make_protocol(items=names)
    merged = merge([write_rows(planned_rows(plan, "lab-a")[:200], tmp_path / "s.parquet")], protocol=plan)
    assert len(merged.tables.item_names) == 50
