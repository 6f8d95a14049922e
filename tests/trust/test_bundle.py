"""Bundles: equal content has equal bytes, and what the verifier would refuse is not written."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from tests.trust import bundles

import consilience_verifier
from consilience.errors import LimitError
from consilience.records.canonical import digest
from consilience.trust import bundle


def test_equal_content_has_equal_bytes(tmp_path: Path) -> None:
    files = {}
    for content in (b"first", b"second"):
        files[digest(content)] = tmp_path / content.decode()
        files[digest(content)].write_bytes(content)
    turned = dict(reversed(files.items()))
    assert bundles.archive(b"{}", files) == bundles.archive(b"{}", turned)


def test_files_that_the_verifier_would_refuse_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bundle.MAX_BUNDLE_BYTES == consilience_verifier.MAX_FILE_BYTES
    file = tmp_path / "large"
    file.write_bytes(b"x" * 99)
    monkeypatch.setattr(bundle, "MAX_BUNDLE_BYTES", 100)
    target = io.BytesIO()
    with pytest.raises(LimitError, match="together"):
        bundle.write_bundle(target, b"{}", {digest(b"x" * 99): file})
    assert target.getvalue() == b""
    bundle.write_bundle(target, b"", {digest(b"x" * 99): file})
