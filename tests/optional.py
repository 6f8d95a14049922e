"""Modules that are not part of the core: absent outside CI a test skips with the reason; in CI that fails."""

from __future__ import annotations

import importlib
import importlib.util
import os
from types import ModuleType
from typing import NoReturn

import pytest


def optional(name: str) -> ModuleType:
    """Return a module of the extras, or skip the test that asks for it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        _missing(name, error.msg)


def installed(name: str) -> None:
    """Skip the test where a module of the extras is not installed; it is not imported."""
    if importlib.util.find_spec(name) is None:
        _missing(name, "not found")


def _missing(name: str, why: str) -> NoReturn:
    reason = f"{name} is not installed ({why}); `make extras` installs it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
