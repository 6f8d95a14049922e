"""The page of limits: every constant of the code that is named as a limit, with its value and what it is for.

The meaning is the text below the constant, or, where there is none, the entry in `docs/limits.toml`.
"""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

import consilience

SOURCE = Path(consilience.__file__).resolve().parent
MEANINGS = Path(__file__).resolve().parent / "limits.toml"
NAME = re.compile(r"(?:MAX|LARGEST|LONGEST|MOST)_[A-Z_]+|LIMITS")
SECTIONS = {
    "Protocol and items": ("evaluation.protocol", "evaluation.item", "evaluation.lint", "evaluation.bounded",
                           "evaluation.fa", "evaluation.fi", "evaluation.pilot", "evaluation.planning"),
    "Run": ("evaluation.model", "evaluation.endpoint", "evaluation.local", "evaluation.journal",
            "evaluation.run", "evaluation.manifest", "evaluation.concurrency", "cli.exercise.run"),
    "Raters": ("evaluation.raters", "evaluation.annotation", "evaluation.human", "cli.exercise.annotate"),
    "Scores and analysis": ("evaluation", "statistics", "cli.exercise.analy"),
    "Report": ("reporting", "cli.exercise.report"),
    "Signatures and the log": ("trust",),
    "Records, store and settings": ("records", "store", "node", "cli"),
}  # fmt: skip
"""Title → beginnings of module names; the first that fits counts."""
HEAD = """# Limits

This page is made from the code (`make reference`). Every input from files, models and partners has a limit. What is larger,
deeper or longer is refused with the kind `limit` and exit code 2, or, for an answer of a model, gets a cause; a list in a message or
a report that is cut says so. Limits that an option or a setting can change are in [Commands](cli.md) and [Settings](settings.md).
"""  # noqa: E501


def _constants(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the limits of a module, each with the text below it."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        names = [t.id for t in targets if isinstance(t, ast.Name) and NAME.fullmatch(t.id)]
        below = after.value if isinstance(after, ast.Expr) else None
        text = below.value if isinstance(below, ast.Constant) and isinstance(below.value, str) else ""
        for name in names:
            yield name, " ".join(text.split())


def limits() -> dict[str, tuple[Any, str]]:
    """Return every limit: `module.NAME` → its value and what it is for.

    Raises:
        ValueError: A limit has no meaning, or a meaning has no limit.
    """
    written = tomllib.loads(MEANINGS.read_text(encoding="utf-8"))
    found: dict[str, tuple[Any, str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for name, text in _constants(path):
            value = getattr(importlib.import_module(f"consilience.{module}"), name)
            parts = msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else {"": value}
            for part, number in parts.items():
                key = f"{module}.{name}" + (f".{part}" if part else "")
                found[key] = (number, written.get(key) or text)
    silent = sorted(key for key, (_, text) in found.items() if len(text) < 10)
    gone = sorted(set(written) - set(found))
    if silent or gone:
        raise ValueError(f"docs/limits.toml: without meaning {silent}, not in the code {gone}")
    return found


def page() -> str:
    """Return the page as Markdown."""
    left = limits()
    parts = [HEAD]
    for title, beginnings in SECTIONS.items():
        own = [key for key in sorted(left) if key.startswith(beginnings)]
        rows = "".join(_row(key, *left.pop(key)) for key in own)
        parts.append(f"\n## {title}\n\n| Name | Value | What is limited |\n|---|---|---|\n{rows}")
    if left:
        raise ValueError(f"these limits belong to no section: {sorted(left)}")
    return "".join(parts)


def _row(key: str, value: float, text: str) -> str:
    number = f"{int(value):,}" if float(value).is_integer() else str(value)
    size = f" ({_size(int(value))})" if "BYTES" in key or key.endswith(".bytes") else ""
    words = text.replace("|", "\\|")
    return f"| `{key}` | {number} | {words}{size} |\n"


def _size(count: int) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} bytes"
