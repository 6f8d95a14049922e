from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from consilience.records import fields
from consilience.records.fields import is_digest, moment, read_moment


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1), max_value=datetime(9998, 1, 1)))
def test_a_moment_comes_back(time: datetime) -> None:
    text = moment(time)
    assert read_moment(text) == time
    assert msgspec.convert(text, fields.Moment) == text


def test_a_moment_is_in_utc() -> None:
    assert moment(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=3)))) == "2025-12-31T23:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        moment(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (fields.Line, "naïve 名前 \u200e",
         ["", "a\nb", "a\n", "\x1b[1m", "a\u202eb", "a\u2066", "\x85", "x" * 501]),
        (fields.Text, "a\nb\tc", ["", "\x00", "\x1b", "\x9b", "x" * 50_001]),
        (fields.Moment, "2026-01-01T00:00:00.123456Z",
         ["2026-01-01T00:00:00.1234567Z", "2026-01-01", "2026-01-01T00:00:00Z\n"]),
        (fields.Day, "2026-01-01", ["2026-1-1", "٢٠٢٦-٠١-٠١", "2026-01-01\n"]),
        (fields.Digest, "sha256:" + "0" * 64, ["sha256:" + "0" * 63, "sha256:" + "A" * 64, "0" * 64]),
        (fields.Language, "zh-Hant-TW", ["english", "EN", "en_US", "en\n"]),
        (fields.Country, "KE", ["ke", "KEN", "KE\n"]),
        (fields.Curie, "nist.ai:GOVERN-1.1", ["GOVERN", ":x", "a:", "a: b"]),
        (fields.MediaType, "application/vnd.apache.parquet",
         ["text", "Text/plain", "text/plain; charset=utf-8"]),
        (fields.Address, "https://example.org/a?b#c",
         ["ftp://x", "javascript:alert(1)", "https://a b", "https://a\n"]),
        (fields.RecordId, "link--00000000-0000-0000-0000-000000000000",
         ["link--0", "Link--00000000-0000-0000-0000-000000000000"]),
        (fields.Version, 1_000_000, [0, 1_000_001, -1]),
        (fields.Count, 2**53 - 1, [-1, 2**53]),
        (fields.Score, 1.0, [1.1, -0.1]),
        (fields.Lines, ("a",) * 1_000, [("a",) * 1_001]),
    ],
)  # fmt: skip
def test_every_field_type_and_its_limits(field: Any, good: Any, bad: list[Any]) -> None:
    assert msgspec.convert(good, field) == good
    for each in bad:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(each, field)


def test_is_digest() -> None:
    assert is_digest("sha256:" + "a" * 64)
    assert not is_digest("sha256:" + "a" * 64 + "\n")
    assert not is_digest("sha256:../../../etc/passwd")
