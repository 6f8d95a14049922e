"""The node: settings → store → services. The composition root, and the first file to read.

A node is one institute's installation, kept in one folder:

    node.toml        settings (`store.settings`)
    records.sqlite   the records (`store.sqlite_records`)
                     and the log over what was signed (`store.sqlite_log`)
    evidence/        files named by digest (`store.evidence_files`)
    keys/            private keys, encrypted (`store.key_files`)
    runs/            one folder for each run, made by the runner

Everything below this module gets what it needs as arguments: a store, the time, a setting. Who needs several
of them gets a `Node`. Invariants: a folder without `node.toml` is no node, and that file is written last; a
node has a record of its own party from the first moment.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from consilience.errors import IncompatibleError, NotFoundError, StoreError, Where
from consilience.records.fields import read_moment
from consilience.records.kinds import Evidence, Party, PartyType
from consilience.records.making import Origin, new_evidence, new_own_party
from consilience.records.marking import Marking
from consilience.records.record import Record
from consilience.store.evidence_files import EvidenceFiles
from consilience.store.keeping import keep
from consilience.store.records import Receipt, RecordStore
from consilience.store.settings import Settings, read_settings, write_settings
from consilience.store.sqlite_records import SqliteRecords

if TYPE_CHECKING:  # cryptography is loaded where something is signed or checked, not by every command
    from consilience.store.key_files import KeyFiles
    from consilience.store.publication import Signer
    from consilience.store.sqlite_log import SqliteLog
    from consilience.trust.keys import PrivateKey

DEFAULT_FOLDER = "consilience-node"
FOLDER_VARIABLE = "CONSILIENCE_NODE"
PARTY_VARIABLE = "CONSILIENCE_PARTY"
SETTINGS, RECORDS, EVIDENCE, RUNS, KEYS = "node.toml", "records.sqlite", "evidence", "runs", "keys"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Node:
    """One institute's installation, open. Use it in a `with` statement, or `close` it."""

    def __init__(self, folder: Path, settings: Settings, *, clock: Callable[[], datetime] = _utc_now) -> None:
        """Open the stores of a folder; callers use `Node.open`."""
        self.folder = folder
        self.settings = settings
        self.now = clock
        self.evidence = EvidenceFiles(folder / EVIDENCE, limit_bytes=settings.evidence_limit_mb * 1024**2)
        self.records: RecordStore = SqliteRecords(
            folder / RECORDS, busy_timeout_s=settings.busy_timeout_s, clock=clock
        )
        self._log: SqliteLog | None = None

    @classmethod
    def open(
        cls,
        folder: Path | None = None,
        *,
        create: bool = False,
        party: str | None = None,
        party_type: PartyType = PartyType.INSTITUTE,
        flags: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], datetime] = _utc_now,
    ) -> Node:
        """Open a node.

        Args:
            folder: The node's folder; else CONSILIENCE_NODE, else `consilience-node` in the working
                directory.
            create: Make the node if it is not there.
            party: Name of the party, for a new node; else CONSILIENCE_PARTY, else the folder's name.
            party_type: What the party is, for a new node.
            flags: Settings from the command line, None where a flag was not given.
            environment: Where the variables are looked up.
            clock: Tells the time.

        Raises:
            NotFoundError: There is no node, and `create` is false.
            IncompatibleError: The node belongs to another party than `party`, or the folder holds other
                things.
            InputError: A setting is wrong.
            StoreError: The folder cannot be used.
        """
        folder = node_folder(folder, environment=environment)
        if create and not (folder / SETTINGS).is_file():
            name = party or environment.get(PARTY_VARIABLE) or folder.resolve().name
            _create(folder, new_own_party(name, party_type=party_type, now=clock()))
        settings = _settings(folder, party, flags or {}, environment)
        node = cls(folder, settings, clock=clock)
        node.evidence.sweep()
        return node

    @functools.cached_property
    def keys(self) -> KeyFiles:
        """The node's key files."""
        from consilience.store.key_files import KeyFiles

        return KeyFiles(self.folder / KEYS)

    @property
    def log(self) -> SqliteLog:
        """Return the node's log."""
        if self._log is None:
            from consilience.store.sqlite_log import SqliteLog

            self._log = SqliteLog(
                self.folder / RECORDS, busy_timeout_s=self.settings.busy_timeout_s, clock=self.now
            )
        return self._log

    @property
    def log_origin(self) -> str:
        """Return the name of the node's log, which its heads are signed under."""
        return f"{self.settings.party_id}/log"

    def signer(
        self, passphrase: Callable[[], bytes], *, environment: Mapping[str, str] = os.environ
    ) -> Signer:
        """Return who signs in this node, with the newest keys that are in force and here.

        Args:
            passphrase: Asked once, where a key file is encrypted.
            environment: `CONSILIENCE_SIGNING_KEY` may hold the Ed25519 key instead of a file.

        Raises:
            NotFoundError: The log has no key yet, or none of those in force is here.
            InputError: A key cannot be read, or the passphrase does not fit.
        """
        from consilience.store.key_files import held_keys
        from consilience.store.publication import keyring

        in_force = keyring(self.log).at(self.log.size())
        known = {key.fingerprint: key for key in in_force}
        return self.signer_of(held_keys(self.keys, known, passphrase, environment))

    def signer_of(self, keys: Sequence[PrivateKey]) -> Signer:
        """Return who signs, with these keys."""
        from consilience.store.publication import Signer

        return Signer(
            self.settings.party_id, self.log_origin, tuple(keys), lambda: int(self.now().timestamp())
        )

    @property
    def runs_folder(self) -> Path:
        """Return the folder of the runs; it is there."""
        folder = self.folder / RUNS
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def party(self) -> Party:
        """Return the record of the party whose node this is."""
        record = self.records.get(self.settings.party_id).record
        if not isinstance(record, Party):
            raise StoreError(f"{record.id} is not a party")
        return record

    def origin(self, marking: Marking | None = None) -> Origin:
        """Return what the functions of `records.making` need: this party, the time now, a marking."""
        return Origin(
            created_by=self.settings.party_id, now=self.now(), marking=marking or self.settings.marking
        )

    def keep(self, record: Record) -> Receipt:
        """Store a record, as a new version where an earlier one says something else (`store.keeping`)."""
        return keep(self.records, record, now=self.now())

    def keep_evidence(
        self, content: bytes | Path, *, media_type: str, marking: Marking | None = None, **fields: Any
    ) -> Evidence:
        """Store a file and its record; return the record. `fields` are further fields of `Evidence`."""
        if isinstance(content, Path):
            stored = self.evidence.put_file(content)
            fields.setdefault("name", content.name)
        else:
            stored = self.evidence.put(content)
        record = new_evidence(
            self.origin(marking), digest=stored.digest, media_type=media_type, size=stored.size, **fields
        )
        self.keep(record)
        return record

    def close(self) -> None:
        """Let go of the stores."""
        self.records.close()
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def node_folder(folder: Path | None, *, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the node's folder: the flag's, else CONSILIENCE_NODE, else `consilience-node` here."""
    return folder if folder is not None else Path(environment.get(FOLDER_VARIABLE) or DEFAULT_FOLDER)


def _settings(
    folder: Path, party: str | None, flags: Mapping[str, Any], environment: Mapping[str, str]
) -> Settings:
    """Return the settings of a node that is there and whole."""
    file = folder / SETTINGS
    if not file.is_file():
        raise NotFoundError(
            "there is no node here",
            where=Where(file=str(folder)),
            next_step="`consilience node init --party NAME` makes one; --node says where.",
        )
    settings = read_settings(file, flags=flags, environment=environment)
    if party is not None and party != settings.party:
        raise IncompatibleError(
            f"this node belongs to {settings.party!r}, not to {party!r}",
            where=Where(file=str(file)),
            next_step="Give the other party a folder of its own with --node.",
        )
    if not (folder / RECORDS).is_file():
        raise StoreError(
            "the records of this node are missing",
            where=Where(file=str(folder / RECORDS)),
            next_step="Restore the file from a copy. For an empty node, take a new folder.",
        )
    return settings


def _create(folder: Path, party: Party) -> None:
    """Make a node: its stores, the record of its party and, last, its settings."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ours = (SETTINGS, RECORDS, EVIDENCE, RUNS, KEYS)
        others = [path.name for path in folder.iterdir() if not path.name.startswith(ours)]
        if others:
            raise IncompatibleError(
                f"the folder is not empty ({min(others)}), and it is not a node",
                where=Where(file=str(folder)),
                next_step="Give the node a folder of its own with --node.",
            )
        EvidenceFiles(folder / EVIDENCE)
        records = SqliteRecords(folder / RECORDS)
        try:
            keep(records, party, now=read_moment(party.modified))
        finally:
            records.close()
        write_settings(folder / SETTINGS, party)
    except OSError as error:
        raise StoreError(
            f"the node cannot be made: {error.strerror}",
            where=Where(file=str(folder)),
            next_step="Choose a folder that can be written with --node.",
        ) from error
