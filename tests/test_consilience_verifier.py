"""The small verifier: what is whole passes, and every attack on a bundle is named."""

from __future__ import annotations

import ast
import io
import json
import random
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import consilience_verifier
from consilience.records import record_bytes
from consilience.records.canonical import canonical_bytes, digest
from consilience.trust.bundle import NamedFile
from consilience.trust.checkpoint import COSIGNATURE_ED25519
from consilience.trust.envelope import Envelope, seal, statement
from consilience.trust.keyring import add, introduce, revoke
from consilience.trust.keys import Algorithm, PrivateKey
from consilience.trust.notes import NoteKey
from consilience.trust.signing import RECORD_PREDICATE, sign_record
from consilience_verifier import Outcome, UnreadableError, main, verify
from tests.records.examples import EXAMPLES
from tests.trust import bundles

KEY = bundles.FIRST.public.fingerprint
ROOT = Path(__file__).resolve().parent.parent
VECTOR = ROOT / "tests" / "vectors" / "evidence" / "claim.evidence"
WITHHELD = [one.digest for one in bundles.NAMED]
FIRST, SECOND, STRANGER, PARTY = bundles.FIRST, bundles.SECOND, bundles.STRANGER, bundles.PARTY


def checked(content: bytes, tmp_path: Path, **more: Any) -> Outcome:
    file = tmp_path / "a.evidence"
    file.write_bytes(content)
    return verify(file, **({"key": KEY, "witnesses": []} | more))


def failed(found: Outcome) -> list[str]:
    return [check.what for check in found.checks if check.state != "ok"]


