"""A file of the source as readers see it: a name to speak of, a size, and bytes from the start.

Responsible for the interface between finding (folders, archives) and reading. Invariant: `name` never is a
path of this machine beyond what was named by the user.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.sink import Sink

HEAD_BYTES = 65_536
"""What a reader sees of a file to say whether it is its format."""


@dataclass(frozen=True)
class Source:
    """One file, on disk or unpacked from an archive."""

    name: str
    """As it is spoken of: `run-3/results.json`, or `logs.zip!/a/results.json`."""
    path: Path
    """Where its bytes are (a scratch file for an entry of an archive)."""
    size: int

    @property
    def folder(self) -> str:
        """The part of the name before the last slash; files of one run stand in one folder."""
        return self.name.rpartition("/")[0]

    @property
    def base(self) -> str:
        """The part of the name after the last slash."""
        return self.name.rpartition("/")[2]

    def open(self) -> BinaryIO:
        """Open the bytes, seekable."""
        return self.path.open("rb")


class Reader(Protocol):
    """One format. Readers are found by `formats.READERS` in order; the first that recognises a file takes
    it."""

    name: str
    """Such as `inspect`, `lm-eval`."""

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether the file is of this format, by its content (`head`: the first HEAD_BYTES)."""
        ...

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read all files that were recognised, and put what they hold into the sink.

        A fault of the content is a finding in the sink and never an exception; everything readable is still
        read.
        """
        ...


Progress = Callable[[str], None]
