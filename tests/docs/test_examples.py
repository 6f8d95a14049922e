"""Every example in the documentation runs: console, Python, TOML, JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.docs import pages
from tests.docs.pages import Block
from tests.optional import installed

RUN = {"console", "python", "toml", "json", "jsonl", "csv", "text"}
FREE = {"text", "csv", "jsonl"}
"""Languages that need no mark and are only shown."""
LOCAL = re.compile(r"consilience demo|local:")
MOST_NOT_RUN = 0.2
TIME_LIMIT_S = 570


def _blocks(page: Path) -> list[Block]:
    return list(pages.blocks(page.read_text(encoding="utf-8")))


def _needs_model(block: Block) -> bool:
    if block.language != "console" or "no-run" in block.marks:
        return False
    return "local_model" in block.marks or LOCAL.search(block.text) is not None


def _with_examples() -> list[object]:
    found: list[object] = []
    for page in pages.pages():
        todo = [block for block in _blocks(page) if _runs(block)]
        if todo:
            marks = [pytest.mark.local_model] if any(map(_needs_model, todo)) else []
            found.append(pytest.param(page, id=pages.name(page), marks=marks))
    return found


def _runs(block: Block) -> bool:
    return "no-run" not in block.marks and (block.language in RUN - FREE or "file" in block.marks)


def _environment(folder: Path) -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("CONSILIENCE_", "COV_", "PYTEST"))
    }
    programs = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"PATH": programs, "HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "100"}


def _call(arguments: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        arguments, cwd=folder, env=_environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, timeout=TIME_LIMIT_S,
    )  # fmt: skip
    return done.returncode, done.stdout


def _is_shown(expected: str, output: str) -> bool:
    """Whether a line of the page is in the output; `…` stands for anything, runs of blanks for one."""
    parts = [re.escape(" ".join(part.split())) for part in expected.split("…")]
    pattern = re.compile(".*".join(parts))
    return any(pattern.search(" ".join(line.split())) for line in output.splitlines())


def _run_console(block: Block, folder: Path) -> None:
    commands = block.commands()
    assert commands, f"line {block.line}: a console block without a command"
    for number, (command, shown) in enumerate(commands):
        words = command.split()
        if words[0] == "make":
            rules = (pages.ROOT / "Makefile").read_text(encoding="utf-8")
            assert all(re.search(rf"^{word}:", rules, re.MULTILINE) for word in words[1:]), command
            continue
        planned = int(block.marks.get("exit", 0)) if number == len(commands) - 1 else 0
        code, output = _call(["bash", "-eu", "-o", "pipefail", "-c", command], folder)
        assert code == planned, (
            f"line {block.line}: $ {command}\nexit code {code}, planned {planned}\n{output[-3000:]}"
        )
        missing = [line for line in shown if not _is_shown(line, output)]
        assert missing == [], (
            f"line {block.line}: $ {command}\nnot in the output:\n{missing}\n{output[-3000:]}"
        )


def _run(block: Block, folder: Path) -> None:
    if "file" in block.marks:
        path = folder / block.marks["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    if block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "console":
        _run_console(block, folder)
    elif block.language == "python":
        code, output = _call([sys.executable, "-W", "error", "-c", block.text], folder)
        assert code == 0, f"line {block.line}: Python\n{output[-3000:]}"


@pytest.mark.parametrize("page", _with_examples())
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    for block in _blocks(page):
        if "extra" in block.marks:
            installed(block.marks["extra"])
        if _runs(block):
            _run(block, tmp_path)


@pytest.mark.parametrize("page", pages.pages(), ids=pages.name)
def test_every_block_has_a_language_that_says_what_it_is(page: Path) -> None:
    for block in _blocks(page):
        assert block.language in RUN, f"line {block.line}: `{block.language}`"


def test_blocks_that_do_not_run_are_few_and_say_why() -> None:
    every = [
        (page, block) for page in pages.pages() for block in _blocks(page) if block.language in RUN - FREE
    ]
    still = [(pages.name(page), block) for page, block in every if "no-run" in block.marks]
    for page, block in still:
        assert len(block.marks["no-run"]) >= 10, f"{page} line {block.line}: say why it does not run"
    assert len(still) <= MOST_NOT_RUN * len(every), [f"{page} line {block.line}" for page, block in still]


def test_lines_shown_are_found_with_gaps_and_blanks() -> None:
    assert _is_shown("mean 0.5 … items", "x\n  mean   0.5 [0.4, 0.6] of 40 items\n")
    assert not _is_shown("mean 0.6", "mean 0.5\n")


def test_a_command_with_another_exit_code_fails(tmp_path: Path) -> None:
    (block,) = pages.blocks("```console\n$ exit 3\n```\n")
    with pytest.raises(AssertionError, match="exit code 3, planned 0"):
        _run_console(block, tmp_path)
    (block,) = pages.blocks("<!-- exit: 3 -->\n```console\n$ exit 3\n```\n")
    _run_console(block, tmp_path)
