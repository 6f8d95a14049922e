from __future__ import annotations

import tomllib
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given
from tests.records.examples import LABORATORY, NOW

from consilience.errors import InputError, LimitError
from consilience.records import Marking, new_own_party
from consilience.records.fields import Line
from consilience.records.kinds import PartyType
from consilience.store.settings import MAX_SETTINGS_BYTES, Settings, read_settings, write_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_settings(tmp_path / "node.toml", LABORATORY)
    return tmp_path / "node.toml"


def test_what_was_written_is_read(file: Path) -> None:
    settings = read_settings(file, flags={}, environment={})
    assert settings == Settings(party=LABORATORY.name, party_id=LABORATORY.id, party_type=PartyType.INSTITUTE)
    assert settings.marking is Marking.AMBER_STRICT
    assert [path.name for path in file.parent.iterdir()] == ["node.toml"]


@given(name=st.text(min_size=1, max_size=60))
def test_any_good_name_survives(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    try:
        msgspec.convert(name, Line)
        name.encode()
    except ValueError:
        return
    party = new_own_party(name, party_type=PartyType.NGO, now=NOW)
    file = tmp_path_factory.mktemp("node") / "node.toml"
    write_settings(file, party)
    settings = read_settings(file, flags={}, environment={})
    assert (settings.party, settings.party_id, settings.party_type) == (name, party.id, PartyType.NGO)


def test_a_flag_goes_before_a_variable_before_the_file_before_the_default(file: Path) -> None:
    name = "evidence_limit_mb"
    environment: dict[str, str] = {}
    flags: dict[str, int | None] = {name: None}
    assert read_settings(file, flags=flags, environment=environment).evidence_limit_mb == 4_096
    with file.open("a") as stream:
        stream.write(f"{name} = 2\n")
    assert read_settings(file, flags=flags, environment=environment).evidence_limit_mb == 2
    environment["CONSILIENCE_EVIDENCE_LIMIT_MB"] = "3"
    assert read_settings(file, flags=flags, environment=environment).evidence_limit_mb == 3
    flags[name] = 4
    assert read_settings(file, flags=flags, environment=environment).evidence_limit_mb == 4


def test_all_variables(file: Path) -> None:
    environment = {
        "CONSILIENCE_MARKING": "TLP:GREEN",
        "CONSILIENCE_BUSY_TIMEOUT_S": "1.5",
        "CONSILIENCE_EVIDENCE_LIMIT_MB": "",
    }
    settings = read_settings(file, flags={}, environment=environment)
    assert (settings.marking, settings.busy_timeout_s, settings.evidence_limit_mb) == (
        Marking.GREEN,
        1.5,
        4_096,
    )


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"CONSILIENCE_MARKING": "TLP:PINK"}, "CONSILIENCE_MARKING"),
        ({"CONSILIENCE_EVIDENCE_LIMIT_MB": "much"}, "CONSILIENCE_EVIDENCE_LIMIT_MB"),
        ({"CONSILIENCE_EVIDENCE_LIMIT_MB": "0"}, "CONSILIENCE_EVIDENCE_LIMIT_MB"),
        ({"CONSILIENCE_EVIDENCE_LIMIT_MB": "1e3"}, "CONSILIENCE_EVIDENCE_LIMIT_MB"),
        ({"CONSILIENCE_BUSY_TIMEOUT_S": "nan"}, "CONSILIENCE_BUSY_TIMEOUT_S"),
        ({"CONSILIENCE_BUSY_TIMEOUT_S": "-1"}, "CONSILIENCE_BUSY_TIMEOUT_S"),
        ({"CONSILIENCE_BUSY_TIMEOUT_S": "inf"}, "CONSILIENCE_BUSY_TIMEOUT_S"),
    ],
)
def test_a_wrong_variable_is_named(file: Path, environment: dict[str, str], variable: str) -> None:
    with pytest.raises(InputError) as caught:
        read_settings(file, flags={}, environment=environment)
    assert caught.value.where.file == variable


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"party = ", "not TOML"),
        (b"party = '\xff'", "not TOML"),
        (b"[" * 5_000, "not TOML"),
        (b"", "party"),
        (b"party = 'A'\nparty_id = 'B'", "party_id|match"),
        (b"party = 3\nparty_id = 'B'", "str"),
    ],
)
def test_a_broken_file_is_told(file: Path, content: bytes, words: str) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_settings(file, flags={}, environment={})
    assert caught.value.where.file == str(file)


def test_a_misspelt_setting_is_refused(file: Path) -> None:
    with file.open("a") as stream:
        stream.write('markings = "TLP:CLEAR"\n')
    with pytest.raises(InputError, match="markings"):
        read_settings(file, flags={}, environment={})


def test_the_limit_of_the_file(file: Path) -> None:
    text = file.read_bytes()
    file.write_bytes(text + b"#" * (MAX_SETTINGS_BYTES - len(text)))
    read_settings(file, flags={}, environment={})
    file.write_bytes(text + b"#" * (MAX_SETTINGS_BYTES - len(text) + 1))
    with pytest.raises(LimitError):
        read_settings(file, flags={}, environment={})
    with pytest.raises(InputError, match="cannot be read"):
        read_settings(file.parent / "missing.toml", flags={}, environment={})


def test_the_written_file_is_plain_toml(file: Path) -> None:
    assert tomllib.loads(file.read_text())["party"] == LABORATORY.name
