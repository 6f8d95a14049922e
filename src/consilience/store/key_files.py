"""Private keys of the node, one file each, named by the key's fingerprint.

Invariants: a key file is readable by its owner alone, is written whole or not at all, and is encrypted unless
the caller asked for it to be open; nothing here prints or returns a passphrase. The folder is no evidence and
no record, so no export and no exchange ever takes it along.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from consilience.errors import IncompatibleError, InputError, NotFoundError, StoreError, Where
from consilience.trust.keys import MAX_PEM_BYTES, Algorithm, PrivateKey, PublicKey

SUFFIX = ".pem"
SIGNING_KEY_VARIABLE = "CONSILIENCE_SIGNING_KEY"
"""Environment variable that may hold a private key in PEM, encrypted or not."""


class KeyFiles:
    """The folder `keys` of a node."""

    def __init__(self, folder: Path) -> None:
        """Look at a folder, which need not be there yet."""
        self._folder = folder

    def write(self, key: PrivateKey, passphrase: bytes | None) -> Path:
        """Store a key; None: not encrypted.

        Raises:
            InputError: The passphrase is too short.
            StoreError: The file cannot be written.
        """
        content = key.unencrypted() if passphrase is None else key.encrypted(passphrase)
        target = self._path(key.public.fingerprint)
        part = target.with_suffix(".part")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StoreError(
                f"the key cannot be stored: {error.strerror}", where=Where(file=str(target))
            ) from error
        return target

    @contextlib.contextmanager
    def written(self, keys: Sequence[PrivateKey], passphrase: bytes | None) -> Iterator[None]:
        """Store keys for work that needs them on the disk; where it fails, they are removed again."""
        paths: list[Path] = []
        try:
            for key in keys:
                paths.append(self.write(key, passphrase))  # noqa: PERF401 - each counts once it is there
            yield
        except IncompatibleError:  # nothing was added to the log; after any other end a key may be in it
            for path in paths:
                path.unlink(missing_ok=True)
            raise

    def names(self) -> Iterator[str]:
        """Yield the fingerprints of the keys that are here."""
        if self._folder.is_dir():
            for path in sorted(self._folder.glob("*" + SUFFIX)):
                yield "sha256:" + path.stem

    def read(self, fingerprint: str, passphrase: bytes | None) -> PrivateKey:
        """Return a key.

        Raises:
            NotFoundError: It is not here.
            InputError: The file is damaged, or the passphrase does not fit.
        """
        path = self._path(fingerprint)
        try:
            with path.open("rb") as file:
                content = file.read(MAX_PEM_BYTES + 1)
        except FileNotFoundError:
            raise NotFoundError(
                f"the private key {fingerprint} is not in this node",
                next_step="Put its file back, or sign where it is.",
            ) from None
        key = PrivateKey.read(content, passphrase)
        if key.public.fingerprint != fingerprint:
            raise InputError("the key file holds another key than its name says", where=Where(file=str(path)))
        return key

    def is_encrypted(self, fingerprint: str) -> bool:
        """Say whether the file of a key needs a passphrase."""
        return b"ENCRYPTED" in self._path(fingerprint).read_bytes()[:64]

    def _path(self, fingerprint: str) -> Path:
        return self._folder / (fingerprint.removeprefix("sha256:") + SUFFIX)


def held_keys(
    files: KeyFiles,
    in_force: Mapping[str, PublicKey],
    passphrase: Callable[[], bytes],
    environment: Mapping[str, str],
) -> list[PrivateKey]:
    """Return the newest key of each algorithm that is in force and held here, the Ed25519 key first.

    Args:
        files: Key files of the node.
        in_force: Fingerprint → key, oldest first.
        passphrase: Asked once, where a file is encrypted.
        environment: `CONSILIENCE_SIGNING_KEY` goes before files.

    Raises:
        NotFoundError: There is no Ed25519 key.
        InputError: A key cannot be read, or the passphrase does not fit.
    """
    asked: list[bytes] = []

    def secret() -> bytes:
        if not asked:
            asked.append(passphrase())
        return asked[0]

    found: dict[Algorithm, PrivateKey] = {}
    if text := environment.get(SIGNING_KEY_VARIABLE):
        pem = os.fsencode(text)
        key = PrivateKey.read(pem, secret() if b"ENCRYPTED" in pem else None)
        found[key.public.algorithm] = key
    here = set(files.names())
    for name, known in in_force.items():
        if name in here and not (text and known.algorithm is Algorithm.ED25519):
            found[known.algorithm] = files.read(name, secret() if files.is_encrypted(name) else None)
    if Algorithm.ED25519 not in found:
        raise NotFoundError(
            "no private key of this node that is in force is here",
            next_step=f"Put its file back into `keys`, or give it in {SIGNING_KEY_VARIABLE}.",
        )
    return [found[algorithm] for algorithm in Algorithm if algorithm in found]
