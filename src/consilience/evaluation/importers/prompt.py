"""When two prompts are the same item: the digest of the normalised text.

Pure. Normalised is: Unicode NFKC (UAX #15), case folded (Unicode 3.13, D145), every run of white space one
space, none at the ends. The system prompt does not belong to the item. The rule has a version, which stands
in the digest, so that digests of two rules never meet.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable

RULE = b"consilience-prompt-1\x00"
DIGITS = 16


def normalised(text: str) -> str:
    """Return the text in the form that is compared."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    else:
        text = text.lower()
    return " ".join(text.split())


def prompt_digest(text: str) -> str:
    """Return the digest of a prompt, `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(RULE + normalised(text).encode("utf-8", "surrogatepass")).hexdigest()


def item_name(digest: str) -> str:
    """Return the item's name in the scores table: `p-` and the first digits of its digest."""
    return "p-" + digest.removeprefix("sha256:")[:DIGITS]


def joined(turns: Iterable[str]) -> str:
    """Return the text of a prompt of several turns."""
    return "\n".join(turns)
