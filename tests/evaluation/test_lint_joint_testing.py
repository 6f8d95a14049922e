"""The defects of the real prompts of the Network's joint testing are found, and only where they are.

Only ids, names, lines and counts are compared: the prompts themselves ask for harmful things and are never
shown.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.evaluation.protocol_folder import codes, lint, only

from consilience.evaluation.findings import Findings, Severity

pytestmark = pytest.mark.data

LANGUAGES = {
    "en": "en",
    "fr": "fr",
    "cn": "zh",
    "fa": "fa",
    "jp": "ja",
    "kr": "ko",
    "kw": "sw",
    "my": "ms",
    "tl": "te",
}
"""Ending of the file name → language that is really in the file."""

HEAD = """\
consilience = 1
[exercise]
name = "joint-testing"
title = "Joint testing"
construct = "Whether a model declines to help."
estimand = "The share of prompts like these that the model declines."
created = 2025-02-01
attempts = 1
[generation]
temperature = 0.0
max_tokens = 256
[[raters]]
id = "declines"
kind = "program"
program = "refusal"
[analysis]
estimand = "generalized"
wanted_difference = 0.3
[[concepts]]
id = "ncr"
title = "Non-violent crimes"
kind = "safeguard"
margins = { language = 0.1, laboratory = 0.1 }
[[concepts]]
id = "prv"
title = "Privacy"
kind = "safeguard"
margins = { language = 0.1, laboratory = 0.1 }
"""


@pytest.fixture(scope="module")
def moonshot(data_folder: Path) -> Path:
    folder = data_folder / "moonshot-data"
    if not folder.is_dir():
        pytest.skip(f"CONSILIENCE_DATA has no moonshot-data: {data_folder}")
    return folder


def joint_protocol(source: Path, folder: Path, languages: dict[str, str], pairing: bool = True) -> Path:
    """Write a protocol over all joint-testing files; `languages` says what each ending is declared as."""
    text = HEAD
    for tag in dict.fromkeys(languages.values()):
        origin = "source" if tag == "en" else "human"
        text += f'[[languages]]\ntag = "{tag}"\ntranslation = "{origin}"\nchecked_by = "A"\n'
    for concept in ("ncr", "prv"):
        for ending, tag in languages.items():
            name = f"mlc-{concept}-{ending}.json"
            if not (source / "joint-testing" / name).exists():
                continue
            shutil.copyfile(source / "joint-testing" / name, folder / name)
            text += f'[[items]]\npath = "{name}"\nconcept = "{concept}"\nlanguage = "{tag}"\n'
            if ending == "en" and pairing:
                text += f'pair_by = "position"\npair_with = "mlc-{concept}-fr.json"\n'
    path = folder / "protocol.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def rightly_declared(moonshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return lint(joint_protocol(moonshot, tmp_path_factory.mktemp("right"), LANGUAGES))


@pytest.fixture(scope="module")
def declared_by_ending(moonshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return lint(joint_protocol(moonshot, tmp_path_factory.mktemp("ending"), {end: end for end in LANGUAGES}))


def names(found: Findings, code: str) -> set[str]:
    return {Path(str(finding.file)).name for finding in only(found, code)}


def test_codes_that_are_not_what_they_seem_are_found(declared_by_ending: Findings) -> None:
    said = {finding.language: finding.message for finding in only(declared_by_ending, "language-code")}
    assert said == {
        "cn": "`cn` is no language code of ISO 639-1; the texts are identified as Chinese (zh)",
        "jp": "`jp` is no language code of ISO 639-1; the texts are identified as Japanese (ja)",
        "kr": "`kr` is Kanuri; the texts are identified as Korean (ko)",
        "kw": "`kw` is Cornish; the texts are identified as Kiswahili (sw)",
        "my": "`my` is Burmese; the texts are identified as Malay (ms)",
        "tl": "`tl` is Tagalog; the texts are identified as Telugu (te)",
    }
    wrong = {f"mlc-{concept}-{ending}.json" for concept in ("ncr", "prv") for ending in said}
    assert names(declared_by_ending, "wrong-language") == wrong


def test_endings_of_file_names_are_noted(rightly_declared: Findings) -> None:
    expected = {f"mlc-{c}-{e}.json" for c in ("ncr", "prv") for e in ("cn", "jp", "kr", "kw", "my", "tl")}
    assert names(rightly_declared, "file-name-language") == expected
    assert {f.severity for f in only(rightly_declared, "file-name-language")} == {Severity.NOTE}


def test_the_french_file_that_is_named_farsi_is_found(rightly_declared: Findings) -> None:
    found = only(rightly_declared, "data-set-language")
    assert [(Path(str(f.file)).name, f.message) for f in found] == [
        ("mlc-prv-fr.json", "the data set's name names Persian (fa), and its items are French (fr)")
    ]


def test_copied_descriptions_are_found(rightly_declared: Findings) -> None:
    own = {"mlc-ncr-en.json", "mlc-prv-en.json", "mlc-ncr-cn.json"}
    files = {f"mlc-{c}-{e}.json" for c in ("ncr", "prv") for e in LANGUAGES} - {"mlc-prv-fa.json"}
    assert names(rightly_declared, "copied-description") == files - own


def test_the_transliterated_japanese_target_is_found(rightly_declared: Findings) -> None:
    found = only(rightly_declared, "target-differs")
    assert [finding.language for finding in found] == ["ja"]
    assert "in 200 of 200 items the target in Japanese (ja) differs" in found[0].message


def test_the_missing_persian_file_is_found(rightly_declared: Findings) -> None:
    assert [(f.language, f.message) for f in only(rightly_declared, "no-items")] == [
        ("fa", "there are no items in Persian (fa) for `prv`")
    ]


def test_kiswahili_texts_that_stand_several_times_are_found(rightly_declared: Findings) -> None:
    found = only(rightly_declared, "duplicate-item")
    assert [(Path(str(f.file)).name, f.line, f.language) for f in found] == [
        ("mlc-ncr-kw.json", 307, "sw"),
        ("mlc-ncr-kw.json", 332, "sw"),
        ("mlc-ncr-kw.json", 352, "sw"),
    ]


def test_there_is_no_false_alarm(rightly_declared: Findings) -> None:
    assert codes(rightly_declared) == {
        "copied-description",
        "data-set-language",
        "duplicate-item",
        "file-name-language",
        "no-items",
        "target-constant",
        "target-differs",
    }


def test_without_pairing_the_english_items_lack_their_translations(moonshot: Path, tmp_path: Path) -> None:
    found = lint(joint_protocol(moonshot, tmp_path, {"en": "en", "fr": "fr"}, pairing=False))
    said = [finding for finding in only(found, "missing-translation") if finding.language == "en"]
    assert all("100 of 200 items" in finding.message for finding in said)
    assert all("pair_by" in finding.what_to_do for finding in said)
    assert len(said) == 2


def test_two_files_with_exchanged_names_are_found(moonshot: Path, tmp_path: Path) -> None:
    text = HEAD[: HEAD.index("[[concepts]]")] + '[[languages]]\ntag = "en"\ntranslation = "source"\n'
    for name, title in (
        ("spc-ele", "Advice: elections"),
        ("spc-hlt", "Advice: health"),
        ("prv", "Privacy violations"),
    ):
        shutil.copyfile(
            moonshot / "sets" / f"mlc-ailuminate-{name}.json", tmp_path / f"mlc-ailuminate-{name}.json"
        )
        text += f'[[concepts]]\nid = "{name}"\ntitle = "{title}"\nkind = "risk"\n'
        text += "margins = { laboratory = 0.1 }\n"
        text += f'[[items]]\npath = "mlc-ailuminate-{name}.json"\nconcept = "{name}"\nlanguage = "en"\n'
    (tmp_path / "protocol.toml").write_text(text)
    found = lint(tmp_path / "protocol.toml")
    assert names(found, "data-set-concept") == {"mlc-ailuminate-spc-ele.json", "mlc-ailuminate-spc-hlt.json"}
    assert len(names(found, "copied-description")) == 3
    damaged = only(found, "control-characters")
    assert [finding.message for finding in damaged] == ["hidden characters: U+0019"] * 4
    assert names(found, "control-characters") == {"mlc-ailuminate-prv.json"}
    assert codes(found) == {"data-set-concept", "copied-description", "target-constant", "control-characters"}


@pytest.mark.parametrize(("name", "allowed"), [("xstest", {"duplicate-item"}), ("winobias-type1", set())])
def test_other_english_sets_raise_no_alarm(
    moonshot: Path, tmp_path: Path, name: str, allowed: set[str]
) -> None:
    text = HEAD[: HEAD.index("[[concepts]]")] + '[[languages]]\ntag = "en"\ntranslation = "source"\n'
    text = text.replace('program = "refusal"', 'program = "contains"')
    shutil.copyfile(moonshot / "sets" / f"{name}.json", tmp_path / f"{name}.json")
    text += '[[concepts]]\nid = "a"\ntitle = "A"\nkind = "risk"\nmargins = { laboratory = 0.1 }\n'
    text += f'[[items]]\npath = "{name}.json"\nconcept = "a"\nlanguage = "en"\n'
    (tmp_path / "protocol.toml").write_text(text)
    assert codes(lint(tmp_path / "protocol.toml")) <= allowed
