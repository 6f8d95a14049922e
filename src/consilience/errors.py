"""The one exception tree, and the one shape in which a problem is shown (RFC 9457).

Every error says what happened (`detail`), where (`where`) and what to do next (`next_step`).
The command line prints the three; `--json` and the HTTP interface send them as one problem document.
Programming errors are not in this tree: they stay what Python raises.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

PROBLEM_PREFIX = "urn:consilience:problem:"


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the input. `line` and `offset` count from 1; None means that the place is not known."""

    file: str | None = None
    line: int | None = None
    offset: int | None = None
    path: str | None = None
    """Path of the value inside the document, such as `concepts[0].id`."""

    def __str__(self) -> str:
        parts = [self.file or ""]
        if self.line is not None:
            parts.append(f"line {self.line}")
        if self.offset is not None:
            parts.append(f"byte {self.offset}")
        if self.path:
            parts.append(self.path)
        return ", ".join(part for part in parts if part)


class ConsilienceError(Exception):
    """Base of all errors that a user can meet.

    Attributes:
        slug: Last part of the problem type URI.
        title: Short name of the kind of problem, the same for every occurrence.
        exit_code: Of the command line: 1 finding, 2 usage, 3 partner or network, 4 refused by policy.
        status: HTTP status of the same problem.
    """

    slug: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"
    exit_code: ClassVar[int] = 1
    status: ClassVar[int] = 500

    def __init__(self, detail: str, *, where: Where | None = None, next_step: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where and str(self.where) else ""
        step = f"\n  {self.next_step}" if self.next_step else ""
        return f"{place}{self.detail}{step}"

    def problem(self) -> dict[str, Any]:
        """Return the problem document (RFC 9457, section 3); `where` and `next_step` are extensions."""
        document: dict[str, Any] = {
            "type": PROBLEM_PREFIX + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "exit_code": self.exit_code,
        }
        if self.where:
            document["where"] = {k: v for k, v in msgspec.to_builtins(self.where).items() if v is not None}
        if self.next_step:
            document["next_step"] = self.next_step
        return document


class FindingError(ConsilienceError):
    """The command worked and found something wrong in what it was given to judge."""

    slug, title, exit_code, status = "finding", "A finding", 1, 422


class VerificationError(FindingError):
    """Bytes do not match their digest or signature."""

    slug, title, exit_code, status = "verification", "Verification failed", 1, 422


class InputError(ConsilienceError):
    """An argument or a file cannot be read as what it should be."""

    slug, title, exit_code, status = "input", "The input cannot be used", 2, 400


class UsageError(InputError):
    """The words of a command cannot be read: an unknown verb or option, a missing argument."""

    slug, title, exit_code, status = "usage", "The command cannot be read", 2, 400


class LimitError(InputError):
    """An input is larger, deeper or longer than the documented limit."""

    slug, title, exit_code, status = "limit", "A limit was passed", 2, 413


class IncompatibleError(InputError):
    """Inputs that do not belong together (another protocol, the same laboratory twice, a changed item)."""

    slug, title, exit_code, status = "incompatible", "The inputs do not belong together", 2, 409


class NotFoundError(InputError):
    """What was named is not there."""

    slug, title, exit_code, status = "not-found", "Not found", 2, 404


class MissingExtraError(InputError):
    """An optional part of the software is needed and not installed."""

    slug, title, exit_code, status = "missing-extra", "An optional part is not installed", 2, 501


class StoreError(ConsilienceError):
    """The node's store cannot be read or written."""

    slug, title, exit_code, status = "store", "The store failed", 1, 500


class PartnerError(ConsilienceError):
    """A model endpoint, a partner node or the network did not do its part."""

    slug, title, exit_code, status = "partner", "A partner or the network failed", 3, 502


class PolicyError(ConsilienceError):
    """Refused by a marking, a grant or another rule of the node."""

    slug, title, exit_code, status = "policy", "Refused by policy", 4, 403
