"""Tasks in a protocol: names, what may stand beside them, and what the digest covers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.evaluation.importers.imports import NOW
from tests.evaluation.task_protocol import TASKS, write_task_protocol

from consilience.errors import ConsilienceError
from consilience.evaluation import protocol_tasks
from consilience.evaluation.lint import check_protocol
from consilience.evaluation.protocol import protocol_digest
from consilience.evaluation.protocol_file import load_protocol, read_protocol
from consilience.evaluation.protocol_tasks import TaskName, parse_task
from consilience.evaluation.run_folder import read_protocol_copy


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("inspect:inspect_evals/gsm8k", TaskName("inspect_evals/gsm8k", None)),
        ("inspect:gsm8k", TaskName("gsm8k", None)),
        ("inspect:a/b.py@c", TaskName("c", "a/b.py")),
        ("inspect:b.py", TaskName("", "b.py")),
        ("gsm8k", None),
        ("inspect:", None),
        ("inspect:--model", None),
        ("inspect:a b", None),
        ("inspect:a.py@--x", None),
        ("inspect:https://host/x", None),
    ],
)
def test_names_of_tasks(text: str, named: TaskName | None) -> None:
    assert parse_task(text) == named


def test_a_task_stands_in_the_place_of_items_with_the_digest_of_its_file(tmp_path: Path) -> None:
    protocol = load_protocol(write_task_protocol(tmp_path))
    (task,) = protocol.tasks
    assert (protocol.items, task.args, task.language) == ((), {"number": 5}, "en")
    assert task.digest is not None
    before = protocol_digest(protocol)
    (tmp_path / "capitals.py").write_text(TASKS + "\n")
    assert protocol_digest(load_protocol(tmp_path / "protocol.toml")) != before


def test_the_order_of_tasks_does_not_enter_the_digest(tmp_path: Path) -> None:
    one = '[[tasks]]\ntask = "inspect:p/one"\nconcept = "capitals"\nlanguage = "en"\n'
    two = one.replace("one", "two")
    at = ('[[raters]]\nid = "says-it"', '{}[[raters]]\nid = "says-it"')
    digests = {
        protocol_digest(load_protocol(write_task_protocol(tmp_path / str(n), (at[0], at[1].format(more)))))
        for n, more in enumerate((one + two, two + one))
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("inspect:capitals.py@capitals", "capitals", "names no task"),
        ("inspect:capitals.py@capitals", "inspect:../capitals.py", "leads out"),
        ("inspect:capitals.py@capitals", "inspect:none.py", "no file"),
        ('concept = "capitals"\nlanguage', 'concept = "rivers"\nlanguage', "no concept"),
        ('language = "en"', 'language = "fr"', "no language"),
        ('scorer = "includes"', 'program = "exact"', "names no scorer"),
        ('scorer = "includes"', 'scorer = "includes"\nprogram = "exact"', "decides `program`"),
        ('kind = "program"\nscorer = "match"', 'kind = "human"', "cannot rate"),
        ("[generation]", '[[items]]\npath = "x.jsonl"\n[generation]', "`[[items]]` and `[[tasks]]`"),
        ("[generation]", "[human_sample]\nper_cell = 3\n[generation]", "people"),
        ("args = { number = 5 }", 'args = { "--x" = 5 }', "no arguments"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, old: str, new: str, word: str) -> None:
    with pytest.raises(ConsilienceError) as refused:
        load_protocol(write_task_protocol(tmp_path, (old, new)))
    assert word in str(refused.value)
    assert "line" in str(refused.value)


def test_a_scorer_without_tasks_is_refused(tmp_path: Path) -> None:
    task = (
        'task = "inspect:capitals.py@capitals"\nconcept = "capitals"\nlanguage = "en"\nargs = { number = 5 }'
    )
    path = write_task_protocol(
        tmp_path, (f"[[tasks]]\n{task}", '[[items]]\npath = "i.jsonl"\nconcept = "capitals"')
    )
    with pytest.raises(ConsilienceError, match="no `\\[\\[tasks\\]\\]`"):
        load_protocol(path)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_task_protocol(tmp_path)
    monkeypatch.setattr(protocol_tasks, "MAX_TASK_FILE_BYTES", 10)
    with pytest.raises(ConsilienceError, match="at most 10 bytes"):
        load_protocol(path)
    monkeypatch.setattr(protocol_tasks, "MAX_ARGS", 0)
    with pytest.raises(ConsilienceError, match="no arguments"):
        load_protocol(path)
    monkeypatch.setattr(protocol_tasks, "MAX_TASKS", 0)
    with pytest.raises(ConsilienceError, match="the limit is 0"):
        load_protocol(path)


def test_check_says_that_the_items_are_not_known_yet(tmp_path: Path) -> None:
    result = check_protocol(read_protocol(write_task_protocol(tmp_path), now=NOW))
    assert [finding.code for finding in result.findings] == ["task-items"]
    assert result.is_clean
    assert result.power.rows == ()
    fr = ("[[tasks]]", '[[languages]]\ntag = "fr"\ntranslation = "human"\nchecked_by = "A"\n[[tasks]]')
    result = check_protocol(read_protocol(write_task_protocol(tmp_path, fr), now=NOW))
    assert "no-items" in {finding.code for finding in result.findings}


def test_a_run_carries_its_tasks(tmp_path: Path) -> None:
    import msgspec

    protocol = load_protocol(write_task_protocol(tmp_path))
    (tmp_path / "protocol.json").write_bytes(msgspec.json.encode(protocol))
    assert protocol_digest(read_protocol_copy(tmp_path)) == protocol_digest(protocol)
