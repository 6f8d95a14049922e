"""Keys: published vectors, encryption at rest, and that nothing secret is ever shown."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.errors import InputError
from consilience.trust.keys import Algorithm, PrivateKey, PublicKey

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PASSPHRASE = b"a passphrase of eight words or more"
BOTH = pytest.mark.parametrize("algorithm", list(Algorithm))


def test_ed25519_is_that_of_rfc_8032() -> None:
    """RFC 8032, section 7.1, test 1."""
    key = PrivateKey.from_seed(SEED)
    assert key.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b"
    )


@BOTH
def test_a_signature_fits_its_message_and_its_key_only(algorithm: Algorithm) -> None:
    key, other = PrivateKey.generate(algorithm), PrivateKey.generate(algorithm)
    signature = key.sign(b"message")
    assert key.public.verify(signature, b"message")
    assert not key.public.verify(signature, b"messagf")
    assert not other.public.verify(signature, b"message")
    assert not key.public.verify(signature[:-1], b"message")
    assert not key.public.verify(b"", b"message")


@BOTH
def test_it_comes_back_from_its_file(algorithm: Algorithm) -> None:
    key = PrivateKey.generate(algorithm)
    assert PrivateKey.read(key.encrypted(PASSPHRASE), PASSPHRASE).public == key.public
    assert PrivateKey.read(key.unencrypted(), None).public == key.public
    assert PublicKey(algorithm, key.public.raw).fingerprint == key.public.fingerprint
    assert PrivateKey.from_seed(SEED, algorithm).public == PrivateKey.from_seed(SEED, algorithm).public


@BOTH
def test_the_file_says_nothing_without_the_passphrase(algorithm: Algorithm) -> None:
    key = PrivateKey.from_seed(SEED, algorithm)
    pem = key.encrypted(PASSPHRASE)
    assert b"ENCRYPTED" in pem
    for wrong in (b"another passphrase", None):
        with pytest.raises(InputError) as found:
            PrivateKey.read(pem, wrong)
        assert PASSPHRASE.decode() not in str(found.value)
    with pytest.raises(InputError, match="not encrypted"):
        PrivateKey.read(key.unencrypted(), PASSPHRASE)


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(InputError, match="at least 8"):
        PrivateKey.generate().encrypted(b"1234567")


def test_it_is_never_shown() -> None:
    key = PrivateKey.from_seed(SEED)
    for shown in (repr(key), str(key), f"{key}"):
        assert SEED.hex() not in shown
        assert shown == f"<private key of {key.public.fingerprint}>"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(key)


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_are_a_clear_error(content: bytes) -> None:
    with pytest.raises(InputError):
        PrivateKey.read(content, None)


def test_other_kinds_and_sizes_are_refused() -> None:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import x25519

    pem = x25519.X25519PrivateKey.generate().private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
    with pytest.raises(InputError, match="another kind"):
        PrivateKey.read(pem, None)
    with pytest.raises(InputError, match="at most"):
        PrivateKey.read(b" " * 16_385, None)
    with pytest.raises(InputError, match="32 bytes"):
        PrivateKey.from_seed(b"short")
    with pytest.raises(InputError, match="32 bytes"):
        PublicKey(Algorithm.ED25519, b"short")
