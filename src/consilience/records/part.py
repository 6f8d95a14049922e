"""Part: the base of every record and of everything inside a record.

Pure. Invariants:
- a part that exists is valid: constructors check the same constraints as the parser, and nothing can be
  changed;
- members of the document that this version does not know are kept in `unknown_json` and written out again.
"""

from __future__ import annotations

import functools
import typing
from typing import Any, cast

import msgspec

from consilience.errors import ConsilienceError
from consilience.records.canonical import canonical_bytes
from consilience.records.strict_json import read_json

UNKNOWN = "*"
"""Internal name of the field that holds unknown members. A document's own member `*` is an unknown member."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a record. Subclasses add fields and, in `check`, what their fields must be together."""

    unknown_json: str = msgspec.field(default="", name=UNKNOWN)
    """Unknown members as one canonical JSON object; empty for none."""

    def __post_init__(self) -> None:
        """Check every field and the whole.

        Raises:
            ValueError: A field, or the fields together, would be an illegal state (`msgspec.ValidationError`
                with path).
        """
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        checked = msgspec.convert(values, _twin(type(self)))
        for name, value in values.items():
            exact = getattr(checked, name)
            if exact is not value:
                msgspec.structs.force_setattr(self, name, exact)
        if self.unknown_json:
            self._check_unknown()
        self.check()

    def check(self) -> None:
        """Raise ValueError where the fields contradict each other."""

    def unknown_members(self) -> dict[str, Any]:
        """Return the members that this version does not know, in a new dictionary."""
        return cast("dict[str, Any]", read_json(self.unknown_json.encode())) if self.unknown_json else {}

    def _check_unknown(self) -> None:
        try:
            members = read_json(self.unknown_json.encode())
        except ConsilienceError as error:
            raise ValueError(f"unknown_json: {error.detail}") from error
        if not isinstance(members, dict) or canonical_bytes(members).decode() != self.unknown_json:
            raise ValueError("unknown_json is not the canonical form of a JSON object")
        if clash := known_names(type(self)) & members.keys():
            raise ValueError(f"unknown_json holds the known member {min(clash)!r}")


@functools.cache
def _twin(cls: type[Part]) -> type[msgspec.Struct]:
    """Return a struct with the same field types and no `__post_init__`: it does the checking."""
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = [(name, hints[name]) for name in cls.__struct_fields__]
    return msgspec.defstruct(f"{cls.__name__}Fields", fields, kw_only=True)


@functools.cache
def known_names(cls: type[Part]) -> frozenset[str]:
    """Return the names of the members that a document of this class may have, its tag included."""
    names = {field.encode_name for field in msgspec.structs.fields(cls)} - {UNKNOWN}
    tag_field = cls.__struct_config__.tag_field
    return frozenset(names | {tag_field} if tag_field else names)
