"""Which files enter: folders, names, links, limits, digests."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from tests.simulators.scores import row, write_rows

from consilience.errors import InputError, LimitError, NotFoundError
from consilience.evaluation import merge_inputs
from consilience.evaluation.merge_inputs import digest_file, find_inputs


def _names(found: merge_inputs.Found) -> list[str]:
    return [file.name for file in found.scores]


def test_a_run_folder_gives_its_scores_manifest_and_protocol(tmp_path: Path) -> None:
    write_rows([row()], tmp_path / "run" / "scores.parquet")
    for name in ("manifest.json", "protocol.json"):
        (tmp_path / "run" / name).write_text("{}")
    (tmp_path / "run" / "generations.jsonl").write_text("{}\n")
    found = find_inputs([tmp_path / "run"])
    assert _names(found) == ["run/scores.parquet"]
    assert [file.name for file in found.manifests] == ["run/manifest.json"]
    assert [file.name for file in found.protocols] == ["run/protocol.json"]


def test_the_scores_file_of_a_run_brings_the_files_beside_it(tmp_path: Path) -> None:
    write_rows([row()], tmp_path / "run" / "scores.parquet")
    (tmp_path / "run" / "manifest.json").write_text("{}")
    found = find_inputs([tmp_path / "run" / "scores.parquet"])
    assert len(found.manifests) == 1


def test_folders_of_run_folders_and_node_folders_are_searched(tmp_path: Path) -> None:
    for name in ("node/runs/b", "node/runs/a", "other"):
        write_rows([row()], tmp_path / name / "scores.csv")
    assert _names(find_inputs([tmp_path])) == [
        f"{tmp_path.name}/node/runs/a/scores.csv",
        f"{tmp_path.name}/node/runs/b/scores.csv",
        f"{tmp_path.name}/other/scores.csv",
    ]


def test_a_plain_folder_gives_all_score_files_in_it(tmp_path: Path) -> None:
    for name in ("b.csv", "a.parquet", "c.jsonl", ".hidden.csv"):
        write_rows([row()], tmp_path / name)
    (tmp_path / "notes.txt").write_text("nothing")
    assert [name.split("/")[-1] for name in _names(find_inputs([tmp_path]))] == [
        "a.parquet",
        "b.csv",
        "c.jsonl",
    ]


def test_a_file_that_is_named_twice_enters_once(tmp_path: Path) -> None:
    path = write_rows([row()], tmp_path / "a.csv")
    assert len(find_inputs([path, tmp_path, path]).scores) == 1


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [write_rows([row()], tmp_path / lab / "s.csv") for lab in ("lab-a", "lab-b")]
    assert _names(find_inputs(paths)) == ["lab-a/s.csv", "lab-b/s.csv"]


def test_nothing_named_is_refused() -> None:
    with pytest.raises(InputError, match="no scores were named"):
        find_inputs([])


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"gone\.csv"):
        find_inputs([tmp_path / "gone.csv"])


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scores.xlsx").write_text("x")
    with pytest.raises(InputError, match=r"\.parquet, \.csv, \.jsonl"):
        find_inputs([tmp_path / "scores.xlsx"])


def test_a_folder_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="holds no scores"):
        find_inputs([tmp_path])


def test_a_run_that_is_not_finished_says_how_to_finish_it(tmp_path: Path) -> None:
    (tmp_path / "generations.jsonl").write_text("{}\n")
    with pytest.raises(NotFoundError, match="exercise run"):
        find_inputs([tmp_path])


def test_links_inside_folders_are_not_followed(tmp_path: Path) -> None:
    secret = write_rows([row()], tmp_path / "elsewhere" / "secret.csv")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "scores.csv").symlink_to(secret)
    with pytest.raises(InputError, match="symbolic link"):
        find_inputs([tmp_path / "in"])


def test_a_link_to_a_folder_is_not_walked(tmp_path: Path) -> None:
    write_rows([row()], tmp_path / "out" / "b.csv")
    write_rows([row()], tmp_path / "in" / "a.csv")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "out")
    assert [name.split("/")[-1] for name in _names(find_inputs([tmp_path / "in"]))] == ["a.csv"]


def test_what_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scores.csv")
    with pytest.raises(InputError, match="not a regular file"):
        find_inputs([tmp_path / "scores.csv"])


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_empty_file_is_refused(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a.{ending}").touch()
    with pytest.raises(InputError, match=rf"a\.{ending}: this file is empty"):
        find_inputs([tmp_path / f"a.{ending}"])


@pytest.mark.parametrize(
    ("limit", "match"),
    [
        ("MAX_FILES", "score files"),
        ("MAX_TEXT_BYTES", "bytes are more"),
        ("MAX_ENTRIES", "to look at"),
        ("MAX_DEPTH", "deep"),
    ],
)
def test_every_limit_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, match: str) -> None:
    for name in ("a/1.csv", "a/2.csv"):
        write_rows([row()], tmp_path / name)
    find_inputs([tmp_path])
    monkeypatch.setattr(merge_inputs, limit, 1 if limit != "MAX_DEPTH" else 0)
    with pytest.raises(LimitError, match=match):
        find_inputs([tmp_path])


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = write_rows([row(model="modèle")], tmp_path / "a.csv")
    (file,) = find_inputs([path]).scores
    assert digest_file(file) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_long_line_is_refused_with_its_number(tmp_path: Path, before: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"short\n" * before + b"x" * (merge_inputs.MAX_LINE_BYTES + 1) + b"\nend\n")
    (file,) = find_inputs([path]).scores
    with pytest.raises(LimitError, match=rf"line {before + 1}: this line is longer"):
        digest_file(file)


def test_a_line_of_just_the_limit_passes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((b"x" * merge_inputs.MAX_LINE_BYTES + b"\n") * 3)
    (file,) = find_inputs([path]).scores
    assert len(digest_file(file)) == 64


@pytest.mark.parametrize(("bad", "match"), [(b"\xff", "not UTF-8"), (b"\xc3", "not UTF-8"), (b"\0", "NUL")])
def test_bytes_that_are_no_text_are_refused_with_the_line(tmp_path: Path, bad: bytes, match: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"good\nr\xc3\xa9\n" + bad)
    (file,) = find_inputs([path]).scores
    with pytest.raises(InputError, match=rf"line 3: this line .*{match}"):
        digest_file(file)


def test_a_letter_on_the_border_of_two_chunks_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_inputs, "CHUNK_BYTES", 5)
    path = tmp_path / "a.csv"
    path.write_text("éééé\nééé\n", encoding="utf-8")
    (file,) = find_inputs([path]).scores
    assert digest_file(file) == hashlib.sha256(path.read_bytes()).hexdigest()
