"""What is exported: score files with what stands beside them, a joint result, a protocol.

Responsible for finding and reading the inputs of an export, and for the strictest marking of all of them.
Invariants: files have the limits of the analysis; a marking that is not known counts as TLP:RED.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from consilience.errors import IncompatibleError, InputError, LimitError, NotFoundError, Where
from consilience.evaluation.exports.estimates import handling_of
from consilience.evaluation.importers.imported import Imported, ImportedRun
from consilience.evaluation.importers.writing import IMPORT, ITEMS
from consilience.evaluation.joint_result import JointResult
from consilience.evaluation.merge_inputs import FoundFile, find_inputs
from consilience.evaluation.protocol import Protocol, protocol_digest
from consilience.evaluation.run_record import Manifest
from consilience.records.marking import Marking, read_marking, strictest

MAX_RESULT_BYTES = 256 * 2**20
"""Joint result that is exported."""
MAX_ACCOUNT_BYTES = 256 * 2**20
"""Account of an import (`import.json`)."""

Kind = TypeVar("Kind", Imported, JointResult, Manifest, Protocol)


@dataclass(frozen=True, eq=False)
class Material:
    """The inputs of one export."""

    scores: tuple[FoundFile, ...]
    manifests: tuple[Manifest, ...]
    imports: tuple[Imported, ...]
    items: tuple[Path, ...]
    """Prompts of imports (`items.parquet`)."""
    protocol: Protocol | None
    result: JointResult | None
    folders: tuple[Path, ...]
    """What was named of scores, for an analysis."""

    @property
    def marking(self) -> Marking | None:
        """The strictest marking of all; None: nothing says how far it may go."""
        told: list[str | None] = [self.protocol.handling] if self.protocol is not None else []
        told += [handling_of(self.result)] if self.result is not None else []
        found = [read_marking(text) or Marking.RED for text in told if text]
        return strictest(*found) if found else None

    def manifest_of(self, laboratory: str, model: str) -> Manifest | None:
        """Return how a laboratory asked a model, where a manifest says."""
        known = [m for m in self.manifests if (m.laboratory, m.model) == (laboratory, model)]
        return known[-1] if known else None

    def run_of(
        self, laboratory: str, model: str, concept: str, rater: str | None = None
    ) -> ImportedRun | None:
        """Return the last imported run that gave scores of a laboratory, model and concept."""
        found = None
        for imported in self.imports:
            if imported.laboratory != laboratory:
                continue
            for run in imported.runs:
                raters = {metric.rater for metric in run.metrics}
                same = (run.model, run.concept) == (model, concept)
                if same and (rater is None or rater in raters):
                    found = run
        return found


def load_material(paths: Sequence[Path]) -> Material:
    """Read the inputs of an export.

    Args:
        paths: Run folders, folders of imports, score files, at most one joint result (`.json`), at most one
            protocol (`.toml`, or `protocol.json` in the folders).

    Raises:
        NotFoundError: A path is not there, or a folder holds no scores.
        InputError: A file cannot be read as what it should be.
        IncompatibleError: Folders hold different protocols, or two results or protocols are named.
        LimitError: A documented limit is passed.
    """
    results = [path for path in paths if path.suffix.lower() == ".json" and not path.is_dir()]
    plans = [path for path in paths if path.suffix.lower() == ".toml" and not path.is_dir()]
    rest = [path for path in paths if path not in {*results, *plans}]
    if len(results) > 1 or len(plans) > 1:
        raise IncompatibleError(
            "more than one joint result or protocol is named", next_step="Export one at a time."
        )
    found = find_inputs(rest) if rest else None
    scores = found.scores if found is not None else ()
    places = sorted({file.path.parent for file in scores})
    beside = [_read(place / IMPORT, Imported, MAX_ACCOUNT_BYTES) for place in places if _is(place / IMPORT)]
    return Material(
        scores=scores,
        manifests=tuple(_read(f.path, Manifest, f.bytes) for f in (found.manifests if found else ())),
        imports=tuple(beside),
        items=tuple(place / ITEMS for place in places if _is(place / ITEMS)),
        protocol=_protocol(plans, [f.path for f in (found.protocols if found else ())]),
        result=_read(results[0], JointResult, MAX_RESULT_BYTES) if results else None,
        folders=tuple(rest),
    )


def _is(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _protocol(plans: Sequence[Path], copies: Sequence[Path]) -> Protocol | None:
    from consilience.evaluation.merge_inputs import MAX_DOCUMENT_BYTES
    from consilience.evaluation.protocol_file import load_protocol

    known = [_read(path, Protocol, MAX_DOCUMENT_BYTES) for path in copies]
    known += [load_protocol(path) for path in plans]
    if len({protocol_digest(protocol) for protocol in known}) > 1:
        raise IncompatibleError(
            "these folders were made under different protocols",
            next_step="Export those of one protocol at a time.",
        )
    return known[0] if known else None


def _read(path: Path, kind: type[Kind], limit: int) -> Kind:
    where = Where(file=path.name)
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file", where=where, next_step="Check the path.") from error
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", where=where) from error
    if len(content) > limit:
        raise LimitError(f"the file has more than {limit:,} bytes", where=where)
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"this is not a {kind.__name__} of this program: {str(error)[:200]}",
            where=where,
            next_step="Name run folders, folders of imports, score files, or a joint result.",
        ) from error
