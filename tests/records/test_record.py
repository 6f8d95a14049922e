from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.records.examples import CLAIM, DIGEST, EXAMPLES, LABORATORY, NOW, SUBJECT

from consilience.errors import IncompatibleError
from consilience.records import record_digest, revise, withdraw
from consilience.records.kinds import KINDS
from consilience.records.record import Withdrawal, check_follows


def test_there_are_eleven_kinds() -> None:
    assert set(KINDS) == set(EXAMPLES)
    assert len(KINDS) == 11
    assert all(EXAMPLES[kind].kind == kind and type(EXAMPLES[kind]) is KINDS[kind] for kind in KINDS)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_record_has_a_title_of_one_line(kind: str) -> None:
    assert EXAMPLES[kind].title
    assert "\n" not in EXAMPLES[kind].title


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "party--00000000-0000-0000-0000-000000000000"}, r"\$\.id"),
        ({"version": 2}, "previous"),
        ({"previous": DIGEST}, "previous"),
        ({"modified": "2026-07-01T11:59:59.9Z"}, "before created"),
        ({"modified": "2026-13-01T00:00:00Z"}, "month"),
        ({"withdrawal": Withdrawal(reason="x")}, "never the first"),
    ],
)
def test_common_fields_cannot_contradict_each_other(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        msgspec.structs.replace(CLAIM, **changes)


def test_a_fraction_of_a_second_is_later_than_none() -> None:
    assert (
        msgspec.structs.replace(CLAIM, modified="2026-07-01T12:00:00.5Z").modified == "2026-07-01T12:00:00.5Z"
    )


SECOND = revise(CLAIM, now=NOW + timedelta(hours=1), statement="Again.")
LAST = withdraw(SECOND, now=NOW + timedelta(hours=2), reason="Wrong model.")


def test_a_chain_of_versions_follows() -> None:
    check_follows(CLAIM, record_digest(CLAIM), SECOND)
    check_follows(SECOND, record_digest(SECOND), LAST)


@pytest.mark.parametrize(
    ("earlier", "changes", "words"),
    [
        (CLAIM, {"version": 3}, "not version 2"),
        (CLAIM, {"id": CLAIM.id[:-1] + ("0" if CLAIM.id[-1] != "0" else "1")}, "another id"),
        (CLAIM, {"created_by": "party--00000000-0000-0000-0000-000000000000"}, "another creator"),
        (CLAIM, {"created": "2026-06-01T00:00:00Z"}, "another time of creation"),
        (CLAIM, {"previous": DIGEST}, "another digest"),
        (msgspec.structs.replace(CLAIM, modified="2027-01-01T00:00:00Z"), {}, "modified before"),
    ],
)
def test_what_does_not_follow(earlier: object, changes: dict[str, object], words: str) -> None:
    later = msgspec.structs.replace(SECOND, **changes)
    with pytest.raises(IncompatibleError, match=words):
        check_follows(earlier, record_digest(CLAIM), later)  # type: ignore[arg-type]


def test_nothing_follows_a_withdrawal() -> None:
    later = msgspec.structs.replace(LAST, version=4, previous=record_digest(LAST), withdrawal=None)
    with pytest.raises(IncompatibleError, match="withdrawal"):
        check_follows(LAST, record_digest(LAST), later)


def test_a_party_may_speak_for_itself() -> None:
    assert LABORATORY.created_by == LABORATORY.id
    assert SUBJECT.created_by == LABORATORY.id
