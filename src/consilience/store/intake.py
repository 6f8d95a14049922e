"""Take in documents from outside: each is stored, or quarantined with its reason; none stops the rest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from consilience.errors import InputError, LimitError, VerificationError, Where
from consilience.records.parse import parse
from consilience.store.records import Receipt, RecordStore

MAX_FILE_BYTES = 256 * 1024**2
"""The largest file of records that is read."""


class RefusedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One document that was refused."""

    source: str
    reason: str
    quarantine: int
    """Its number in quarantine."""


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the documents, each in the order in which it came."""

    receipts: tuple[Receipt, ...]
    refused: tuple[RefusedDocument, ...]


def take_in(store: RecordStore, documents: Iterable[tuple[str, bytes]], *, now: datetime) -> Intake:
    """Store every good document and put every bad one into quarantine.

    Args:
        store: Where to.
        documents: Where each came from (for people), and its bytes.
        now: Records modified more than a day later are refused.

    Raises:
        StoreError: The store failed. What was acknowledged before stays.
    """
    receipts, refused = [], []
    for source, content in documents:
        try:
            receipts.append(store.put(parse(content, now=now)))
        except (InputError, VerificationError) as error:
            reason = str(error).replace("\n", " ")
            number = store.refuse(content, reason=reason, source=source)
            refused.append(RefusedDocument(source=source, reason=reason, quarantine=number))
    return Intake(receipts=tuple(receipts), refused=tuple(refused))


def read_documents(file: Path) -> list[tuple[str, bytes]]:
    """Return the documents of a file, each with its place: one JSON object, an array of them, or JSON Lines.

    A file whose name ends in `.jsonl` has one document on each line. An array that cannot be taken apart is
    returned as one document, which is then refused with the place of its fault.

    Raises:
        InputError: The file cannot be read.
        LimitError: It is larger than `MAX_FILE_BYTES`.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", where=Where(file=str(file))) from error
    if len(content) > MAX_FILE_BYTES:
        raise LimitError(
            f"the file has more than {MAX_FILE_BYTES} bytes",
            where=Where(file=str(file)),
            next_step="Split it, or keep large data as evidence files.",
        )
    if file.suffix == ".jsonl":
        lines = enumerate(content.split(b"\n"), start=1)
        return [(f"{file}, line {number}", line) for number, line in lines if line.strip()]
    if content.lstrip()[:1] == b"[":
        return _elements(file, content)
    return [(str(file), content)]


def _elements(file: Path, content: bytes) -> list[tuple[str, bytes]]:
    try:
        elements = msgspec.json.decode(content, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return [(str(file), content)]
    return [(f"{file}, element {index}", bytes(element)) for index, element in enumerate(elements, start=1)]
