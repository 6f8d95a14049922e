"""Key files: for the owner alone, encrypted, and the newest key that counts is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from consilience.errors import InputError, NotFoundError, StoreError
from consilience.store.key_files import SIGNING_KEY_VARIABLE, KeyFiles, held_keys
from consilience.trust.keys import Algorithm, PrivateKey

PASSPHRASE = b"eight or more"
FIRST, SECOND = PrivateKey.from_seed(b"1" * 32), PrivateKey.from_seed(b"2" * 32)
QUANTUM = PrivateKey.from_seed(b"3" * 32, Algorithm.ML_DSA_44)
IN_FORCE = {key.public.fingerprint: key.public for key in (FIRST, QUANTUM, SECOND)}


def test_only_the_owner_can_read_it_and_it_is_encrypted(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys")
    path = files.write(FIRST, PASSPHRASE)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert files.is_encrypted(FIRST.public.fingerprint)
    assert files.read(FIRST.public.fingerprint, PASSPHRASE).public == FIRST.public
    assert list(files.names()) == [FIRST.public.fingerprint]
    with pytest.raises(InputError, match="passphrase"):
        files.read(FIRST.public.fingerprint, b"another one")


def test_a_key_without_a_passphrase_is_stored_only_when_asked(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys")
    files.write(FIRST, None)
    assert not files.is_encrypted(FIRST.public.fingerprint)
    with pytest.raises(InputError, match="at least"):
        files.write(SECOND, b"short")
    assert list(files.names()) == [FIRST.public.fingerprint]


def test_what_is_missing_or_changed_is_told(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys")
    assert list(files.names()) == []
    with pytest.raises(NotFoundError):
        files.read(FIRST.public.fingerprint, None)
    other = files.write(SECOND, None)
    other.rename(other.with_name(FIRST.public.fingerprint.removeprefix("sha256:") + ".pem"))
    with pytest.raises(InputError, match="another key"):
        files.read(FIRST.public.fingerprint, None)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be stored"):
        KeyFiles(tmp_path / "file").write(FIRST, None)


def test_the_newest_key_that_counts_and_is_here_signs(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys")
    asked: list[int] = []

    def passphrase() -> bytes:
        asked.append(1)
        return PASSPHRASE

    with pytest.raises(NotFoundError, match="no private key"):
        held_keys(files, IN_FORCE, passphrase, {})
    for key in (FIRST, QUANTUM):
        files.write(key, PASSPHRASE)
    found = held_keys(files, IN_FORCE, passphrase, {})
    assert [key.public for key in found] == [FIRST.public, QUANTUM.public]
    assert len(asked) == 1
    files.write(SECOND, PASSPHRASE)
    assert held_keys(files, IN_FORCE, passphrase, {})[0].public == SECOND.public


def test_a_key_of_the_environment_goes_before_files(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys")
    files.write(SECOND, None)
    for pem in (FIRST.unencrypted(), FIRST.encrypted(PASSPHRASE)):
        found = held_keys(files, IN_FORCE, lambda: PASSPHRASE, {SIGNING_KEY_VARIABLE: pem.decode()})
        assert [key.public for key in found] == [FIRST.public]
