"""The formats that can be read, in the order in which a file is shown to them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from consilience.evaluation.importers.source import Reader

READERS: dict[str, tuple[str, str]] = {
    "lm-eval": ("lm_eval", "LmEval"),
    "garak": ("garak", "Garak"),
    "promptfoo": ("promptfoo", "Promptfoo"),
    "moonshot": ("moonshot", "Moonshot"),
    "helm": ("helm", "Helm"),
    "pyrit": ("pyrit", "Pyrit"),
}
"""Format → module and class; a module is imported when a file is first looked at."""


def readers() -> Iterator[Reader]:
    """Yield one reader of each format."""
    for module, name in READERS.values():
        yield getattr(importlib.import_module(f"consilience.evaluation.importers.{module}"), name)()
