"""Names of files: unlike one another, as short as they can be, never an absolute path."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.evaluation.importers.naming import named_paths, shown, unlike


def folders(root: Path, *names: str) -> list[Path]:
    paths = [root / name for name in names]
    for path in paths:
        path.mkdir(parents=True, exist_ok=True)
    return paths


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (("a/run",), ["run"]),
        (("a/run", "b/other"), ["run", "other"]),
        (("a/run", "b/run"), ["a/run", "b/run"]),
        (("x/a/run", "y/a/run", "z"), ["x/a/run", "y/a/run", "z"]),
        (("a/run", "./a/run", "a/../a/run"), ["run"]),
        (("run", "a/run"), ["run", "a/run"]),
    ],
)
def test_as_many_parts_as_tell_them_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: tuple[str, ...], names: list[str]
) -> None:
    folders(tmp_path, *written)
    monkeypatch.chdir(tmp_path)
    assert [name for _, name in named_paths([Path(path) for path in written])] == names


def test_no_name_is_an_absolute_path(tmp_path: Path) -> None:
    paths = folders(tmp_path, "a/run", "b/run")
    assert [name for _, name in named_paths(paths)] == ["a/run", "b/run"]
    names = [name for _, name in named_paths([Path("/proc"), Path("/sys/kernel"), Path("/proc/sys/kernel")])]
    assert all(not name.startswith("/") for name in names)
    assert names[0] == "proc"
    assert len(set(names)) == 3


def test_what_the_parts_do_not_tell_apart_is_numbered_whatever_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders(tmp_path, "a/run", "a/b/a/run")
    monkeypatch.chdir(tmp_path / "a")
    first = dict(named_paths([Path("run"), Path("b/../b/a/../a/run"), Path("../a/run")]))
    assert len(set(first.values())) == 2
    monkeypatch.chdir(tmp_path / "a" / "run")
    one, other = Path(), Path("../b/a/run")
    assert dict(named_paths([one, other])) == dict(named_paths([other, one]))
    assert len(set(dict(named_paths([one, other])).values())) == 2


def test_bytes_that_are_no_utf8_are_escaped() -> None:
    assert shown(os.fsdecode(b"a\xff\xc3\xa9")) == "a\\xffé"


@given(st.lists(st.sampled_from(["a", "a/b.json", "x!/a", "x!/r/a.json", "a (2)", "b.json"]), max_size=20))
def test_a_taken_name_gets_a_number_and_keeps_its_ending(names: list[str]) -> None:
    taken: set[str] = set()
    for name in names:
        found = unlike(name, taken)
        assert found not in taken
        assert found.rpartition(".")[2] == name.rpartition(".")[2] or "." not in name
        taken.add(found)
    assert len(taken) == len(names)
