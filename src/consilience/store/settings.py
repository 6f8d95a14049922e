"""The settings of a node: from a flag, else a `CONSILIENCE_*` variable, else `node.toml`, else a default.

Invariant: settings that exist are valid; an unknown key is refused, so that a misspelt one is not silently
without effect.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from consilience.errors import InputError, LimitError, Where
from consilience.records.fields import Line, PartyId
from consilience.records.kinds import Party, PartyType
from consilience.records.marking import Marking

MAX_SETTINGS_BYTES = 65_536


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a node. `party`, `party_id` and `party_type` are fixed when the node is made."""

    party: Line
    """Name of the party whose node this is."""
    party_id: PartyId
    party_type: PartyType = PartyType.INSTITUTE
    marking: Marking = Marking.AMBER_STRICT
    """Marking of new records where nothing else is said."""
    evidence_limit_mb: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 4_096
    """The largest evidence file, in MiB."""
    busy_timeout_s: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 30.0
    """How long a writer waits for another, in seconds."""


FROM_ENVIRONMENT = {
    "marking": "CONSILIENCE_MARKING",
    "evidence_limit_mb": "CONSILIENCE_EVIDENCE_LIMIT_MB",
    "busy_timeout_s": "CONSILIENCE_BUSY_TIMEOUT_S",
}
"""Setting → variable. Who the party is cannot be changed by a variable."""


def read_settings(file: Path, *, flags: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Return the settings of a node.

    Args:
        file: Its `node.toml`.
        flags: Setting → value from the command line; None where a flag was not given.
        environment: Variable → text.

    Raises:
        InputError: The file is no TOML, or a setting is unknown or has a wrong value.
        LimitError: The file is larger than `MAX_SETTINGS_BYTES`.
    """
    values = _read_toml(file)
    sources = dict.fromkeys(values, str(file))
    for name, variable in FROM_ENVIRONMENT.items():
        if text := environment.get(variable):
            values[name], sources[name] = _from_text(name, text), variable
    for name, value in flags.items():
        if value is not None:
            values[name], sources[name] = value, "--" + name.replace("_", "-")
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        name = place.rstrip("`")
        raise InputError(
            f"a setting is wrong: {message}",
            where=Where(file=sources.get(name, str(file)), path=name or None),
            next_step="docs/reference/settings.md lists the settings and their values.",
        ) from error


def write_settings(file: Path, party: Party) -> None:
    """Write the settings of a new node, whole or not at all.

    Args:
        file: The `node.toml` to be.
        party: Whose node it is.

    Raises:
        OSError: The file cannot be written.
    """
    name = msgspec.json.encode(party.name).decode()  # a JSON string is a TOML basic string
    new = file.with_name(f"{file.name}.{os.getpid()}")
    with new.open("w", encoding="utf-8") as stream:
        stream.write(
            "# Settings of this node. Flags and CONSILIENCE_* variables go before this file.\n"
            f"party = {name}\n"
            f'party_id = "{party.id}"\n'
            f'party_type = "{party.party_type}"\n'
            f'marking = "{Marking.AMBER_STRICT}"\n'
        )
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _from_text(name: str, text: str) -> Any:
    """Return what a variable's text means: numbers where the setting is one, else the text."""
    kind = {"evidence_limit_mb": int, "busy_timeout_s": float}.get(name, str)
    try:
        return kind(text)
    except ValueError:
        return text  # refused with its source by the caller


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_SETTINGS_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"the settings cannot be read: {error.strerror}", where=Where(file=str(file))
        ) from error
    if len(content) > MAX_SETTINGS_BYTES:
        raise LimitError(
            f"the settings have more than {MAX_SETTINGS_BYTES} bytes", where=Where(file=str(file))
        )
    try:
        return tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            f"the settings are not TOML: {error}", where=Where(file=str(file)), next_step="Correct the file."
        ) from error
