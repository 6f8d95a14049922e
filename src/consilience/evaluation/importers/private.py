"""Settings that may be secrets, cut by the names of their keys before anything is kept of them.

Pure. Invariant: a text under a key that names a secret is never in what is returned, nor is one that looks
like an access key by itself. Numbers of tokens (`max_tokens`, `token_limit`) are no secrets and stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from consilience.evaluation.importers.imported import Plain

SECRET_KEY = re.compile(
    r"(?:^|[._\-\s/])(?:api[_\-]?key|access[_\-]?key|secret[_\-]?key|private[_\-]?key|account[_\-]?key|"
    r"subscription[_\-]?key|auth[_\-]?key|key|(?:\w+[_\-])?token|(?:\w+[_\-])?secret|passw(?:or)?d|passphrase|pwd|"
    r"authorization|authentication|auth|bearer|credentials?|cookies?|headers?|signature|connection[_\-]?string)$",
    re.IGNORECASE,
)
"""The last part of a key that names a secret."""
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
"""Between the words of a name such as `apiKey`."""
SECRET_INSIDE = re.compile(
    r"(?:api[_\-]?key|access[_\-]?key|secret|token|passw(?:or)?d|authorization)[\"']?\s*[=:]\s*[\"']?"
    r"[^\s,;&\"']{6,}|\bbearer\s+[^\s,;&\"']{6,}"
    r"|\b(?:sk|pk|hf|ghp|gho|glpat|xox[abp])[-_][A-Za-z0-9_\-]{16,}|\bAKIA[0-9A-Z]{16}\b|\beyJ[A-Za-z0-9_\-]{20,}",
    re.IGNORECASE,
)
"""A secret inside a text, such as `pretrained=x,api_key=…`, or an access key by its own form."""


def is_secret(name: str, value: Plain) -> bool:
    """Say whether a setting may be a secret."""
    if isinstance(value, bool) or value is None:
        return False
    if SECRET_KEY.search(HUMP.sub("_", name)) is not None:
        return True
    return isinstance(value, str) and SECRET_INSIDE.search(value) is not None


def without_secrets(values: Mapping[str, Plain]) -> tuple[dict[str, Plain], tuple[str, ...]]:
    """Return the settings that may be kept, and the names of the others, in their order."""
    cut = tuple(name for name, value in values.items() if is_secret(name, value))
    return {name: value for name, value in values.items() if name not in cut}, cut
