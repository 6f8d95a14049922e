"""The keys of a party over time, as its own log tells them: introduced, added, revoked.

Pure. Invariants: the first entry of a log introduces its first key, signed by that key; every further key is
added by one that is in force and signs itself, so that nobody adds a key that it does not hold; after a
revocation the key counts for no later entry, and what it signed before keeps counting: a party withdraws what
it does not stand behind. Records need a signature of each algorithm that has a key in force. A keyring proves
nothing of entries that it was not shown.
"""

from __future__ import annotations

import base64
import binascii
import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from consilience.errors import InputError, VerificationError
from consilience.records.fields import Line, PartyId
from consilience.trust.envelope import (
    Envelope,
    Statement,
    Verified,
    read_statement,
    seal,
    statement,
    verify,
)
from consilience.trust.keys import Algorithm, PrivateKey, PublicKey

KEY_PREDICATE = "urn:consilience:key:1"
"""Predicate type of a statement about a key."""
MAX_KEYS = 50
"""Keys of one party over time."""


class Action(enum.StrEnum):
    """What a statement does with a key."""

    INTRODUCE = "introduce"
    ADD = "add"
    REVOKE = "revoke"


class KeyStatement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a party says of a key of its own."""

    action: Action
    party: PartyId
    algorithm: Algorithm
    key: str
    """Base64 of the raw public key."""
    reason: Line | None = None

    @property
    def public(self) -> PublicKey:
        """Return the key.

        Raises:
            InputError: It is none.
        """
        try:
            raw = base64.b64decode(self.key, validate=True)
        except (binascii.Error, ValueError):
            raise InputError("the key of the statement is not base64") from None
        return PublicKey(self.algorithm, raw)


@dataclass(frozen=True)
class KnownKey:
    """A key and the positions of the log at which it counts: from `first` to before `end`."""

    key: PublicKey
    first: int
    end: int | None = None
    reason: str | None = None

    def counts_at(self, position: int) -> bool:
        """Say whether an entry at this position may rest on the key."""
        return self.first <= position and (self.end is None or position < self.end)


@dataclass(frozen=True)
class Keyring:
    """The keys of one party, up to some position of its log."""

    party: str
    keys: tuple[KnownKey, ...]

    @classmethod
    def begin(cls, envelope: Envelope) -> Keyring:
        """Read the first entry of a log. Whether its key is the party's is for the caller to know.

        Raises:
            VerificationError: It does not introduce a key that signed it.
        """
        told = _told(read_statement(envelope.content), None)
        if told.action is not Action.INTRODUCE:
            raise VerificationError("the first entry of the log does not introduce a key")
        verify(envelope, [told.public])
        return cls(told.party, (KnownKey(told.public, 0),))

    @property
    def first(self) -> PublicKey:
        """Return the key that was introduced; its fingerprint is what partners compare."""
        return self.keys[0].key

    def at(self, position: int) -> tuple[PublicKey, ...]:
        """Return the keys that an entry at this position may rest on."""
        return tuple(known.key for known in self.keys if known.counts_at(position))

    def verify(self, envelope: Envelope, position: int) -> Verified:
        """Return the payload of an entry.

        Raises:
            VerificationError: No key signed it that counts at this position; revoked ones are named.
        """
        try:
            return verify(envelope, self.at(position), each_algorithm=True)
        except VerificationError:
            self._say_revoked(envelope, position)
            raise

    def follow(self, envelope: Envelope, position: int) -> Keyring:
        """Return the keyring after a further statement about a key.

        Raises:
            VerificationError: It is not signed as it must be, speaks of a key that is not here, or comes
                before one that was followed.
        """
        if position <= max(known.first for known in self.keys):
            raise VerificationError("the statements about keys are not in the order of the log")
        told = _told(read_statement(self._any_verified(envelope, position)), self.party)
        key = told.public
        if told.action is Action.ADD:
            if any(known.key == key for known in self.keys):
                raise VerificationError("a key is added that was there before")
            if len(self.keys) >= MAX_KEYS:
                raise VerificationError(f"the party has more than {MAX_KEYS:,} keys")
            verify(envelope, [key])
            return replace(self, keys=(*self.keys, KnownKey(key, position)))
        if told.action is not Action.REVOKE or key not in self.at(position):
            raise VerificationError("a key is revoked that is not in force, or introduced a second time")
        ended = [replace(each, end=position, reason=told.reason) if each.key == key else each
                 for each in self.keys]  # fmt: skip
        return replace(self, keys=tuple(ended))

    def _any_verified(self, envelope: Envelope, position: int) -> bytes:
        """Return a statement about a key, signed by any key in force: so one that was lost can end."""
        try:
            return verify(envelope, self.at(position)).content
        except VerificationError:
            self._say_revoked(envelope, position)
            raise

    def _say_revoked(self, envelope: Envelope, position: int) -> None:
        for known in self.keys:
            if known.end is not None and position >= known.end:
                try:
                    verify(envelope, [known.key])
                except VerificationError:
                    continue
                why = f" ({known.reason})" if known.reason else ""
                raise VerificationError(
                    f"entry {position} is signed with a key that was revoked from entry {known.end} on{why}"
                )


def keyring_of(entries: Iterable[tuple[int, Envelope]]) -> Keyring:
    """Return the keyring of a log's statements about keys, in their order, the first at position 0.

    Raises:
        VerificationError: One does not follow from those before.
    """
    found: Keyring | None = None
    for position, envelope in entries:
        if found is None:
            if position != 0:
                raise VerificationError("the first statement about a key is not the log's first entry")
            found = Keyring.begin(envelope)
        else:
            found = found.follow(envelope, position)
    if found is None:
        raise VerificationError("the log has no key")
    return found


def introduce(party: str, key: PrivateKey) -> Envelope:
    """Return the first entry of a party's log."""
    return _sealed(_about(Action.INTRODUCE, party, key.public), [key])


def add(party: str, key: PrivateKey, *, by: PrivateKey) -> Envelope:
    """Return the statement that adds a key, signed by one that is in force and by itself."""
    return _sealed(_about(Action.ADD, party, key.public), [by, key])


def revoke(party: str, key: PublicKey, *, by: PrivateKey, reason: str | None = None) -> Envelope:
    """Return the statement that revokes a key.

    Args:
        party: Whose keys they are.
        key: Which ends.
        by: A key in force, which may be the same.
        reason: In words.
    """
    return _sealed(_about(Action.REVOKE, party, key, reason=reason), [by])


def _about(action: Action, party: str, key: PublicKey, **more: Any) -> KeyStatement:
    return KeyStatement(
        action=action,
        party=party,
        algorithm=key.algorithm,
        key=base64.b64encode(key.raw).decode(),
        **more,
    )


def _sealed(told: KeyStatement, keys: list[PrivateKey]) -> Envelope:
    about = msgspec.to_builtins(told)
    return seal(statement(told.party, told.public.fingerprint, KEY_PREDICATE, about), keys)


def _told(found: Statement, party: str | None) -> KeyStatement:
    if found.predicate_type != KEY_PREDICATE:
        raise VerificationError("this is no statement about a key")
    try:
        told = msgspec.convert(found.predicate, KeyStatement)
    except msgspec.ValidationError as error:
        raise InputError(f"this is no statement about a key: {error}") from None
    if told.public.fingerprint != found.digest or found.subject[0].name != told.party:
        raise VerificationError("the statement about a key has another key or party as its subject")
    if party is not None and told.party != party:
        raise VerificationError(f"the statement speaks of a key of {told.party}, not of {party}")
    return told
