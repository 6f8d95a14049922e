"""The first protocol: a commented file with example items in three languages that passes `check` as it is.

Responsible for writing a new folder and for nothing that exists: a file is never overwritten.
"""

from __future__ import annotations

import datetime
from importlib import resources
from pathlib import Path

from consilience.errors import InputError, Where
from consilience.evaluation.protocol_rules import NAME

ITEM_FILES = ("ar.jsonl", "en.jsonl", "fr.jsonl")


def write_template(name: str, folder: Path, *, today: datetime.date) -> Path:
    """Write a new protocol and return the path of its TOML file.

    Args:
        name: Short name of the exercise.
        folder: Where to write; it is made if it is missing.
        today: Becomes `created`.

    Raises:
        InputError: The name is no short name, a file is already there, or the folder cannot be written.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name[:100]!r} is no short name",
            next_step=(
                "Use lower-case letters, digits and hyphens, at most 80, such as `general-knowledge-2026`."
            ),
        )
    template = resources.files("consilience.evaluation").joinpath("template")
    text = template.joinpath("protocol.toml").read_text(encoding="utf-8")
    files = {folder / "protocol.toml": text.replace("@NAME@", name).replace("@TODAY@", today.isoformat())}
    for file in ITEM_FILES:
        files[folder / "items" / file] = template.joinpath("items", file).read_text(encoding="utf-8")
    existing = next((path for path in files if path.exists() or path.is_symlink()), None)
    if existing is not None:
        raise InputError(
            "the file is already there",
            where=Where(file=str(existing)),
            next_step="Give another `--folder`; nothing was written.",
        )
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(content)
    except OSError as error:
        raise InputError(
            f"the folder cannot be written: {error.strerror}",
            where=Where(file=str(folder)),
            next_step="Give another `--folder`.",
        ) from error
    return folder / "protocol.toml"