def document_of(content: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return json.loads(archive.read("bundle.json"))


def test_a_whole_bundle_passes(tmp_path: Path) -> None:
    keys = bundles.witness_keys()
    found = checked(bundles.bundle(), tmp_path, witnesses=list(keys.values()))
    assert found.ok, found.checks
    assert found.record == json.loads(bundles.RECORD)
    assert found.facts == {
        "log": bundles.ORIGIN, "size": 8, "position": 4, "first_key": KEY, "digest": digest(bundles.RECORD),
        "signed_by": PARTY, "cosigned": dict.fromkeys(keys, bundles.AT), "withheld": WITHHELD,
    }  # fmt: skip


def test_the_published_vector_passes_and_is_made_anew_with_the_same_bytes(tmp_path: Path) -> None:
    """Without an ML-DSA signature, of which every one is another."""
    assert checked(VECTOR.read_bytes(), tmp_path).ok
    assert VECTOR.read_bytes() == bundles.bundle(cosigned=False)


def test_it_is_short_and_imports_nothing_of_the_rest() -> None:
    source = (ROOT / "src" / "consilience_verifier.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 400
    names = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert names - sys.stdlib_module_names == {"cryptography", "rfc8785"}


def test_without_a_key_nobody_is_named(tmp_path: Path) -> None:
    found = checked(bundles.bundle(), tmp_path, key=None)
    assert not found.ok
    assert [(check.what, check.state) for check in found.checks if check.state != "ok"] == [
        ("party", "not made")
    ]
    assert failed(checked(bundles.bundle(), tmp_path, key=SECOND.public.fingerprint)) == ["party"]


def test_witnesses_count_by_name(tmp_path: Path) -> None:
    south, east = bundles.witness_keys().values()
    whole, alone = bundles.bundle(), bundles.bundle(cosigned=False)
    assert failed(checked(alone, tmp_path, witnesses=[south])) == ["witnesses"]
    assert checked(whole, tmp_path, witnesses=[south, east], quorum=2).ok
    assert failed(checked(whole, tmp_path, witnesses=[south, east], quorum=3)) == ["witnesses"]
    stranger = str(NoteKey("west.example/witness", COSIGNATURE_ED25519, STRANGER.public))
    assert failed(checked(whole, tmp_path, witnesses=[south, stranger])) == ["witnesses"]
    assert checked(whole, tmp_path, witnesses=[south, stranger], quorum=1).ok


def changed_log(place: int, envelope: Envelope) -> list[Envelope]:
    log = bundles.entries()
    log[place] = envelope
    return log


def test_a_record_signed_by_a_revoked_key_is_refused(tmp_path: Path) -> None:
    content = bundles.bundle(changed_log(4, sign_record(bundles.RECORD, [FIRST])))
    assert failed(checked(content, tmp_path)) == ["record"]


def test_leaving_out_a_revocation_does_not_help_with_the_head(tmp_path: Path) -> None:
    content = bundles.bundle(about=(0, 2), head_key=FIRST)
    assert checked(content, tmp_path).ok, "inclusion proofs cannot show that nothing is missing"


@pytest.mark.parametrize(
    ("log", "what"),
    [
        (changed_log(0, introduce(PARTY, STRANGER)), "keys"),
        (changed_log(2, add(PARTY, SECOND, by=STRANGER)), "keys"),
        (changed_log(2, seal(add(PARTY, SECOND, by=FIRST).content, [FIRST])), "keys"),
        (changed_log(3, revoke(PARTY, FIRST.public, by=STRANGER)), "keys"),
        (changed_log(2, add("party--00000000-0000-4000-8000-000000000002", SECOND, by=FIRST)), "keys"),
        (changed_log(4, sign_record(bundles.RECORD, [STRANGER])), "record"),
        (changed_log(4, seal(statement("claim--x", digest(b""), RECORD_PREDICATE, {}), [SECOND])), "record"),
        (
            changed_log(4, seal(statement("claim--x", digest(b"{}"), RECORD_PREDICATE, {}), [SECOND])),
            "record",
        ),
        (changed_log(4, seal(statement("claim--x", digest(b"{}"), "urn:x", {}), [SECOND])), "record"),
    ],
)
def test_entries_of_others_are_refused(tmp_path: Path, log: list[Envelope], what: str) -> None:
    found = checked(bundles.bundle(log), tmp_path)
    assert what in failed(found)
    assert found.record is None


def test_a_head_of_a_stranger_is_refused(tmp_path: Path) -> None:
    assert failed(checked(bundles.bundle(head_key=STRANGER), tmp_path)) == ["head"]
    assert failed(checked(bundles.bundle(head_key=FIRST), tmp_path)) == ["head"]


def test_keys_out_of_order_or_twice_are_refused(tmp_path: Path) -> None:
    for about in ((2, 0, 3), (0, 3, 2), (0, 0), (0, 2, 2), (2,)):
        assert "keys" in failed(checked(bundles.bundle(about=about), tmp_path))
    with pytest.raises(UnreadableError, match="no entries about keys"):
        checked(bundles.bundle(about=()), tmp_path)


def test_another_entry_is_not_the_record(tmp_path: Path) -> None:
    assert failed(checked(bundles.bundle(position=2), tmp_path)) == ["record"]


def test_files_are_held_against_their_digests(tmp_path: Path) -> None:
    file = tmp_path / "scores"
    file.write_bytes(b"scores")
    right, wrong = digest(b"scores"), digest(b"other")
    good = bundles.bundle(evidence=(*bundles.NAMED, NamedFile(right, 6, "scores")), files={right: file})
    assert checked(good, tmp_path).ok
    assert checked(good, tmp_path).facts["withheld"] == WITHHELD
    bad = bundles.bundle(evidence=(*bundles.NAMED, NamedFile(wrong, 6)), files={wrong: file})
    assert failed(checked(bad, tmp_path)) == ["evidence"]
    assert failed(checked(bundles.bundle(evidence=()), tmp_path)) == ["evidence"]


def changed(document: Any, rng: random.Random) -> Any:
    """Return the document with one leaf of it changed."""
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            if isinstance(inner, dict | list):
                walk(inner)
            else:
                places.append((value, name))

    walk(document)
    holder, name = rng.choice(places)
    value = holder[name]
    if isinstance(value, int):
        holder[name] = value + rng.choice([-1, 1, 2**31])
    else:
        place = rng.randrange(len(value))
        letter = rng.choice([c for c in "Aa1/" if c != value[place]])
        holder[name] = value[:place] + letter + value[place + 1 :]
    return document


@given(st.integers(0, 2**32))
def test_any_changed_leaf_is_noticed(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    document = changed(document_of(bundles.bundle()), random.Random(seed))
    content = bundles.archive(canonical_bytes(document), {})
    witnesses = list(bundles.witness_keys().values())
    try:
        found = checked(content, tmp_path_factory.mktemp("bundle"), witnesses=witnesses)
    except UnreadableError:
        return
    assert not found.ok


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("bundle")
    with pytest.raises(UnreadableError):
        checked(content, folder)
    with pytest.raises(UnreadableError):
        checked(bundles.archive(content, {}), folder)


def zipped(*names: str, method: int = zipfile.ZIP_STORED, content: bytes = b"{}") -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", method) as archive:
        warnings.simplefilter("ignore")  # of a name that stands there twice, which is the point
        for name in names:
            archive.writestr(name, content)
    return target.getvalue()


def test_the_archive_has_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (
        zipped("other"), zipped("bundle.json", "bundle.json"),
        zipped("bundle.json", method=zipfile.ZIP_DEFLATED, content=b" " * 10_000),
        zipped("bundle.json", *(f"evidence/{n}" for n in range(1_001))),
        zipped("bundle.json", content=b'{"a":1,"a":2}'), zipped("bundle.json", content=b'{"format":NaN}'),
        zipped("bundle.json", content=b"[" * 100_000),
    ):  # fmt: skip
        with pytest.raises(UnreadableError):
            checked(content, tmp_path)
    monkeypatch.setattr(consilience_verifier, "MAX_DOCUMENT_BYTES", 100)
    with pytest.raises(UnreadableError, match="too large"):
        checked(bundles.bundle(), tmp_path)
    monkeypatch.setattr(consilience_verifier, "MAX_FILE_BYTES", 100)
    with pytest.raises(UnreadableError, match="too large"):
        checked(zipped("bundle.json", content=b" " * 99), tmp_path) if False else checked(
            bundles.bundle(), tmp_path
        )


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.evidence"
    file.write_bytes(bundles.bundle())
    south = bundles.witness_keys()["south.example/witness"]
    assert main([str(file), "--key", KEY, "--witness", south]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    assert found["record"] == json.loads(bundles.RECORD)
    assert main([str(file)]) == 1
    file.write_bytes(b"no bundle")
    assert main([str(file)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_the_record_of_every_kind_passes(tmp_path: Path) -> None:
    for kind, record in EXAMPLES.items():
        if kind == "party":
            continue  # the example is of another party
        named = tuple(NamedFile(name, None) for name in json.loads(record_bytes(record)).get("evidence", []))
        log = changed_log(4, sign_record(record_bytes(record), [SECOND]))
        assert checked(bundles.bundle(log, evidence=named), tmp_path).ok


def test_a_record_of_another_party_and_a_log_of_another_name_are_refused(tmp_path: Path) -> None:
    log = changed_log(4, sign_record(record_bytes(EXAMPLES["party"]), [SECOND]))
    other = json.loads(record_bytes(EXAMPLES["subject"])) | {"created_by": bundles.PARTY[:-1] + "0"}
    if EXAMPLES["party"].created_by != PARTY:
        assert failed(checked(bundles.bundle(log), tmp_path)) == ["record"]
    log = changed_log(4, sign_record(canonical_bytes(other), [SECOND]))
    assert failed(checked(bundles.bundle(log), tmp_path)) == ["record"]
    assert failed(checked(bundles.bundle(origin="north.example/log", cosigned=False), tmp_path)) == ["head"]


def test_where_a_second_algorithm_counts_it_must_have_signed(tmp_path: Path) -> None:
    quantum = PrivateKey.from_seed(b"7" * 32, Algorithm.ML_DSA_44)
    log = [introduce(PARTY, SECOND), add(PARTY, quantum, by=SECOND), sign_record(bundles.RECORD, [SECOND])]
    made = {"about": (0, 1), "position": 2, "cosigned": False}
    key = SECOND.public.fingerprint
    assert failed(checked(bundles.bundle(log, **made), tmp_path, key=key)) == ["head", "record"]
    log[2] = sign_record(bundles.RECORD, [SECOND, quantum])
    assert failed(checked(bundles.bundle(log, **made), tmp_path, key=key)) == ["head"]
    assert checked(bundles.bundle(log, second=quantum, **made), tmp_path, key=key).ok


def test_hostile_values_are_no_traceback(tmp_path: Path) -> None:
    subject = json.loads(record_bytes(EXAMPLES["subject"]))
    for evidence in (5, None, {}, "x"):
        content = canonical_bytes(subject | {"evidence": evidence})
        log = changed_log(4, seal(statement(subject["id"], digest(content), RECORD_PREDICATE,
                                            subject | {"evidence": evidence}), [SECOND]))  # fmt: skip
        with pytest.raises(UnreadableError):
            checked(bundles.bundle(log), tmp_path)
    document = document_of(bundles.bundle())
    document["checkpoint"] = document["checkpoint"].replace("\n8\n", "\n99999999999999999999\n")
    with pytest.raises(UnreadableError):
        checked(bundles.archive(canonical_bytes(document), {}), tmp_path)
    with pytest.raises(UnreadableError, match="twice"):
        checked(bundles.bundle(evidence=(*bundles.NAMED, bundles.NAMED[0])), tmp_path)


def test_large_numbers_of_honest_records_are_read(tmp_path: Path) -> None:
    subject = json.loads(record_bytes(EXAMPLES["subject"])) | {"x_count": 1e20, "x_size": 2**53 - 1}
    log = changed_log(4, sign_record(canonical_bytes(subject), [SECOND]))
    assert checked(bundles.bundle(log, evidence=()), tmp_path).ok


def test_who_is_no_witness(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    south, _ = bundles.witness_keys().values()
    twice = "again." + south
    own = str(NoteKey("own.example/w", COSIGNATURE_ED25519, SECOND.public))
    log = str(NoteKey(bundles.ORIGIN, COSIGNATURE_ED25519, STRANGER.public))
    for wrong in ([south, twice], [own], [log]):
        with pytest.raises(UnreadableError, match="witness"):
            checked(bundles.bundle(), tmp_path, witnesses=wrong)
    for number in ("0", "-1"):
        with pytest.raises(SystemExit):
            main([str(tmp_path / "a.evidence"), "--quorum", number])
    capsys.readouterr()
