"""The annotated types of record fields: text, moments, digests, ids, and the limit of each.

Pure. One place for every pattern, so that constructors, the parser and the published JSON Schemas say the
same. Each pattern ends in `$(?!\\n)`, since `$` alone lets a trailing line break through in Python but not
in ECMA-262.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_END = r"$(?!\n)"
# Control characters, line separators, and the embeddings and overrides that make text look like other text.
_UNSEEN = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"

MAX_LINE = 500
MAX_TEXT = 50_000
MAX_LIST = 1_000
MAX_COUNT = 2**53 - 1

Line = Annotated[str, Meta(min_length=1, max_length=MAX_LINE, pattern=f"^[^{_UNSEEN}]+{_END}")]
"""One line of text without control characters."""
Text = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_TEXT,
        pattern=r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]+$",
    ),
]
"""Text with line breaks and tabs, without other control characters."""
Moment = Annotated[
    str,
    Meta(
        max_length=27,
        pattern=rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,6}})?Z{_END}",
    ),
]
"""A moment in UTC (RFC 3339, section 5.6) with at most microseconds, always with `Z`."""
Day = Annotated[str, Meta(max_length=10, pattern=f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_END}")]
"""A date (RFC 3339 `full-date`)."""
Digest = Annotated[str, Meta(max_length=71, pattern=f"^sha256:[0-9a-f]{{64}}{_END}")]
"""`sha256:` and 64 hexadecimal digits."""
Language = Annotated[
    str,
    Meta(
        max_length=35,
        pattern=rf"^[a-z]{{2,3}}(-[A-Z][a-z]{{3}})?(-([A-Z]{{2}}|[0-9]{{3}}))?(-[a-z0-9]{{5,8}})*{_END}",
    ),
]
"""A language tag (BCP 47) in canonical case."""
Country = Annotated[str, Meta(max_length=2, pattern=f"^[A-Z]{{2}}{_END}")]
"""ISO 3166-1 alpha-2."""
Curie = Annotated[str, Meta(max_length=200, pattern=rf"^[a-z][a-z0-9.-]*:[A-Za-z0-9._~/-]+{_END}")]
"""A term as `scheme:code`."""
MediaType = Annotated[
    str, Meta(max_length=127, pattern=rf"^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*{_END}")
]
"""A media type (RFC 6838, section 4.2) in lower case, without parameters."""
Address = Annotated[
    str, Meta(max_length=2_000, pattern=rf"^https?://[^\s\u0000-\u0020\u007f-\u009f\u0022<>]+{_END}")
]
"""An http or https address."""
Version = Annotated[int, Meta(ge=1, le=1_000_000)]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Score = Annotated[float, Meta(ge=0.0, le=1.0)]

RecordId = Annotated[str, Meta(max_length=50, pattern=f"^[a-z]+--{_UUID}{_END}")]
"""A record of any kind: `KIND--UUID`."""
PartyId = Annotated[str, Meta(pattern=f"^party--{_UUID}{_END}")]
SubjectId = Annotated[str, Meta(pattern=f"^subject--{_UUID}{_END}")]
ConceptId = Annotated[str, Meta(pattern=f"^concept--{_UUID}{_END}")]
ProtocolId = Annotated[str, Meta(pattern=f"^protocol--{_UUID}{_END}")]
ClaimId = Annotated[str, Meta(pattern=f"^claim--{_UUID}{_END}")]
IncidentId = Annotated[str, Meta(pattern=f"^incident--{_UUID}{_END}")]
ReportId = Annotated[str, Meta(pattern=f"^report--{_UUID}{_END}")]
RemedyId = Annotated[str, Meta(pattern=f"^remedy--{_UUID}{_END}")]
OpinionId = Annotated[str, Meta(pattern=f"^opinion--{_UUID}{_END}")]
EvidenceId = Annotated[str, Meta(pattern=f"^evidence--{_UUID}{_END}")]
LinkId = Annotated[str, Meta(pattern=f"^link--{_UUID}{_END}")]

Parties = Annotated[tuple[PartyId, ...], Meta(max_length=MAX_LIST)]
Subjects = Annotated[tuple[SubjectId, ...], Meta(max_length=MAX_LIST)]
Concepts = Annotated[tuple[ConceptId, ...], Meta(max_length=MAX_LIST)]
Digests = Annotated[tuple[Digest, ...], Meta(max_length=MAX_LIST)]
Languages = Annotated[tuple[Language, ...], Meta(max_length=MAX_LIST)]
Countries = Annotated[tuple[Country, ...], Meta(max_length=MAX_LIST)]
Addresses = Annotated[tuple[Address, ...], Meta(max_length=MAX_LIST)]
Lines = Annotated[tuple[Line, ...], Meta(max_length=MAX_LIST)]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Say whether `text` is `sha256:` and 64 hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def moment(time: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, such as `2026-07-01T12:00:00.250000Z`.

    Raises:
        ValueError: `time` has no time zone.
    """
    if time.tzinfo is None:
        raise ValueError("a moment needs a time zone; use datetime.now(UTC)")
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def read_moment(text: str) -> datetime:
    """Return the time that a moment or a day names, in UTC.

    Raises:
        ValueError: There is no such date or time (the leap second 60 is not known either).
    """
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
