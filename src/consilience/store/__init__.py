"""Store: records in SQLite, evidence files named by digest, scores as Parquet."""
