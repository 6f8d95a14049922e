"""Where an import goes: as a whole into the folder that is named for it, or into a node.

Invariants: in a node, the same files with the same decisions have the same folder, and imported again,
nothing in it changes; nothing half-written is ever seen under an import's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from consilience.evaluation.importers.finding import named_files
from consilience.evaluation.importers.imported import Imported, Options
from consilience.evaluation.importers.scratch import HIDDEN_PREFIX, scratch_folder
from consilience.evaluation.importers.writing import IMPORT, ITEMS, SCORES
from consilience.evaluation.protocol import Protocol, protocol_digest
from consilience.records.canonical import canonical_bytes, digest

NAME_DIGITS = 12


def put(target: Path, write: Callable[[Path], Imported]) -> Imported:
    """Write an import beside its folder, and move it there when it is whole.

    Args:
        target: Its folder; it may be there, empty or with an earlier import.
        write: Writes the files of an import into an empty folder.

    Returns:
        The account.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(target.resolve().parent, HIDDEN_PREFIX) as near:
        part = near / "import"
        part.mkdir()
        imported = write(part)
        if target.exists():
            for name in (ITEMS, SCORES, IMPORT):  # between two of them, the account does not fit the scores
                (part / name).replace(target / name)
        else:
            part.rename(target)
    return imported


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
        The account of what is there now, and the folder.
    """
    with scratch_folder(runs, HIDDEN_PREFIX) as near:
        imported = carry_out(near / "import")
        told = {
            "files": sorted(file.sha256 for file in imported.files),
            "options": msgspec.to_builtins(options),
            "protocol": None if protocol is None else protocol_digest(protocol),
        }
        name = digest(canonical_bytes(told)).removeprefix("sha256:")[:NAME_DIGITS]
        folder = runs / f"import-{name}"
        earlier = _earlier(folder)
        if earlier is not None and _says_the_same(earlier, imported):
            return earlier, folder
        if folder.exists():
            folder.rename(near / "earlier")
        (near / "import").rename(folder)
    return imported, folder


def _says_the_same(earlier: Imported, imported: Imported) -> bool:
    return (earlier.scores_sha256, earlier.cells) == (imported.scores_sha256, imported.cells)


def _earlier(folder: Path) -> Imported | None:
    try:
        return msgspec.json.decode((folder / IMPORT).read_bytes(), type=Imported)
    except (OSError, msgspec.DecodeError):
        return None


def originals(paths: Sequence[Path], imported: Imported) -> Mapping[str, Path]:
    """Return the files on disk that a reader took something from, by the names that they have in the account.

    Args:
        paths: As they were imported.
        imported: The account.
    """
    found = named_files(paths)
    wanted = {outer_of(file.name, found) for file in imported.files if file.format is not None}
    return {name: path for name, path in found.items() if name in wanted}


def outer_of(name: str, known: Mapping[str, object]) -> str:
    """Return the name of the file on disk that a file stands in: an entry of an archive is in the archive."""
    return name if name in known else name.partition("!/")[0]
