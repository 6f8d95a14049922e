"""Records in one SQLite file: when `put` returns, the record is on the disk (see `sqlite_file`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from consilience.errors import IncompatibleError, NotFoundError, VerificationError, Where
from consilience.records.canonical import digest
from consilience.records.fields import moment
from consilience.records.marking import Marking
from consilience.records.parse import Parsed
from consilience.records.record import Record, check_follows
from consilience.store.records import MAX_REFUSED_BYTES, MAX_WORDS, Entry, Receipt, Refused, as_parsed
from consilience.store.sqlite_file import SqliteFile

PAGE = 500
"""Rows that `iterate` reads at a time; no lock is held between pages."""
_COLUMNS = (
    "sequence, digest, id, version, kind, created_by, marking, modified, withdrawn, added_at, "
    "content, row_digest"
)
_NEWER = "SELECT 1 FROM record AS newer WHERE newer.id = record.id AND newer.version > record.version"


class SqliteRecords(SqliteFile):
    """A `RecordStore` in one file. One object may be used by several threads, not by a forked child."""

    def put(self, record: Record | Parsed) -> Receipt:
        """Store one version of a record; storing it again changes nothing (see `RecordStore.put`)."""
        return self.put_all([record])[0]

    def put_all(self, records: Iterable[Record | Parsed]) -> list[Receipt]:
        """Store several at once: all or, where an error is raised, none."""
        parsed = [as_parsed(record) for record in records]
        with self._transaction():
            return [self._put(each) for each in parsed]

    def _put(self, parsed: Parsed) -> Receipt:
        record = parsed.record
        for sequence, name in self._rows(
            "SELECT sequence, digest FROM record WHERE id = ? AND version = ?", record.id, record.version
        ):
            if name != parsed.digest:
                raise IncompatibleError(
                    f"{record.id} version {record.version} is here already with other content ({name})",
                    next_step="A change is a new version of a record (`revise`).",
                )
            return Receipt(id=record.id, version=record.version, digest=name, sequence=sequence, added=False)
        for earlier in self._select("WHERE id = ? AND version = ?", record.id, record.version - 1):
            check_follows(earlier.record, earlier.digest, record)
        for later in self._select("WHERE id = ? AND version = ?", record.id, record.version + 1):
            check_follows(record, parsed.digest, later.record)
        values = (
            parsed.digest, record.id, record.version, record.kind, record.created_by, record.marking.value,
            record.modified, int(record.withdrawal is not None), moment(self._clock()), parsed.content,
        )  # fmt: skip
        added = self._connection.execute(
            f"INSERT INTO record ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 (constants)
            (*values, _row_digest(values)),
        )
        return Receipt(
            id=record.id,
            version=record.version,
            digest=parsed.digest,
            sequence=added.lastrowid or 0,
            added=True,
        )

    def get(self, record_id: str, version: int | None = None) -> Entry:
        """Return a version of a record, or the latest (see `RecordStore.get`)."""
        if version is None:
            entry = self.latest(record_id)
        else:
            entry = next(iter(self._select("WHERE id = ? AND version = ?", record_id, version)), None)
        if entry is None:
            which = "" if version is None else f" version {version}"
            raise NotFoundError(
                f"the record {record_id[:80]}{which} is not here",
                next_step="`consilience record list` shows what is here.",
            )
        return entry

    def find(self, digest: str) -> Entry | None:
        """Return the version that has a digest, or None."""
        return next(iter(self._select("WHERE digest = ?", digest)), None)

    def latest(self, record_id: str) -> Entry | None:
        """Return the latest version, or None where the record is not here."""
        return next(iter(self._select("WHERE id = ? ORDER BY version DESC LIMIT 1", record_id)), None)

    def versions(self, record_id: str) -> list[Entry]:
        """Return all versions that are here, oldest first."""
        return self._select("WHERE id = ? ORDER BY version", record_id)

    def iterate(
        self, kind: str | None = None, *, after: int = 0, latest_only: bool = False
    ) -> Iterator[Entry]:
        """Yield entries in the order of their sequence numbers (see `RecordStore.iterate`)."""
        conditions = "WHERE sequence > ?"
        conditions += "" if kind is None else " AND kind = ?"
        conditions += f" AND NOT EXISTS ({_NEWER})" if latest_only else ""
        while True:
            parameters = [after] if kind is None else [after, kind]
            page = self._select(f"{conditions} ORDER BY sequence LIMIT {PAGE}", *parameters)
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].sequence

    def count(self, kind: str | None = None) -> int:
        """Return the number of records (ids, not versions)."""
        if kind is None:
            rows = self._rows("SELECT count(DISTINCT id) FROM record")
        else:
            rows = self._rows("SELECT count(DISTINCT id) FROM record WHERE kind = ?", kind)
        return int(rows[0][0])

    def refuse(self, content: bytes, *, reason: str, source: str) -> int:
        """Put a document into quarantine (see `RecordStore.refuse`)."""
        name = digest(content)
        with self._transaction():
            self._connection.execute(
                "INSERT INTO refused (refused_at, source, reason, digest, size, content) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest, reason) DO NOTHING",
                (
                    moment(self._clock()),
                    source[:MAX_WORDS],
                    reason[:MAX_WORDS],
                    name,
                    len(content),
                    content[:MAX_REFUSED_BYTES],
                ),
            )
            rows = self._rows(
                "SELECT sequence FROM refused WHERE digest = ? AND reason = ?", name, reason[:MAX_WORDS]
            )
            return int(rows[0][0])

    def refused(self, *, after: int = 0) -> Iterator[Refused]:
        """Yield what is in quarantine, oldest first."""
        fields = Refused.__struct_fields__
        query = f"SELECT {', '.join(fields)} FROM refused WHERE sequence > ? ORDER BY sequence LIMIT {PAGE}"  # noqa: S608 (constants)
        while True:
            rows = self._rows(query, after)
            yield from (Refused(**dict(zip(fields, row, strict=True))) for row in rows)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def _select(self, conditions: str, *parameters: Any) -> list[Entry]:
        query = f"SELECT {_COLUMNS} FROM record {conditions}"  # noqa: S608 (conditions are constants of this module)
        return [self._entry(row) for row in self._rows(query, *parameters)]

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        sequence, *values, row_digest = row
        fields = dict(zip(Entry.__struct_fields__, (sequence, *values), strict=True))
        if _row_digest(values) != row_digest:
            raise VerificationError(
                f"the stored row of {fields['id']} version {fields['version']} is damaged",
                where=Where(file=str(self._file)),
                next_step="Restore the file from a copy; the other records can still be read.",
            )
        fields |= {"marking": Marking(fields["marking"]), "withdrawn": bool(fields["withdrawn"])}
        return Entry(**fields)


def _row_digest(values: Sequence[Any]) -> str:
    """Return a digest over all columns but the sequence number, so that a damaged marking is seen as well."""
    *columns, content = values
    return digest("\x1f".join(map(str, columns)).encode() + (content if isinstance(content, bytes) else b""))
