"""`consilience protocol`: what people and programs get on stdout, and the exit codes of the contract."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.evaluation.protocol_folder import TOML, changed, jsonl, write

from consilience.cli import main
from consilience.cli.protocol import Progress


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(words)
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def document(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code, out, _ = run(capsys, *words, "--json")
    return code, json.loads(out)


def test_a_new_protocol_passes_check_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "protocol", "new", "my-first")
    assert (code, out) == (0, "my-first/protocol.toml\n")
    assert "protocol check" in err
    code, found = document(capsys, "protocol", "check", "my-first/protocol.toml")
    assert code == 0
    assert found["counts"]["error"] == found["counts"]["warning"] == 0
    assert {finding["code"] for finding in found["findings"]} == {"placeholder"}
    code, shown = document(capsys, "protocol", "show", "my-first/protocol.toml")
    assert code == 0
    assert shown["name"] == "my-first"
    assert [language["tag"] for language in shown["languages"]] == ["en", "fr", "ar"]
    assert shown["digest"] == found["digest"]
    today = datetime.datetime.now(datetime.UTC).date()
    assert shown["created"] in {today.isoformat(), (today - datetime.timedelta(days=1)).isoformat()}


def test_new_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "plan"
    (folder / "items").mkdir(parents=True)
    (folder / "items" / "fr.jsonl").write_text("mine")
    code, problem = document(capsys, "protocol", "new", "plan", "--folder", str(folder))
    assert code == 2
    assert problem["where"]["file"] == str(folder / "items" / "fr.jsonl")
    assert not (folder / "protocol.toml").exists()
    assert (folder / "items" / "fr.jsonl").read_text() == "mine"


@pytest.mark.parametrize("name", ["Not a name", "../x", "", "x" * 81])
def test_new_refuses_what_is_no_name(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, err = run(capsys, "protocol", "new", name, "--folder", str(tmp_path / "f"))
    assert (code, out) == (2, "")
    assert "no short name" in err
    assert not (tmp_path / "f").exists()


def test_new_tells_where_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = document(capsys, "protocol", "new", "plan", "--folder", str(tmp_path / "f"))
    assert code == 0
    assert sorted(path.name for path in Path(found["items"]).iterdir()) == [
        "ar.jsonl",
        "en.jsonl",
        "fr.jsonl",
    ]


def test_check_of_a_clean_protocol(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "protocol", "check", str(write(tmp_path)))
    assert code == 0
    assert "two languages, one laboratory and model" in out
    assert "Miller 2024" in out
    assert "Clean: no errors, no warnings, 0 notes. Digest sha256:" in err


def test_check_tells_code_place_and_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, items=jsonl(changed("bee", "en", prompt=" ")))
    code, out, err = run(capsys, "protocol", "check", str(path))
    assert code == 1
    assert (
        f"error empty-prompt  {tmp_path / 'items.jsonl'}, line 17, item bee\n  the prompt is empty.\n  → "
        "Write" in out
    )
    assert err.startswith("1 error, 0 warnings")


def test_check_shows_a_few_of_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, items=jsonl(row | {"target": None} for row in changed("bee")))
    code, out, _ = run(capsys, "protocol", "check", str(path))
    assert code == 1
    assert out.count("error missing-target") == 8
    assert "missing-target: 16 more, see --json" in out


def test_what_cannot_be_read_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, TOML.replace("attempts", "atempts"))
    for verb in ("check", "show"):
        code, problem = document(capsys, "protocol", verb, str(path))
        assert code == 2
        assert problem["where"]["line"] == 9
        assert "Did you mean `attempts`?" in problem["next_step"]
        code, out, err = run(capsys, "protocol", verb, str(path))
        assert (code, out) == (2, "")
        assert "line 9" in err


def test_documents_follow_their_schemas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write(tmp_path, items=jsonl(changed("bee", "en", prompt=" "))))
    for verb in ("check", "show"):
        _, schema = document(capsys, "protocol", "schema", verb)
        _, found = document(capsys, "protocol", verb, path)
        jsonschema.Draft202012Validator.check_schema(schema)
        assert list(jsonschema.Draft202012Validator(schema).iter_errors(found)) == []
    _, schema = document(capsys, "protocol", "schema")
    assert "exercise" in json.dumps(schema)


def test_check_takes_a_pilot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import duckdb

    path, pilot = write(tmp_path), tmp_path / "pilot.parquet"
    duckdb.execute(
        "COPY (SELECT 'a' AS laboratory, 'm' AS model, tag AS language, 'knowledge' AS concept, 'q' || i AS "
        "item, "
        "'says-it' AS rater, (i % 2)::DOUBLE * (tag = 'en')::INTEGER AS score, 'scored' AS status "
        f"FROM range(20) r(i), (VALUES ('en'), ('fr')) l(tag)) TO '{pilot}' (FORMAT parquet)"
    )
    _, found = document(capsys, "protocol", "check", str(path), "--pilot", str(pilot))
    rows = {row["axis"]: row["variances"] for row in found["power"]["rows"]}
    assert rows["language"]["basis"] == "pilot"
    assert rows["language"]["pilot_items"] == 20
    code, problem = document(capsys, "protocol", "check", str(path), "--pilot", str(tmp_path / "no.parquet"))
    assert code == 2
    assert problem["where"]["file"].endswith("no.parquet")


def test_show_tells_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "protocol", "show", str(write(tmp_path)))
    assert code == 0
    for part in (
        "sha256:",
        "12 items, 2 attempts, 48 generations per run",
        "Français · French",
        "A. Reader",
        "says-it",
    ):
        assert part in out


def test_what_stands_in_a_file_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = TOML.replace('title = "Small"', 'title = "[bold]x[/bold]\\u001b[2J"')
    toml = toml.replace('title = "Knowledge"', 'title = "K\\u001b]0;x\\u0007"')
    for verb in ("check", "show"):
        _, out, err = run(capsys, "protocol", verb, str(write(tmp_path, toml)))
        assert "\x1b" not in out + err
        assert "\x07" not in out + err
    assert "[bold]x[/bold]" in out


def test_progress_speaks_after_two_seconds_and_then_once_a_second(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr("consilience.cli.protocol.time.monotonic", lambda: clock[0])
    progress = Progress()
    for moment in (0.5, 1.9, 2.0, 2.5, 3.1):
        clock[0] = moment
        progress("reading", 1, 4)
    assert capsys.readouterr().err == "reading: 1 of 4 (2 s)\nreading: 1 of 4 (3 s)\n"


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['consilience', 'protocol', '--help']\n"
        "from consilience.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'duckdb', 'scipy', 'rich', 'py3langid', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
