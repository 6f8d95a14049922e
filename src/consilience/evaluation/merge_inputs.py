"""Which files enter an analysis: score files, manifests and protocols found in what the user named.

Responsible for finding files, their limits and their digests. An input is a score file (`.parquet`, `.csv`,
`.jsonl`), a run folder (`scores.parquet` beside `manifest.json` and `protocol.json`), an import
(`scores.parquet` beside `import.json`), or a folder of such folders (a node's folder too). Invariants: no
symbolic link inside a folder is followed, nothing but regular files is opened, and the order of the files
does not depend on the order in which the file system lists them.
"""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consilience.errors import InputError, LimitError, NotFoundError, Where

FORMATS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl"}
SCORES_STEM = "scores"
MANIFEST = "manifest.json"
PROTOCOL = "protocol.json"
IMPORT = "import.json"
RUN_FILES = ("generations.jsonl", "ratings.jsonl")

MAX_FILES = 10_000
"""Score files in one analysis."""
MAX_DEPTH = 6
"""Folders below a named folder."""
MAX_ENTRIES = 200_000
"""Entries that are looked at below the named folders."""
MAX_PARQUET_BYTES = 64 * 2**30
MAX_TEXT_BYTES = 8 * 2**30
"""Of one CSV or JSONL file."""
MAX_LINE_BYTES = 2**20
"""Of one line of a CSV or JSONL file."""
MAX_DOCUMENT_BYTES = 512 * 2**20
"""Of one `protocol.json`."""
MAX_MANIFEST_BYTES = 8 * 2**20
MAX_IMPORT_BYTES = 128 * 2**20
"""Of one `import.json`."""
CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class FoundFile:
    """A file that enters. `name` is how it is spoken of: never a path of this machine beyond what was
    named."""

    path: Path
    name: str
    format: str
    """`parquet`, `csv`, `jsonl`, `manifest`, `protocol` or `import`."""
    bytes: int


@dataclass(frozen=True)
class Found:
    """All files that enter, in a fixed order."""

    scores: tuple[FoundFile, ...]
    manifests: tuple[FoundFile, ...]
    protocols: tuple[FoundFile, ...]
    imports: tuple[FoundFile, ...] = ()


@dataclass
class _Search:
    files: dict[Path, str] = field(default_factory=dict)
    """Real path → name, in order of finding."""
    entries: int = 0


def find_inputs(paths: Sequence[Path]) -> Found:
    """Return the files that the named paths stand for.

    Args:
        paths: Score files and folders.

    Raises:
        NotFoundError: A path is not there, or a folder holds no scores.
        InputError: A file has no known ending, is a link inside a folder, or is not a regular file.
        LimitError: Too many files, too deep, or a file too large.
    """
    if not paths:
        raise InputError("no scores were named", next_step="Name score files or run folders.")
    search = _Search()
    for path in paths:
        if not path.exists():
            raise NotFoundError(
                "there is no such file or folder", where=Where(file=str(path)), next_step="Check the path."
            )
        before = len(search.files)
        if path.is_dir():
            _walk(path.resolve(), path.resolve().name, 0, search)
            if not any(_is_scores(p) for p in list(search.files)[before:]) and not _seen_below(path, search):
                raise _nothing_in(path)
        else:
            _take_named(path, search)
    return _sorted(search)


def _seen_below(folder: Path, search: _Search) -> bool:
    root = folder.resolve()
    return any(root in path.parents and _is_scores(path) for path in search.files)


def _nothing_in(folder: Path) -> NotFoundError:
    unfinished = any((folder / name).exists() for name in RUN_FILES)
    step = (
        "The run has not been finished; give the command `consilience exercise run` again, it goes on "
        "where it was."
        if unfinished
        else "A run folder holds scores.parquet; a folder of score files holds .parquet, .csv or .jsonl "
        "files."
    )
    return NotFoundError("this folder holds no scores", where=Where(file=folder.name), next_step=step)


def _is_scores(path: Path) -> bool:
    return path.name not in {MANIFEST, PROTOCOL, IMPORT}


def _take_named(path: Path, search: _Search) -> None:
    real = path.resolve()
    if real.suffix.lower() not in FORMATS:
        raise InputError(
            f"a score file ends in {', '.join(FORMATS)}",
            where=Where(file=path.name),
            next_step="Name score files or run folders.",
        )
    search.files.setdefault(real, path.name)
    for companion in (MANIFEST, PROTOCOL, IMPORT):
        beside = real.parent / companion
        if real.stem == SCORES_STEM and beside.is_file() and not beside.is_symlink():
            search.files.setdefault(beside, f"{path.parent.name}/{companion}".lstrip("/"))


