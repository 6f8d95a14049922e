"""Modules that are not part of the core: absent outside CI a test skips with the reason; in CI that fails."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import pytest


def optional(name: str) -> ModuleType:
    """Return a module of the extras, or skip the test that asks for it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        reason = f"{name} is not installed ({error.msg}); `make extras` installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
