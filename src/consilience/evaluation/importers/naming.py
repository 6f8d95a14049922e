"""Names that files are spoken of by: unlike one another, and never an absolute path of this machine.

Invariants: a named file or folder is called by its last part; where several are called the same, by as many
more of its last parts, as the user wrote them, as tell them apart; where these do not suffice, a number is
added, whatever the order in which they are named. A name can be written as UTF-8 and drives no terminal:
other bytes of a file's name are escaped.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence, Set
from pathlib import Path


def shown(path: Path | str) -> str:
    """Return a path as it can be written: bytes that are no UTF-8 become `\\xNN`, what is not seen `?`."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else "?" for c in text)


def named_paths(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Return each path once, resolved, with its name.

    Args:
        paths: Files and folders that are there, as the user wrote them.
    """
    written: dict[Path, Path] = {}
    for path in paths:
        written.setdefault(path.resolve(), path)
    groups: defaultdict[str, dict[Path, Path]] = defaultdict(dict)
    for real, path in written.items():
        groups[_last(real, path, 1)][real] = path
    names: dict[Path, str] = {}
    for name, group in groups.items():
        names |= dict.fromkeys(group, name) if len(group) == 1 else _told_apart(name, group)
    return [(real, names[real]) for real in written]


def _told_apart(name: str, group: dict[Path, Path]) -> dict[Path, str]:
    for count in range(2, max(len(_parts(path)) for path in group.values()) + 1):
        longer = {real: _last(real, path, count) for real, path in group.items()}
        if len(set(longer.values())) == len(longer):
            return longer
    return {real: _numbered(name, number) for number, real in enumerate(sorted(group), 1)}


def _parts(path: Path) -> list[str]:
    """Return the parts that a name may have: no climb, and of an absolute path not the first."""
    parts = [part for part in path.parts if part not in {path.anchor, "..", "."}]
    return parts[1:] if path.is_absolute() and len(parts) > 1 else parts


def _last(real: Path, path: Path, count: int) -> str:
    """Return the last parts of a path: its own name as it is, or as a link to a file is written."""
    base = real.name if real.is_dir() or not path.name else path.name
    before = _parts(path)[:-1][-(count - 1) :] if count > 1 else []
    return shown("/".join([*before, base])) or "folder"


def _numbered(name: str, number: int) -> str:
    """Return a name with a number in its first part, so that its ending and what lies below stay."""
    if number == 1:
        return name
    first, slash, rest = name.partition("/")
    if slash:
        return f"{first} ({number})/{rest}"
    path = Path(name)
    return f"{path.stem} ({number}){path.suffix}"


def unlike(name: str, taken: Set[str]) -> str:
    """Return the name, with a number where it is taken."""
    outer, entry, inner = name.partition("!/")
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{outer}!/({number})/{inner}" if entry else _numbered(name, number)
    return found
