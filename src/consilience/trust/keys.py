"""Keys of a party: Ed25519, and ML-DSA-44 as a second signature that a quantum computer does not break.

Responsible for making, reading and using keys. Invariants: a private key never appears in text, in an error
or in `repr`; at rest it is encrypted with a passphrase, or the caller says openly that it is not; a signature
that does not verify gives False, never an exception.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from consilience.errors import InputError

MAX_PEM_BYTES = 16_384
"""Of a key file."""
MAX_PASSPHRASE = 1_000
"""Bytes of the longest passphrase that is taken."""
MIN_PASSPHRASE = 8
"""Characters of the shortest passphrase that is taken."""


class Algorithm(enum.StrEnum):
    """What a key signs with."""

    ED25519 = "ed25519"
    """RFC 8032: public key of 32 bytes, signature of 64."""
    ML_DSA_44 = "ml-dsa-44"
    """FIPS 204: public key of 1,312 bytes, signature of 2,420."""


_RAW_BYTES = {Algorithm.ED25519: 32, Algorithm.ML_DSA_44: 1312}


@dataclass(frozen=True)
class PublicKey:
    """A public key by its raw bytes."""

    algorithm: Algorithm
    raw: bytes
    _key: Ed25519PublicKey | MLDSA44PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.raw) != _RAW_BYTES[self.algorithm]:
            raise InputError(f"a public key of {self.algorithm} has {_RAW_BYTES[self.algorithm]} bytes")
        try:
            key = _library_key(self.algorithm, self.raw)
        except ValueError as error:
            raise InputError(f"these bytes are no public key of {self.algorithm}") from error
        object.__setattr__(self, "_key", key)

    @property
    def fingerprint(self) -> str:
        """Return `sha256:` and the SHA-256 of the key's SubjectPublicKeyInfo (RFC 5280, section 4.1)."""
        der = self._key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return "sha256:" + hashlib.sha256(der).hexdigest()

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Say whether this key made the signature over the message."""
        try:
            self._key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def _library_key(algorithm: Algorithm, raw: bytes) -> Ed25519PublicKey | MLDSA44PublicKey:
    if algorithm is Algorithm.ED25519:
        return Ed25519PublicKey.from_public_bytes(raw)
    return MLDSA44PublicKey.from_public_bytes(raw)


class PrivateKey:
    """A private key in memory. It has no text form but an encrypted one."""

    def __init__(self, key: Ed25519PrivateKey | MLDSA44PrivateKey) -> None:
        """Wrap a key of the library; callers use `generate` and `read`."""
        self._key = key
        algorithm = Algorithm.ED25519 if isinstance(key, Ed25519PrivateKey) else Algorithm.ML_DSA_44
        self.public = PublicKey(algorithm, key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"<private key of {self.public.fingerprint}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a private key is not pickled")

    @classmethod
    def generate(cls, algorithm: Algorithm = Algorithm.ED25519) -> PrivateKey:
        """Make a key from the operating system's random numbers.

        Raises:
            InputError: The installed cryptography library cannot do the algorithm.
        """
        if algorithm is Algorithm.ED25519:
            return cls(Ed25519PrivateKey.generate())
        try:
            return cls(MLDSA44PrivateKey.generate())
        except UnsupportedAlgorithm as error:
            raise InputError(
                "the installed cryptography library has no ML-DSA-44", next_step="Use ed25519 alone."
            ) from error

    @classmethod
    def from_seed(cls, seed: bytes, algorithm: Algorithm = Algorithm.ED25519) -> PrivateKey:
        """Return the key of a seed of 32 bytes (RFC 8032, section 5.1.5; FIPS 204, algorithm 6).

        Raises:
            InputError: The seed has another length.
        """
        if len(seed) != 32:
            raise InputError("the seed of a key has 32 bytes")
        if algorithm is Algorithm.ED25519:
            return cls(Ed25519PrivateKey.from_private_bytes(seed))
        return cls(MLDSA44PrivateKey.from_seed_bytes(seed))

    @classmethod
    def read(cls, pem: bytes, passphrase: bytes | None) -> PrivateKey:
        """Read a key file.

        Args:
            pem: PKCS #8 (RFC 5958) in PEM.
            passphrase: None: the file is not encrypted.

        Raises:
            InputError: It is no key, of another algorithm, or the passphrase does not fit. What the file
                holds is never part of the message.
        """
        if len(pem) > MAX_PEM_BYTES:
            raise InputError(f"a key file has at most {MAX_PEM_BYTES:,} bytes")
        try:
            key = serialization.load_pem_private_key(pem, passphrase)
        except TypeError:
            raise InputError(
                "the key file is encrypted and no passphrase was given"
                if passphrase is None
                else "the key file is not encrypted and a passphrase was given"
            ) from None
        except (ValueError, UnsupportedAlgorithm):
            raise InputError(
                "the key file cannot be read, or the passphrase does not fit",
                next_step="Check the passphrase; restore the file from a copy.",
            ) from None
        if not isinstance(key, Ed25519PrivateKey | MLDSA44PrivateKey):
            raise InputError("the key file holds a key of another kind than ed25519 and ml-dsa-44")
        return cls(key)

    def sign(self, message: bytes) -> bytes:
        """Return the signature over a message: 64 bytes of Ed25519, 2,420 of ML-DSA-44."""
        return self._key.sign(message)

    def encrypted(self, passphrase: bytes) -> bytes:
        """Return the key as encrypted PKCS #8 in PEM.

        Raises:
            InputError: The passphrase is shorter than MIN_PASSPHRASE characters.
        """
        if len(passphrase.decode("utf-8", "replace")) < MIN_PASSPHRASE:
            raise InputError(f"a passphrase has at least {MIN_PASSPHRASE} characters")
        if len(passphrase) > MAX_PASSPHRASE:
            raise InputError(f"a passphrase has at most {MAX_PASSPHRASE:,} bytes")
        return self._pem(serialization.BestAvailableEncryption(passphrase))

    def unencrypted(self) -> bytes:
        """Return the key as PKCS #8 in PEM that anybody can use who reads it."""
        return self._pem(serialization.NoEncryption())

    def _pem(self, how: serialization.KeySerializationEncryption) -> bytes:
        return self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
