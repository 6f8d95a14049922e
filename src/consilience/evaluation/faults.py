"""Mistakes in input files, collected so that a person sees up to twenty at once instead of one after the
other.

Pure. Invariant: a fault names the file, and the line where it is known; texts of items are never repeated in
it.
"""

from __future__ import annotations

import re

import msgspec

from consilience.errors import ConsilienceError, InputError, LimitError, Where

MAX_SHOWN = 20
MAX_COUNTED = 1_000
"""Reading a file stops at so many mistakes."""


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def without_control(text: str) -> str:
    """Return a text whose control characters are replaced, so that a terminal can show what a file holds."""
    return _CONTROL.sub("\ufffd", text)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake."""

    where: Where
    message: str
    next_step: str = ""
    is_limit: bool = False
    """A documented limit was passed."""


class Faults:
    """A list of mistakes that stops growing at `MAX_SHOWN` and keeps counting."""

    def __init__(self) -> None:
        self.shown: list[Fault] = []
        self.count = 0

    def add(self, where: Where, message: str, next_step: str = "", *, is_limit: bool = False) -> None:
        """Note a mistake."""
        self.count += 1
        if len(self.shown) < MAX_SHOWN:
            fault = Fault(
                where=where,
                message=without_control(message),
                next_step=without_control(next_step),
                is_limit=is_limit,
            )
            self.shown.append(fault)

    def take(self, error: ConsilienceError) -> None:
        """Note the mistake of an error that was raised."""
        where = error.where or Where()
        self.add(where, error.detail, error.next_step, is_limit=isinstance(error, LimitError))

    @property
    def is_full(self) -> bool:
        """Whether there is no use in looking for more."""
        return self.count >= MAX_COUNTED

    def error(self) -> ConsilienceError | None:
        """Return one error that tells all of them, or None where there are none."""
        if not self.shown:
            return None
        kind = LimitError if all(fault.is_limit for fault in self.shown) else InputError
        first = self.shown[0]
        if self.count == 1:
            return kind(first.message, where=first.where, next_step=first.next_step)
        lines = [f"{self.count} mistakes:"]
        for fault in self.shown:
            step = f" {fault.next_step}" if fault.next_step else ""
            lines.append(f"  {fault.where}: {fault.message}.{step}")
        if self.count > len(self.shown):
            lines.append(f"  and {self.count - len(self.shown)} more")
        return kind(
            "\n".join(lines), where=first.where, next_step="Correct them and run the same command again."
        )

    def raise_any(self) -> None:
        """Raise the error of all mistakes, if there are any.

        Raises:
            InputError: There are mistakes (LimitError where all of them are passed limits).
        """
        error = self.error()
        if error is not None:
            raise error
