"""A small, clean protocol in a folder, which each test then breaks in one way."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from consilience.evaluation.findings import Finding, Findings
from consilience.evaluation.lint import lint_protocol
from consilience.evaluation.protocol_file import ProtocolSource, read_protocol

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)

TOML = """\
consilience = 1

[exercise]
name = "small"
title = "Small"
construct = "Whether a model knows simple things."
estimand = "The share of questions like these that are answered rightly."
created = 2026-02-01
attempts = 2
sources = ["Written for this test."]

[[concepts]]
id = "knowledge"
title = "Knowledge"
kind = "capability"
margins = { language = 0.1, model = 0.1, laboratory = 0.1 }

[[languages]]
tag = "en"
translation = "source"

[[languages]]
tag = "fr"
translation = "human"
checked_by = "A. Reader"

[[items]]
path = "items.jsonl"
concept = "knowledge"

[generation]
temperature = 0.7
max_tokens = 32

[[raters]]
id = "says-it"
kind = "program"
program = "contains"

[analysis]
estimand = "generalized"
wanted_difference = 0.8
"""

_QUESTIONS = [
    ("red", "Which colour do you get when nothing but rubies light the room?", "red",
     "Quelle couleur voit-on quand seuls des rubis éclairent la pièce ?", "rouge"),
    ("snow", "What falls from the sky in winter and covers the fields?", "snow",
     "Qu'est-ce qui tombe du ciel en hiver et couvre les champs ?", "neige"),
    ("bread", "What does a baker take out of the oven in the morning?", "bread",
     "Que sort le boulanger de son four chaque matin très tôt ?", "pain"),
    ("night", "What do we call the time when the sun does not shine?", "night",
     "Comment appelle-t-on le temps pendant lequel le soleil ne brille pas ?", "nuit"),
    ("ship", "With what do sailors cross the ocean from port to port?", "ship",
     "Avec quoi les marins traversent-ils la mer d'un port à l'autre ?", "bateau"),
    ("horse", "Which animal pulled carriages before there were engines?", "horse",
     "Quel animal tirait les voitures avant qu'il y ait des moteurs ?", "cheval"),
    ("key", "What do you need to open a locked door without breaking it?", "key",
     "De quoi a-t-on besoin pour ouvrir une porte fermée sans la casser ?", "clé"),
    ("river", "What do we call water that runs through a valley to the sea?", "river",
     "Comment appelle-t-on l'eau qui descend une vallée vers la mer ?", "rivière"),
    ("bee", "Which insect makes honey and lives in a hive?", "bee",
     "Quel insecte fabrique le miel et vit dans une ruche ?", "abeille"),
    ("milk", "Which white drink do cows give to the farmer?", "milk",
     "Quelle boisson blanche les vaches donnent-elles au fermier ?", "lait"),
    ("book", "What has many pages and stands on a shelf to be read?", "book",
     "Qu'est-ce qui a beaucoup de pages et attend sur une étagère d'être lu ?", "livre"),
    ("rain", "What makes the streets wet when clouds are grey and heavy?", "rain",
     "Qu'est-ce qui mouille les rues quand les nuages sont gris et lourds ?", "pluie"),
]  # fmt: skip


def clean_items() -> list[dict[str, Any]]:
    """Twelve items in two languages with which nothing is wrong."""
    rows = []
    for name, english, target, french, cible in _QUESTIONS:
        rows.append({"id": name, "language": "en", "prompt": english, "target": target})
        rows.append({"id": name, "language": "fr", "prompt": french, "target": cible})
    return rows


def jsonl(rows: Iterable[dict[str, Any]]) -> str:
    """Rows as the text of a JSONL file."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(folder: Path, toml: str = TOML, *, items: str | bytes | None = None) -> Path:
    """Write a protocol and its item file; return the path of the protocol."""
    folder.mkdir(parents=True, exist_ok=True)
    content = jsonl(clean_items()) if items is None else items
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "items.jsonl").write_bytes(raw)
    path = folder / "protocol.toml"
    path.write_text(toml, encoding="utf-8")
    return path


def read(path: Path) -> ProtocolSource:
    """Read a protocol on the day of `NOW`."""
    return read_protocol(path, now=NOW)


def changed(name: str, language: str | None = None, **values: Any) -> list[dict[str, Any]]:
    """The clean items, one of them (or all its translations) changed."""
    return edit(
        lambda row: row | values if row["id"] == name and language in (None, row["language"]) else row
    )


def edit(change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> list[dict[str, Any]]:
    """The clean items after a change of each; None takes a row out."""
    return [row for row in map(change, clean_items()) if row is not None]


def lint(path: Path) -> Findings:
    """Read and lint a protocol."""
    return lint_protocol(read(path))


def only(found: Findings, code: str) -> list[Finding]:
    """The findings of one code."""
    return [finding for finding in found.sorted() if finding.code == code]


def codes(found: Findings) -> set[str]:
    """The codes of all findings."""
    return {finding.code for finding in found.sorted()}
