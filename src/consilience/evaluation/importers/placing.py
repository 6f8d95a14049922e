"""Where an import goes in a node: one folder for one content, whenever and from wherever it is imported.

Invariant: the same files with the same decisions have the same folder; imported again, nothing in it changes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from consilience.evaluation.importers.imported import Imported, Options
from consilience.evaluation.importers.writing import IMPORT
from consilience.evaluation.protocol import Protocol, protocol_digest
from consilience.records.canonical import canonical_bytes, digest

NAME_DIGITS = 12


def placed(
    runs: Path, options: Options, protocol: Protocol | None, carry_out: Callable[[Path], Imported]
) -> tuple[Imported, Path]:
    """Carry out an import into a folder of `runs` that its content names.

    Args:
        runs: The node's folder of runs.
        options: What the user decided.
        protocol: That the import was held against, if any.
        carry_out: Writes the import into a folder.

    Returns:
        The account, and the folder.
    """
    scratch = Path(tempfile.mkdtemp(prefix=".import-", dir=runs))
    try:
        imported = carry_out(scratch)
        told = {
            "files": sorted(file.sha256 for file in imported.files),
            "options": msgspec.to_builtins(options),
            "protocol": None if protocol is None else protocol_digest(protocol),
        }
        name = digest(canonical_bytes(told)).removeprefix("sha256:")[:NAME_DIGITS]
        folder = runs / f"import-{name}"
        earlier = _earlier(folder)
        if earlier is not None and earlier.scores_sha256 == imported.scores_sha256:
            return earlier, folder
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
        return imported, folder
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _earlier(folder: Path) -> Imported | None:
    try:
        return msgspec.json.decode((folder / IMPORT).read_bytes(), type=Imported)
    except (OSError, msgspec.DecodeError):
        return None


def originals(paths: Sequence[Path], imported: Imported) -> dict[str, Path]:
    """Return the files on disk that entered, by the names that they have in the account."""
    named: dict[str, Path] = {}
    for path in paths:
        real = path.resolve()
        for file in imported.files:
            outer = file.name.partition("!/")[0]
            base, _, inner = outer.partition("/")
            if real.is_dir() and base == real.name and inner and (real / inner).is_file():
                named[outer] = real / inner
            elif real.is_file() and outer == path.name:
                named[outer] = real
    return named
