"""The reference is complete: what the code knows by name, a page explains. Names are read from the code."""

from __future__ import annotations

import ast
import enum
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import msgspec
import pytest
from tests.docs import pages

import consilience
from consilience import cli as command_line
from consilience import errors
from consilience.evaluation import checklist, findings, joint_result, protocol, run_record, scores
from consilience.evaluation.raters.program import Options
from consilience.node import Settings, read_settings
from consilience.records import strict_json
from consilience.statistics.references import METHODS

SOURCE = pages.ROOT / "src" / "consilience"
LIMIT = re.compile(r"(?:MAX|LARGEST|LONGEST|MOST)_")
SETTING = re.compile(r"\bCONSILIENCE_[A-Z][A-Z_]+\b")


def reference(name: str) -> str:
    return (pages.DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")


def missing(names: set[str], page: str) -> list[str]:
    """Return the names that do not stand in a code span or a block of a page of the reference."""
    return sorted(names - pages.code_words(reference(page)))


def structs(module: ModuleType) -> Iterator[type[msgspec.Struct]]:
    classes = (value for value in vars(module).values() if isinstance(value, type))
    yield from (c for c in classes if issubclass(c, msgspec.Struct) and c.__module__ == module.__name__)


def fields(module: ModuleType) -> set[str]:
    return {field.encode_name for struct in structs(module) for field in msgspec.structs.fields(struct)}


def words(module: ModuleType) -> set[str]:
    """Every value of the enumerations and literals of a module."""
    found: set[str] = set()
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, enum.Enum) and value.__module__ == module.__name__:
            found |= {str(member.value) for member in value}
    for struct in structs(module):
        for hint in typing.get_type_hints(struct).values():
            found |= set(_literals(hint))
    return found


def _literals(hint: object) -> Iterator[str]:
    if typing.get_origin(hint) is typing.Literal:
        yield from (str(value) for value in typing.get_args(hint))
    else:
        for inner in typing.get_args(hint):
            yield from _literals(inner)


def every_module() -> list[str]:
    names = (module.name for module in pkgutil.walk_packages(consilience.__path__, "consilience."))
    return [name for name in names if not name.endswith("__main__")]


def constants(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def limits() -> dict[str, int]:
    """Every constant of the code that is named as a limit, with the module that defines it."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        names = [name for name in constants(path) if LIMIT.match(name)]
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for name in names:
            found[f"{module}.{name}"] = getattr(importlib.import_module(f"consilience.{module}"), name)
    strict = msgspec.to_builtins(strict_json.LIMITS)
    return found | {f"records.strict_json.LIMITS.{name}": value for name, value in strict.items()}


def settings_named(folder: Path) -> set[str]:
    return {
        name for path in folder.rglob("*.py") for name in SETTING.findall(path.read_text(encoding="utf-8"))
    }


def parameters(
    name: str = "consilience", command: click.Command = command_line.cli
) -> Iterator[tuple[str, list[str]]]:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    yield name, [word for option in options for word in option.opts]
    if isinstance(command, click.Group):
        for word in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), word)
            assert inner is not None
            yield from parameters(f"{name} {word}", inner)


def test_the_pages_made_from_the_code_are_current() -> None:
    done = subprocess.run(
        [sys.executable, pages.DOCS / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_command_and_option_is_in_the_reference() -> None:
    text = reference("cli")
    known = pages.code_words(text)
    for name, options in parameters():
        assert f"\n## {name}\n" in text
        assert {option for option in options if option != "--help"} <= known, name


def test_every_protocol_key_and_word_is_in_the_reference() -> None:
    assert missing(fields(protocol) - {"own_id"} | words(protocol), "protocol") == []


def test_every_key_of_a_run_is_in_the_reference() -> None:
    assert missing(fields(run_record) | words(run_record), "run") == []


def test_every_finding_of_the_check_is_in_the_reference() -> None:
    assert missing(set(findings.CODES), "protocol") == []


def test_every_program_and_option_of_a_rater_is_in_the_reference() -> None:
    methods = "|".join(name for name in vars(Options) if not name.startswith("_"))
    call = re.compile(rf"options\.(?:{methods})\(\s*\"(\w+)\"")
    sources = [path.read_text(encoding="utf-8") for path in (SOURCE / "evaluation" / "raters").glob("*.py")]
    options = {name for source in sources for name in call.findall(source)}
    programs = set(_literals(typing.get_type_hints(protocol.Rater)["program"]))
    assert len(options) > 5
    assert missing(options | programs, "raters") == []


def test_every_line_of_the_checklist_is_in_the_reference() -> None:
    text = reference("joint-result") + reference("report")
    rows = {int(number) for number in re.findall(r"^\| *(\d+) *\| *\w", text, re.MULTILINE)}
    sources = Path(checklist.__file__).parent.glob("checklist*.py")
    described = [
        number for path in sources for number in re.findall(r'"""(\d+)\. ', path.read_text(encoding="utf-8"))
    ]
    assert sorted(map(int, described)) == list(range(1, len(described) + 1))
    assert {int(number) for number in described} <= rows


