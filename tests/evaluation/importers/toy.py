"""A format of tests: `toy-log`, then one line `prompt<TAB>score` for each item; `#` begins an error."""

from __future__ import annotations

from collections.abc import Sequence

from tests.evaluation.importers.imports import a_run

from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source

TOY = b"toy-log\n"
LOG = TOY + b"How much is two and two, if you count well?\t1\nWhich is the capital town of France?\t0\n"


class Toy:
    """The reader of it."""

    name = "toy"

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file is of this format."""
        return head.startswith(TOY)

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read all files."""
        for source in sources:
            run = sink.add_run(a_run(file=source.name))
            with source.open() as stream:
                text = stream.read()[len(TOY) :].decode()
            for line in text.splitlines():
                if line.startswith("#"):
                    sink.add_finding("error", "odd_line", "this line is odd", file=source.name, line=2)
                    continue
                prompt, _, score = line.partition("\t")
                sink.add_score(
                    run, prompt, rater="acc", score=float(score), item_digest=sink.add_prompt(prompt)
                )