def _walk(folder: Path, name: str, depth: int, search: _Search) -> None:
    if depth > MAX_DEPTH:
        raise LimitError(f"folders lie more than {MAX_DEPTH} deep", where=Where(file=name))
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    search.entries += len(entries)
    if search.entries > MAX_ENTRIES:
        raise LimitError(f"more than {MAX_ENTRIES} files and folders to look at", where=Where(file=name))
    chosen = _choose(entries)
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if not is_folder and entry.name not in chosen:
            continue
        place = f"{name}/{entry.name}"
        if entry.is_symlink():
            raise InputError(
                "this is a symbolic link; links inside folders are not followed",
                where=Where(file=place),
                next_step="Name the file itself.",
            )
        if is_folder:
            if not entry.name.startswith("."):
                _walk(Path(entry.path), place, depth + 1, search)
        else:
            search.files.setdefault(Path(entry.path), place)


def _choose(entries: Sequence[os.DirEntry[str]]) -> set[str]:
    """Of one folder: its `scores.*` with manifest and protocol, or else every score file in it."""
    names = {entry.name for entry in entries}
    runs = [name for ending in FORMATS if (name := SCORES_STEM + ending) in names]
    if runs:
        return {runs[0], MANIFEST, PROTOCOL, IMPORT}
    if names & {*RUN_FILES, MANIFEST}:
        return set()
    return {name for name in names if Path(name).suffix.lower() in FORMATS and not name.startswith(".")}


def _sorted(search: _Search) -> Found:
    kinds: dict[str, list[FoundFile]] = {"scores": [], "manifest": [], "protocol": [], "import": []}
    for path, name in search.files.items():
        kind = {MANIFEST: "manifest", PROTOCOL: "protocol", IMPORT: "import"}.get(path.name, "scores")
        format_ = kind if kind != "scores" else FORMATS[path.suffix.lower()]
        kinds[kind].append(_checked(path, name, format_))
    if len(kinds["scores"]) > MAX_FILES:
        raise LimitError(f"{len(kinds['scores'])} score files are more than the limit of {MAX_FILES}")
    kinds["scores"] = _unique_names(kinds["scores"])
    return Found(
        tuple(kinds["scores"]), tuple(kinds["manifest"]), tuple(kinds["protocol"]), tuple(kinds["import"])
    )


def _unique_names(files: list[FoundFile]) -> list[FoundFile]:
    """Put the parent's name before names that occur twice."""
    names = [file.name for file in files]
    return [
        FoundFile(
            f.path, f"{f.path.parent.name}/{f.name}" if names.count(f.name) > 1 else f.name, f.format, f.bytes
        )
        for f in files
    ]


def _checked(path: Path, name: str, format_: str) -> FoundFile:
    if not path.is_file():
        raise InputError(
            "this is not a regular file", where=Where(file=name), next_step="Name the file itself."
        )
    size = path.stat().st_size
    limits = {
        "parquet": MAX_PARQUET_BYTES, "csv": MAX_TEXT_BYTES, "jsonl": MAX_TEXT_BYTES,
        "manifest": MAX_MANIFEST_BYTES, "protocol": MAX_DOCUMENT_BYTES,
        "import": MAX_IMPORT_BYTES,
    }  # fmt: skip
    if size > limits[format_]:
        raise LimitError(
            f"{size} bytes are more than the limit of {limits[format_]}",
            where=Where(file=name),
            next_step="Split the file, or give it as Parquet.",
        )
    if size == 0:
        raise InputError(
            "this file is empty", where=Where(file=name), next_step="Leave it out or write it again."
        )
    return FoundFile(path, name, format_, size)


def digest_file(file: FoundFile) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits; text files are checked while they are read.

    Raises:
        LimitError: A line is longer than MAX_LINE_BYTES.
        InputError: The text is not UTF-8, or holds a NUL byte; both with the line.
    """
    hasher = hashlib.sha256()
    check = _TextCheck(file.name) if file.format in {"csv", "jsonl"} else None
    with file.path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            hasher.update(chunk)
            if check is not None:
                check.feed(chunk)
    if check is not None:
        check.feed(b"", final=True)
    return hasher.hexdigest()


class _TextCheck:
    """Length of lines and UTF-8, chunk by chunk; a chunk is not longer than a line may be."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.line = 1
        self.open_bytes = 0
        """Bytes since the last line end."""
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            self.decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            line = self.line + chunk.count(b"\n", 0, max(0, error.start))
            raise InputError(
                "this line is not UTF-8",
                where=Where(file=self.name, line=line),
                next_step="Save the file as UTF-8.",
            ) from None
        if b"\0" in chunk:
            line = self.line + chunk.count(b"\n", 0, chunk.index(b"\0"))
            raise InputError("this line holds a NUL byte", where=Where(file=self.name, line=line))
        first = chunk.find(b"\n")
        if self.open_bytes + (first if first >= 0 else len(chunk)) > MAX_LINE_BYTES:
            raise LimitError(
                f"this line is longer than {MAX_LINE_BYTES} bytes",
                where=Where(file=self.name, line=self.line),
            )
        self.line += chunk.count(b"\n")
        self.open_bytes = self.open_bytes + len(chunk) if first < 0 else len(chunk) - chunk.rfind(b"\n") - 1
