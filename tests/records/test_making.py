from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.records.examples import CLAIM, LABORATORY, NOW, ORIGIN, VALUES, claim_of

from consilience.errors import IncompatibleError, InputError
from consilience.records import (
    Marking,
    Origin,
    PartyType,
    new_own_party,
    new_party,
    new_subject,
    record_digest,
    revise,
    unknown,
    withdraw,
)
from consilience.records.making import says_the_same
from consilience.records.record import check_follows

LATER = NOW + timedelta(days=1)


def test_the_same_call_later_names_the_same_record() -> None:
    later = msgspec.structs.replace(ORIGIN, now=LATER)
    first, second = new_subject(ORIGIN, "M", release="1"), new_subject(later, "M", release="1")
    assert first.id == second.id
    assert first != second
    assert says_the_same(first, second)
    assert new_subject(ORIGIN, "M", release="2").id != first.id


def test_another_creator_names_another_record() -> None:
    other = Origin(created_by=new_own_party("B", party_type=PartyType.NGO, now=NOW).id, now=NOW)
    assert new_subject(other, "M").id != new_subject(ORIGIN, "M").id
    assert new_party(other, "Institute A", party_type=PartyType.INSTITUTE).id != LABORATORY.id


def test_a_new_value_is_the_same_claim_and_other_conditions_are_another() -> None:
    first = claim_of(VALUES["number"])
    assert claim_of(unknown("not-assessed")).id == first.id
    assert CLAIM.id != first.id  # it holds under conditions


def test_records_are_closed_unless_something_else_is_said() -> None:
    assert Origin(created_by=LABORATORY.id, now=NOW).marking is Marking.AMBER_STRICT
    assert LABORATORY.marking is Marking.CLEAR


def test_a_revision_follows_and_keeps_what_it_does_not_change() -> None:
    second = revise(CLAIM, now=LATER, statement="Better.")
    check_follows(CLAIM, record_digest(CLAIM), second)
    assert (second.version, second.previous, second.statement) == (2, record_digest(CLAIM), "Better.")
    assert second.value == CLAIM.value
    assert not says_the_same(CLAIM, second)
    assert says_the_same(CLAIM, revise(CLAIM, now=LATER))


def test_a_slow_clock_does_not_make_a_version_older_than_the_one_before() -> None:
    assert revise(CLAIM, now=NOW - timedelta(days=1)).modified == CLAIM.modified


def test_what_stays_the_same_cannot_be_revised() -> None:
    for name in ("id", "created", "created_by", "version", "previous", "modified"):
        with pytest.raises(IncompatibleError, match=name):
            revise(CLAIM, now=LATER, **{name: getattr(CLAIM, name)})
    with pytest.raises(InputError, match="enum"):
        revise(CLAIM, now=LATER, basis="guessed")


def test_a_withdrawal_is_the_last_version_and_has_a_reason() -> None:
    last = withdraw(CLAIM, now=LATER, reason="Wrong model.")
    assert last.withdrawal is not None
    assert last.withdrawal.reason == "Wrong model."
    assert last.version == 2
    with pytest.raises(IncompatibleError, match="nothing follows"):
        revise(last, now=LATER)
    with pytest.raises(InputError):
        withdraw(CLAIM, now=LATER, reason="")


def test_an_error_names_the_field() -> None:
    with pytest.raises(InputError) as caught:
        new_party(ORIGIN, "", party_type=PartyType.NGO)
    assert caught.value.where.path == "name"
