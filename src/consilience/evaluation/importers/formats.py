"""The formats that can be read, in the order in which a file is shown to them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.source import Reader

READERS: dict[str, tuple[str, str]] = {
    "inspect": ("inspect_log", "InspectReader"),
    "lm-eval": ("lm_eval", "LmEval"),
    "garak": ("garak", "Garak"),
    "promptfoo": ("promptfoo", "Promptfoo"),
    "moonshot": ("moonshot", "Moonshot"),
    "helm": ("helm", "Helm"),
    "pyrit": ("pyrit", "Pyrit"),
    "modelbench": ("modelbench", "Modelbench"),
    "every-eval-ever": ("every_eval_ever", "EveryEvalEver"),
    "hugging-face": ("hugging_face", "HuggingFace"),
    "table": ("tables", "Tables"),
}
"""Format → module and class; a module is imported when a file is first looked at. Tables come last: what
they take has no form of its own."""


def readers(options: Options) -> Iterator[Reader]:
    """Yield one reader of each format.

    Raises:
        InputError: The column map of the options cannot be meant.
    """
    for name in READERS:
        yield reader_of(name, options)


def reader_of(name: str, options: Options) -> Reader:
    """Return the reader of a format."""
    module, made = READERS[name]
    kind = getattr(importlib.import_module(f"consilience.evaluation.importers.{module}"), made)
    reader: Reader = kind(options.columns) if name == "table" else kind()
    return reader
