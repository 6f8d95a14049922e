"""The rules of the house that a program can hold: sizes, names, docstrings, layers, locks, versions."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import consilience

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "handler", "common", "misc"}
MACHINE_PATH = re.compile("/" + r"(?:work|root|Users)/[\w.-]+|/" + r"home/[\w.-]+/")
REGISTRY = re.compile(
    r"https?://[^\s\"'`)>]*(?:pypi|pythonhosted|registry|artifactory|simple/)", re.IGNORECASE
)
TEXT_SUFFIXES = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".sh",
    ".cff",
    ".html",
    ".css",
    ".po",
    ".jsonl",
    ".csv",
    ".json",
    "",
}


def own_files() -> list[Path]:
    """Every file that is part of the project: tracked, or new and not ignored."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        skip = {".venv", ".venv-bench", ".git", "site", "build", "dist", "__pycache__"}
        paths = [path for path in ROOT.rglob("*") if not skip & set(path.relative_to(ROOT).parts)]
    else:
        paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return sorted(path for path in paths if path.is_file())


def modules(*folders: str) -> list[Path]:
    return [
        path for path in own_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders
    ]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its decorators and docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_there_is_something_to_judge() -> None:
    assert len(modules("src")) > 10
    assert len(own_files()) > 30


def test_no_module_is_longer_than_400_lines() -> None:
    long = {
        name_of(p): n
        for p in modules("src", "benchmarks", "docs")
        if (n := len(p.read_text().splitlines())) > 400
    }
    assert long == {}


def test_no_function_is_longer_than_50_lines() -> None:
    long = {
        f"{name_of(path)}:{function.lineno} {function.name}": length(function)
        for path in modules("src", "benchmarks", "docs")
        for function in functions(path)
        if length(function) > 50
    }
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name_of(path)
        for path in modules("src", "benchmarks", "docs")
        if len(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "") < 20
    ]
    assert silent == []


def test_every_public_function_and_class_has_a_docstring() -> None:
    silent = []
    for path in modules("src"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
        owners = [tree, *(node for node in classes if not node.name.startswith("_"))]
        for owner in owners:
            for node in owner.body:
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    continue
                if not node.name.startswith("_") and ast.get_docstring(node) is None:
                    silent.append(f"{name_of(path)}:{node.lineno} {node.name}")
    assert silent == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [
        name_of(path)
        for path in modules("src", "tests", "benchmarks")
        if FORBIDDEN_NAMES & set(re.split(r"[_/]", str(path.relative_to(ROOT).with_suffix(""))))
    ]
    assert vague == []


def test_tests_mirror_the_packages() -> None:
    packages = {path.parent.name for path in (ROOT / "src" / "consilience").glob("*/__init__.py")}
    known = packages | {"docs", "e2e", "property", "vectors", "simulators", "interop", "benchmarks", "fuzz"}
    strange = {
        path.relative_to(ROOT / "tests").parts[0]
        for path in modules("tests")
        if len(path.relative_to(ROOT / "tests").parts) > 1
    } - known
    assert strange == set()


def test_no_file_holds_a_machine_path_or_a_registry_address() -> None:
    found = []
    for path in own_files():
        if path.suffix not in TEXT_SUFFIXES or path.name == "test_house.py":
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for pattern in (MACHINE_PATH, REGISTRY):
            found += [f"{name_of(path)}: {match.group()}" for match in pattern.finditer(text)]
    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert MACHINE_PATH.search("see /" + "home/someone/data")
    assert MACHINE_PATH.search("see /" + "work/main")
    assert REGISTRY.search("https://" + "pypi.org/simple/numpy")
    assert not MACHINE_PATH.search("how-to/work-offline.md, https://example.org/homework/")


def test_no_work_is_left_for_later() -> None:
    mark = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|raise NotImplemented" + r"Error)\b")
    found = [
        f"{name_of(path)}: {match.group()}"
        for path in modules("src", "benchmarks", "docs", "tests")
        for match in mark.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("name", ["core", "all", "bench", "weights", "uv"])
def test_requirements_are_locked_by_hash_and_free_of_addresses(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pins = [n for n, line in enumerate(lines) if re.match(r"^[A-Za-z0-9]", line)]
    assert pins, "nothing is pinned"
    for number in pins:
        assert re.match(r"^[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", lines[number]), lines[number]
        assert number + 1 < len(lines), lines[number]
        assert "--hash=sha256:" in lines[number + 1], lines[number]
    assert not any("://" in line or "--index" in line or "--find-links" in line for line in lines)


def test_the_core_requirements_hold_exactly_what_is_declared() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[><=\[]", line)[0].lower() for line in project["dependencies"]}
    locked = set(
        re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements/core.txt").read_text(), re.MULTILINE)
    )
    assert declared <= {name.lower() for name in locked}
    assert len(declared) <= 16


def test_imports_run_downward_only() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_version_is_the_same_everywhere() -> None:
    import tomllib

    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert re.search(rf"^version: \"?{re.escape(consilience.__version__)}\"?$", citation, re.MULTILINE)
    assert project["version"] == consilience.__version__


def test_news_fragments_are_short_and_of_a_known_kind() -> None:
    kinds = {"feature", "bugfix", "doc", "removal", "misc"}
    for path in (ROOT / "changelog.d").glob("*.md"):
        assert path.name.split(".")[1] in kinds, path.name
        assert len(path.read_text(encoding="utf-8").split()) <= 25, path.name


def test_every_word_of_the_makefile_is_in_its_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"[a-z][a-z-]+", text.partition(".PHONY:")[2].partition("\n\n")[0]))
    rules = set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))
    assert {"setup", "demo", "test", "check", "bench"} <= rules
    assert phony == rules
