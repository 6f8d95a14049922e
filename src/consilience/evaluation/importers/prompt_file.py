"""The texts of prompts in one file of the scratch folder, each at its place.

Prompts may be long and many; the scratch database holds only where each stands, and texts are read when they
are needed. Invariant: what is held in memory does not grow with the texts.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAME = "prompts"
COPY_BYTES = 1 << 20


class PromptFile:
    """Appends texts, and gives them back by place and size in bytes."""

    def __init__(self, folder: Path) -> None:
        """Begin a file in a folder."""
        self._file = (folder / NAME).open("w+b")
        self._end = 0

    def append(self, text: str) -> tuple[int, int]:
        """Append a text, and return its place and size."""
        content = text.encode("utf-8", "backslashreplace")
        place = self._end
        self._file.write(content)
        self._end += len(content)
        return place, len(content)

    def read(self, place: int, size: int) -> str:
        """Return the text at a place."""
        self._file.flush()
        return os.pread(self._file.fileno(), size, place).decode("utf-8")

    def append_file(self, folder: Path) -> int:
        """Append the whole file of another folder; return what is added to the places in it."""
        before = self._end
        with (folder / NAME).open("rb") as other:
            shutil.copyfileobj(other, self._file, COPY_BYTES)
        self._end = self._file.seek(0, os.SEEK_END)
        return before

    def save(self, folder: Path) -> None:
        """Copy the file into another folder, if it is not there already."""
        self._file.flush()
        target = folder / NAME
        if not target.exists() or not target.samefile(self._file.name):
            shutil.copyfile(self._file.name, target)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