def test_every_method_of_the_statistics_is_explained() -> None:
    text = (pages.DOCS / "explanation" / "statistics.md").read_text(encoding="utf-8")
    assert sorted(set(METHODS) - pages.code_words(text)) == []


def test_every_column_status_and_cause_is_in_the_reference() -> None:
    columns = {*scores.REQUIRED_COLUMNS, *scores.OPTIONAL_COLUMNS}
    assert missing(columns | {str(s) for s in scores.Status} | {str(c) for c in scores.Cause}, "scores") == []


def test_every_field_of_the_joint_result_is_in_the_reference() -> None:
    assert missing(fields(joint_result), "joint-result") == []


def test_every_field_of_a_record_is_in_the_reference() -> None:
    modules = [name for name in every_module() if name.startswith("consilience.records")]
    names = set().union(*(fields(importlib.import_module(name)) for name in modules))
    assert len(names) > 20
    assert missing(names, "records") == []


def test_every_kind_of_record_is_in_the_reference() -> None:
    kinds = {"party", "subject", "concept", "protocol", "claim", "incident", "report", "remedy", "opinion"}
    known = {word.lower() for word in pages.code_words(reference("records"))}
    assert kinds | {"evidence", "link"} <= known


def test_every_setting_is_in_the_reference_and_no_other() -> None:
    named = settings_named(SOURCE)
    assert named, "the code reads no setting"
    assert missing(named, "settings") == []
    assert set(SETTING.findall(reference("settings"))) <= named | settings_named(pages.ROOT / "tests")


def test_every_key_of_the_settings_file_is_in_the_reference() -> None:
    assert missing({field.encode_name for field in msgspec.structs.fields(Settings)}, "settings") == []


def test_the_settings_file_of_the_reference_is_good_and_holds_the_defaults(tmp_path: Path) -> None:
    (block,) = [block for block in pages.blocks(reference("settings")) if block.language == "toml"]
    (tmp_path / "node.toml").write_text(block.text, encoding="utf-8")
    shown = read_settings(tmp_path / "node.toml", flags={}, environment={})
    assert shown == Settings(party=shown.party, party_id=shown.party_id)


def test_every_limit_is_in_the_reference_with_its_value() -> None:
    rows = re.findall(
        r"^\| `([a-z_.]+\.[A-Z][\w.]+)` \| ([\d,]+) \| .{10,} \|$", reference("limits"), re.MULTILINE
    )
    assert {name: int(value.replace(",", "")) for name, value in rows} == limits()


def test_every_kind_of_problem_is_in_the_reference() -> None:
    text = reference("exit-codes")
    waiting, rows = [errors.ConsilienceError], []
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        rows.append(f"| `{kind.slug}` | {kind.title} | {kind.exit_code} | {kind.status} |")
    assert [row for row in rows if row not in text] == []


def test_every_part_of_the_code_is_in_a_layer_of_the_architecture() -> None:
    text = (pages.DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
    entries = [path for path in SOURCE.iterdir() if path.suffix in {"", ".py"} and path.name[0] != "_"]
    assert len(entries) > 5
    assert {f"consilience.{path.stem}" for path in entries} <= pages.code_words(text)


def test_every_core_dependency_has_its_line_in_the_decision() -> None:
    project = tomllib.loads((pages.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (pages.DOCS / "decisions" / "0002-core-dependencies.md").read_text(encoding="utf-8")
    for line in project["dependencies"]:
        assert re.search(
            rf"^\| {re.escape(re.split('[><=]', line)[0])} \| .{{20,}} \|$", text, re.MULTILINE
        ), line


def test_a_name_that_is_not_explained_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "scores.md").write_text(
        "# Scores\n\nThe column `score`, and status in plain words.\n"
    )
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    assert missing({"score", "status"}, "scores") == ["status"]
