"""The contract of the command line, over the whole tree of commands."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from consilience import cli as command_line
from consilience import errors
from consilience.cli import output

HEAVY = (
    "numpy",
    "scipy",
    "duckdb",
    "aiohttp",
    "rich",
    "jinja2",
    "xllamacpp",
    "py3langid",
    "openpyxl",
    "asyncio",
)


def tree(
    name: str = "consilience", command: click.Command = command_line.cli
) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            assert inner is not None, f"{name} lists {word} and does not have it"
            yield from tree(f"{name} {word}", inner)


def verbs() -> list[tuple[str, click.Command]]:
    return [(name, command) for name, command in tree() if not isinstance(command, click.Group)]


def run(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "consilience", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def every_error() -> list[type[errors.ConsilienceError]]:
    found, waiting = [], [errors.ConsilienceError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return sorted(
        (kind for kind in found if kind.__module__.startswith("consilience")), key=lambda k: k.__name__
    )


def test_every_noun_and_verb_is_there() -> None:
    names = [name for name, _ in verbs()]
    words = "demo", "protocol new", "protocol check", "protocol show", "exercise run", "exercise analyse"
    words += "exercise report", "exercise annotate export", "exercise annotate import"
    assert {f"consilience {word}" for word in words} <= set(names)


def test_every_command_and_option_has_a_help_text() -> None:
    silent = []
    for name, command in tree():
        if not (command.help or "").strip():
            silent.append(name)
        options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
        silent += [f"{name} {option.opts[0]}" for option in options if not (option.help or "").strip()]
    assert silent == []


def test_the_list_of_nouns_says_what_the_commands_say_of_themselves() -> None:
    for noun, (_, text) in command_line.NOUNS.items():
        assert text.endswith("."), noun
        assert len(text) <= 72, noun


def test_every_verb_takes_json() -> None:
    without = [
        name for name, command in verbs()
        if not any("--json" in p.opts for p in command.params if isinstance(p, click.Option))
    ]  # fmt: skip
    assert without == []


def test_options_are_words_with_hyphens() -> None:
    for name, command in tree():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                for word in parameter.opts:
                    assert word == word.lower(), f"{name} {word}"
                    assert "_" not in word, f"{name} {word}"


@pytest.mark.parametrize("words", [["--help"], ["exercise", "--help"]], ids=["help", "exercise-help"])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\n"
        "from consilience.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as leave:\n    assert leave.code == 0, leave.code\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "LOADED"


@pytest.mark.parametrize("name", [name for name, _ in tree()])
def test_help_of_every_command_works_and_imports_nothing_heavy(name: str) -> None:
    words = [*name.split()[1:], "--help"]
    program = (
        "import sys\n"
        "from consilience.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as leave:\n    assert leave.code == 0, leave.code\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True, timeout=120
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"Usage: {name}")
    assert lines[-1] == "LOADED"


def test_version_is_the_package_version() -> None:
    from consilience import __version__

    code, out, _ = run("--version")
    assert code == 0
    assert out.strip().endswith(__version__)


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["exercise", "nonsense"], ["--nonsense"], ["exercise", "run"], ["protocol", "check"]],
    ids=["noun", "verb", "option", "run-without-arguments", "check-without-arguments"],
)
def test_wrong_usage_is_exit_code_2_and_says_why(words: list[str]) -> None:
    code, out, err = run(*words)
    assert code == 2
    assert out == ""
    assert "Error:" in err or "Usage:" in err


def test_wrong_usage_with_json_is_a_problem_document() -> None:
    code, out, _ = run("exercise", "nonsense", "--json")
    assert code == 2
    problem = json.loads(out)
    assert problem["type"] == "urn:consilience:problem:usage"
    assert problem["exit_code"] == 2
    assert "nonsense" in problem["detail"]


def test_a_file_that_is_not_there_is_exit_code_2() -> None:
    code, out, _ = run("exercise", "analyse", "no-such-file.csv", "--json")
    assert code == 2
    problem = json.loads(out)
    assert problem["type"].startswith("urn:consilience:problem:")
    assert "no-such-file.csv" in json.dumps(problem)


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_is_a_problem_document_with_json(
    kind: type[errors.ConsilienceError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    def broken(as_json: bool) -> None:
        raise kind("what happened", where=errors.Where(file="a.csv", line=3), next_step="do this")

    monkeypatch.setattr(command_line.LazyGroup, "get_command", lambda self, context, word: broken)
    with pytest.raises(SystemExit) as leave:
        command_line.main(["broken", "--json"])
    printed = capsys.readouterr()
    problem = json.loads(printed.out)
    assert printed.err == ""
    assert leave.value.code == problem["exit_code"] == kind.exit_code
    assert problem["type"] == f"urn:consilience:problem:{kind.slug}"
    assert problem["detail"] == "what happened"
    assert problem["where"] == {"file": "a.csv", "line": 3}
    assert problem["next_step"] == "do this"

    with pytest.raises(SystemExit):
        command_line.main(["broken"])
    printed = capsys.readouterr()
    assert printed.out == ""
    for part in (kind.title, "a.csv, line 3", "what happened", "do this"):
        assert part in printed.err


def test_slugs_of_errors_are_different_and_codes_are_of_the_contract() -> None:
    slugs = [kind.slug for kind in every_error() if "slug" in vars(kind)]
    assert len(set(slugs)) == len(slugs)
    assert {kind.exit_code for kind in every_error()} <= {1, 2, 3, 4}


def test_an_interruption_is_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line.LazyGroup, "get_command", lambda self, context, word: interrupted)
    with pytest.raises(SystemExit) as leave:
        command_line.main(["interrupted"])
    assert leave.value.code == 130
    assert "the same command" in capsys.readouterr().err


def test_the_lists_of_commands_are_not_cut() -> None:
    for name, command in tree():
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=name)
            assert "..." not in command.get_help(context).partition("Options:")[2], name


def test_wrong_usage_with_json_says_where_help_is() -> None:
    code, out, _ = run("exercise", "run", "--json")
    assert code == 2
    assert "`consilience exercise run --help`" in json.loads(out)["next_step"]


@pytest.mark.parametrize("words", [["refused"], ["refused", "--json"]])
def test_what_the_system_refuses_is_a_problem_and_no_traceback(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    def refused(as_json: bool) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "a/b.csv")

    monkeypatch.setattr(command_line.LazyGroup, "get_command", lambda self, context, word: refused)
    with pytest.raises(SystemExit) as leave:
        command_line.main(words)
    printed = capsys.readouterr()
    assert leave.value.code == 1
    for part in ("No space left on device", "a/b.csv", "free space"):
        assert part in (printed.out if "--json" in words else printed.err)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_told_on_stderr() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "consilience", "protocol", "schema", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [(0, "item", "0 items"), (1, "laboratory", "1 laboratory"), (2000, "laboratory", "2,000 laboratories")],
)
def test_things_are_counted_in_words(number: int, noun: str, said: str) -> None:
    assert output.counted(number, noun) == said


HOSTILE = "Lab \x1b]0;owned\x07\x9b31m\u202egnp\u2066\u200f\x7f"
SEEN = "Tab\t, line\nend, नमस्\u200dते, می\u200cخواهم, é"


def test_a_name_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.say(HOSTILE)
    output.show_problem(errors.InputError(HOSTILE, where=errors.Where(file=HOSTILE)), as_json=False)
    output.show_json({"name": HOSTILE})
    told = capsys.readouterr()
    for text in (told.out, told.err):
        assert "Lab" in text
        assert not set(text) & set(HOSTILE.removeprefix("Lab gnp")[1:]) - set("Lab ]0;owned31mgnp")
    assert json.loads(told.out) == {"name": HOSTILE}


def test_what_is_seen_stays_as_it_is() -> None:
    assert output.harmless(SEEN) == SEEN
