"""Store: records in SQLite, evidence files named by digest, scores as Parquet.

Start with `records` (the interface), then `sqlite_records` and `evidence_files`.
"""

from consilience.store.evidence_files import EvidenceFile, EvidenceFiles
from consilience.store.intake import Intake, take_in
from consilience.store.keeping import keep
from consilience.store.records import Entry, Receipt, RecordStore, Refused
from consilience.store.sqlite_records import SqliteRecords

__all__ = [
    "Entry", "EvidenceFile", "EvidenceFiles", "Intake", "Receipt", "RecordStore", "Refused",
    "SqliteRecords", "keep", "take_in",
]  # fmt: skip
