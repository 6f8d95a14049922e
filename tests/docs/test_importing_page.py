"""The page on importing is complete: formats, fields of import.json, codes of findings, options."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.docs import pages
from tests.docs.test_reference import fields, missing, parameters, words

from consilience.evaluation.importers import imported
from consilience.evaluation.importers.formats import READERS
from consilience.evaluation.importers.table_layout import OURS

IMPORTERS = Path(imported.__file__).parent


def codes() -> set[str]:
    """Every code that a reader gives to `add_finding` as it is."""
    found: set[str] = set()
    for path in IMPORTERS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_finding":
                found |= {a.value for a in node.args[1:2] if isinstance(a, ast.Constant)}
    return found


def test_formats_fields_and_words_of_the_document_are_explained() -> None:
    names = fields(imported) - fields_of_options()
    assert len(names) > 40
    assert missing(names | set(READERS) | words(imported), "importing") == []


def fields_of_options() -> set[str]:
    return {"columns", "raters", "directions", "scorers"}


def test_every_code_is_explained() -> None:
    assert len(codes()) > 40
    assert missing(codes(), "importing") == []


def test_every_column_of_ours_and_every_option_is_explained() -> None:
    assert missing(set(OURS), "importing") == []
    page = (pages.DOCS / "how-to" / "import-logs.md").read_text(encoding="utf-8")
    told = pages.code_words(page)
    options = next(names for command, names in parameters() if command.endswith("exercise import"))
    assert {name.removeprefix("--") for name in options} - {word.lstrip("-") for word in told} - {
        "help"
    } == set()
    assert set(OURS) <= told
