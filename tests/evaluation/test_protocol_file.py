"""Reading protocols: what is right comes out whole, what is wrong is told with file and line, many mistakes
at once.
"""

from __future__ import annotations

import datetime
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.protocol_folder import NOW, TOML, clean_items, edit, jsonl, read, write

from consilience.errors import ConsilienceError, InputError, LimitError, NotFoundError, Where
from consilience.evaluation import protocol_rules
from consilience.evaluation.protocol import ConceptKind, Item, RaterKind, Split, Translation
from consilience.evaluation.protocol_file import (
    MAX_PROTOCOL_BYTES,
    MAX_TEXT_FILE_BYTES,
    load_protocol,
    parse_toml,
    read_protocol,
)
from consilience.evaluation.protocol_form import schema


def refused(folder: Path, toml: str, *, items: str | bytes | None = None) -> ConsilienceError:
    with pytest.raises(InputError) as caught:
        read(write(folder, toml, items=items))
    return caught.value


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_protocol_comes_out_whole(tmp_path: Path) -> None:
    source = read(write(tmp_path))
    protocol = source.protocol
    assert (protocol.name, protocol.created, protocol.attempts) == ("small", "2026-02-01", 2)
    assert protocol.concepts[0].kind is ConceptKind.CAPABILITY
    assert protocol.concepts[0].margins.language == 0.1
    assert [(row.tag, row.translation) for row in protocol.languages] == [
        ("en", Translation.SOURCE),
        ("fr", Translation.HUMAN),
    ]
    assert len(protocol.items) == 24
    assert protocol.items[0] == Item(
        id="red",
        language="en",
        concept="knowledge",
        prompt="Which colour do you get when nothing but rubies light the room?",
        target="red",
    )
    assert protocol.raters[0].kind is RaterKind.PROGRAM
    place = source.places["red", "fr"]
    assert (place.file, place.line) == (str(tmp_path / "items.jsonl"), 2)
    assert source.line("analysis", "wanted_difference") == line_of(TOML, "wanted_difference")


def test_loading_uses_the_clock(tmp_path: Path) -> None:
    assert load_protocol(write(tmp_path)).name == "small"
    tomorrow = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)).date()
    write(tmp_path, TOML.replace("2026-02-01", tomorrow.isoformat()))
    with pytest.raises(InputError, match="future"):
        load_protocol(tmp_path / "protocol.toml")


@pytest.mark.parametrize(
    ("old", "new", "words", "step"),
    [
        ('title = "Small"', 'titel = "Small"', "unknown key `titel` in `exercise`", "Did you mean `title`?"),
        ("[analysis]", "[analysys]", "unknown key `analysys`", "Did you mean `analysis`?"),
        ("language = 0.1", "languages = 0.1", "unknown key `languages`", "Did you mean `language`?"),
        ("attempts = 2", 'attempts = "2"', "expected an integer, got text", ""),
        ("attempts = 2", "attempts = 0", "must lie between 1 and 10000", "in this range"),
        ("attempts = 2", "attempts = 100000000", "is 100000000; it must lie", ""),
        ("temperature = 0.7", "temperature = nan", "not a number that can be used", "finite"),
        ("temperature = 0.7", "temperature = -inf", "not a number that can be used", "finite"),
        ("temperature = 0.7", "temperature = 99999999999999999999", "larger than 2^53", ""),
        ("language = 0.1", "language = -0.1", "must be greater than 0", ""),
        ('kind = "capability"', 'kind = "ability"', "`kind` cannot be `ability`", "capability, safeguard"),
        ('tag = "fr"', 'tag = "FR"', "no language tag", "BCP 47"),
        ('tag = "fr"', 'tag = "en"', "stands twice", ""),
        ('name = "small"', 'name = "Not a Name"', "not a short name", "lower-case"),
        ("created = 2026-02-01", "created = 2026-03-03", "lies in the future", "clock"),
        ("created = 2026-02-01", 'created = "soon"', "no date", ""),
        ('title = "Small"', 'title = "Small"\nhandling = "TLP:WHITE"', "no marking", ""),
        ('program = "contains"', 'program = "contain"', "`program` cannot be `contain`", "exact, choice"),
        ('program = "contains"', "", "names no `program`", ""),
        ('program = "contains"', 'program = "regex"', "has no pattern", ""),
        ('program = "contains"', "program = 'regex'\noptions = { pattern = '(' }", "cannot be read", ""),
        (
            'program = "contains"',
            'program = "contains"\nconcepts = ["knowlege"]',
            "no concept `knowlege`",
            "Did you mean",
        ),
        (
            'title = "Knowledge"',
            'title = "Knowledge"\nrater = "say-it"',
            "no rater of the concept",
            "Did you mean",
        ),
        ("wanted_difference = 0.8", "confidence_level = 95", "must lie between", ""),
        ("wanted_difference = 0.8", "wanted_difference = 1e-300", "must lie between", ""),
        ('path = "items.jsonl"', 'path = "../items.jsonl"', "leads out of the protocol's folder", "beside"),
        ('path = "items.jsonl"', 'path = "no.jsonl"', "there is no file", ""),
        ('path = "items.jsonl"', 'path = "protocol.toml"', "format", "format ="),
        ("max_tokens = 32", 'max_tokens = 32\nsystem_prompt_file = "/etc/passwd"', "leads out", ""),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, words: str, step: str) -> None:
    assert old in TOML
    toml = TOML.replace(old, new, 1)
    error = refused(tmp_path, toml)
    assert words in error.detail
    assert step in error.next_step
    assert error.where is not None
    assert error.where.file == str(tmp_path / "protocol.toml")
    changed = next(
        (
            n
            for n, (left, right) in enumerate(zip(TOML.split("\n"), toml.split("\n"), strict=False), 1)
            if left != right
        )
    )
    near = (
        range(changed - 3, changed + 2)
        if not new or "regex'" in new or new.endswith('"regex"')
        else (
            changed,
            changed + 1,
        )
    )
    assert error.where.line in near


def test_many_mistakes_are_told_together(tmp_path: Path) -> None:
    toml = (
        TOML.replace('title = "Small"', 'titel = "Small"')
        .replace("0.7", '"hot"')
        .replace("max_tokens", "tokens")
    )
    toml = toml.replace('estimand = "generalized"', 'estimand = "all"')
    error = refused(tmp_path, toml)
    assert error.detail.startswith("4 mistakes:")
    for part in ("titel", '"hot"', "tokens", '"all"'):
        assert f"line {line_of(toml, part)}" in error.detail
    lines = [int(line.split("line ")[1].split(",")[0].split(":")[0]) for line in error.detail.split("\n")[1:]]
    assert lines == sorted(lines)


def test_no_more_than_twenty_are_shown(tmp_path: Path) -> None:
    error = refused(tmp_path, TOML + "".join(f"key{n} = 1\n" for n in range(50)))
    assert error.detail.startswith("50 mistakes:")
    assert error.detail.count("unknown key") == 20
    assert "and 30 more" in error.detail


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a = 1\nb = \n", 2, "no TOML"),
        ("a = 1\na = 2\n", 2, "no TOML"),
        ('a = "x\n', 1, "no TOML"),
        ("a = [1,\n", 2, "no TOML"),
        ("a = 1979-99-99\n", 1, "no TOML"),
        ("a = " + "9" * 5_000, None, "cannot be read"),
        ("a = " + "[" * 50_000, None, "nested too deeply"),
        ("x = 1\n" + "a." * 100_000 + "a = 1", 2, "parts or more"),
        ("x = 1\n" + '"a" . ' * 100_000 + "a = 1", 2, "parts or more"),
        ("[" + "a." * 100_000 + "a]", 1, "parts or more"),
    ],
)
def test_broken_toml_is_told_quickly(text: str, line: int | None, words: str) -> None:
    started = time.process_time()
    with pytest.raises(InputError, match=words) as caught:
        parse_toml(text, "p.toml")
    assert caught.value.where == Where(file="p.toml", line=line)
    assert time.process_time() - started < 5


def test_a_deep_table_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, TOML + "[" + ".".join("abcdefghijklmnopqrst") + "]\n")
    assert "nested deeper than 16" in error.detail


def test_a_protocol_has_a_size_limit(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="larger than"):
        read(write(tmp_path, TOML + "#" * MAX_PROTOCOL_BYTES))


def test_a_protocol_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such protocol"):
        read_protocol(tmp_path, now=NOW)


def test_invalid_utf8_names_line_and_byte(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(TOML.encode().replace(b"Small", b"Sm\xffll"))
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.where is not None
    assert caught.value.where.line == line_of(TOML, "Small")
    assert caught.value.where.offset == TOML.encode().index(b"Small") + 3


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_text(jsonl(clean_items()))
    path = write(tmp_path / "plan")
    (tmp_path / "plan" / "items.jsonl").unlink()
    (tmp_path / "plan" / "items.jsonl").symlink_to(secret)
    with pytest.raises(InputError, match="leads out of the protocol's folder"):
        read(path)
    (tmp_path / "plan" / "items.jsonl").unlink()
    (tmp_path / "plan" / "items.jsonl").symlink_to("real.jsonl")
    (tmp_path / "plan" / "real.jsonl").write_text(jsonl(clean_items()))
    assert len(read(path).protocol.items) == 24


@pytest.mark.parametrize("name", ["/etc/passwd", "a/../../x", "a\\\\b", "", "x\\u0000"])
def test_strange_paths_are_refused(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, TOML.replace("items.jsonl", name))
    assert "leads out" in error.detail


def test_a_folder_or_a_pipe_is_no_item_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name in (".", "pipe.jsonl"):
        assert "there is no file" in refused(tmp_path, TOML.replace("items.jsonl", name)).detail


def test_control_characters_of_a_file_do_not_reach_the_terminal(tmp_path: Path) -> None:
    error = refused(tmp_path, TOML.replace('title = "Small"', 'title = "Small"\nhandling = "\\u001b[31mred"'))
    assert "\x1b" not in str(error)
    assert "�[31mred" in str(error)


def with_files(folder: Path, files: dict[str, str], tables: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    return write(folder, TOML.replace('[[items]]\npath = "items.jsonl"\nconcept = "knowledge"', tables))


def ids(path: Path) -> list[tuple[str, str, str | None]]:
    return sorted((item.id, item.language, item.own_id) for item in read(path).protocol.items)


def test_translations_with_own_ids_name_their_source(tmp_path: Path) -> None:
    rows = [
        {"id": "f1", "language": "fr", "prompt": "Un", "translation_of": "e1"},
        {"id": "e1", "language": "en", "prompt": "One"},
        {"id": "e2", "language": "en", "prompt": "Two", "translation_of": "e2"},
        {"id": "e2", "language": "fr", "prompt": "Deux"},
    ]
    path = with_files(
        tmp_path, {"a.jsonl": jsonl(rows)}, '[[items]]\npath = "a.jsonl"\nconcept = "knowledge"'
    )
    assert ids(path) == [("e1", "en", None), ("e1", "fr", "f1"), ("e2", "en", None), ("e2", "fr", None)]


def test_a_translation_of_a_translation_belongs_to_the_first(tmp_path: Path) -> None:
    rows = [
        {"id": "d", "language": "de", "prompt": "Eins", "translation_of": "f"},
        {"id": "f", "language": "fr", "prompt": "Un", "translation_of": "e"},
        {"id": "e", "language": "en", "prompt": "One"},
    ]
    tables = (
        '[[items]]\npath = "a.jsonl"\nconcept = "knowledge"\n\n[[languages]]\ntag = "de"\ntranslation = '
        '"human"'
    )
    path = with_files(tmp_path, {"a.jsonl": jsonl(rows)}, tables)
    assert [row[0] for row in ids(path)] == ["e", "e", "e"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"id": "a", "language": "en", "prompt": "x", "translation_of": "no"}], "`no`, which is not there"),
        (
            [
                {"id": "a", "language": "en", "prompt": "x", "translation_of": "b"},
                {"id": "b", "language": "fr", "prompt": "y", "translation_of": "a"},
            ],
            "circle",
        ),
        ([{"id": "a", "language": "en", "prompt": "x"}] * 2, "stands twice"),
        ([{"id": "a", "language": "de", "prompt": "x"}], "language `de` is not in the protocol"),
        ([{"id": "a", "prompt": "x"}], "has no language"),
        ([{"id": "a", "language": "en", "prompt": "x", "concept": "knowlege"}], "concept `knowlege`"),
        ([{"id": "a", "language": "en", "prompt": "x", "split": "test"}], "`test` is no split"),
        ([{"id": "a", "language": "en", "prompt": "x", "translation": "robot"}], "`robot` is no translation"),
    ],
)
def test_items_that_do_not_belong_are_told_with_their_line(
    tmp_path: Path, rows: list[dict[str, str]], words: str
) -> None:
    error = refused(tmp_path, TOML, items=jsonl([{"id": "z", "language": "en", "prompt": "ok"}, *rows]))
    assert words in error.detail
    assert error.where is not None
    assert error.where.file == str(tmp_path / "items.jsonl")
    assert error.where.line == (3 if "twice" in words else 2)


def data_set(*names: str, texts: str) -> str:
    return json.dumps({"examples": [{"id": name, "input": f"{texts} {name}"} for name in names]})


PAIRED = """\
[[items]]
path = "fr.json"
concept = "knowledge"
language = "fr"

[[items]]
path = "en.json"
concept = "knowledge"
language = "en"
pair_by = "position"
pair_with = "fr.json"
"""


def test_files_pair_by_position(tmp_path: Path) -> None:
    files = {"fr.json": data_set("a", "b", texts="fr"), "en.json": data_set("101", "102", texts="en")}
    protocol = read(with_files(tmp_path, files, PAIRED)).protocol
    found = [(item.id, item.language, item.own_id, item.prompt) for item in protocol.items]
    assert found == [
        ("a", "fr", None, "fr a"),
        ("b", "fr", None, "fr b"),
        ("a", "en", "101", "en 101"),
        ("b", "en", "102", "en 102"),
    ]


@pytest.mark.parametrize(
    ("files", "tables", "words"),
    [
        ({"en.json": data_set("1", texts="en")}, PAIRED, "has 1 items and cannot be paired by position"),
        ({}, PAIRED.replace('pair_with = "fr.json"', ""), "needs `pair_with`"),
        ({}, PAIRED.replace('pair_with = "fr.json"', 'pair_with = "f.json"'), "needs `pair_with`"),
        (
            {},
            PAIRED.replace('language = "fr"', 'language = "fr"\npair_by = "position"\npair_with = "en.json"'),
            "itself paired",
        ),
    ],
)
def test_pairing_that_cannot_be_is_told(
    tmp_path: Path, files: dict[str, str], tables: str, words: str
) -> None:
    both = {"fr.json": data_set("a", "b", texts="fr"), "en.json": data_set("101", "102", texts="en")}
    with pytest.raises(InputError, match=words):
        read(with_files(tmp_path, both | files, tables))


def test_defaults_of_a_file_hold_where_an_item_says_nothing(tmp_path: Path) -> None:
    rows = [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": "y", "split": "exploratory", "language": "en"}]
    tables = (
        '[[items]]\npath = "a.jsonl"\nconcept = "knowledge"\nlanguage = "fr"\nsplit = "tuning"\ntranslation '
        '= "machine"'
    )
    items = read(with_files(tmp_path, {"a.jsonl": jsonl(rows)}, tables)).protocol.items
    assert [(item.language, item.split) for item in items] == [
        ("fr", Split.TUNING),
        ("en", Split.EXPLORATORY),
    ]
    assert items[0].translation is Translation.MACHINE


def test_a_file_named_twice_is_told(tmp_path: Path) -> None:
    tables = (
        '[[items]]\npath = "items.jsonl"\nconcept = "knowledge"\n[[items]]\npath = "./items.jsonl"\nconcept '
        '= "knowledge"'
    )
    with pytest.raises(InputError, match="named twice"):
        read(with_files(tmp_path, {}, tables))


def test_mistakes_of_several_files_are_told_together(tmp_path: Path) -> None:
    tables = (
        '[[items]]\npath = "a.jsonl"\nconcept = "knowledge"\n[[items]]\npath = "b.jsonl"\nconcept = '
        '"knowledge"'
    )
    path = with_files(tmp_path, {"a.jsonl": '{"id": 1}\n', "b.jsonl": "\n{nonsense\n"}, tables)
    with pytest.raises(InputError) as caught:
        read(path)
    assert "a.jsonl, line 1: " in caught.value.detail
    assert "b.jsonl, line 2: " in caught.value.detail


def test_judges_and_humans_may_have_their_texts_in_files(tmp_path: Path) -> None:
    judge = (
        '[[raters]]\nid = "j"\nkind = "judge"\nmodel = "m"\nprompt_file = "j.txt"\n[[raters]]\nid = '
        '"h"\nkind = "human"\nguideline_file = "g.txt"\n'
    )
    path = write(tmp_path, TOML.replace("[analysis]", judge + "[analysis]"))
    (tmp_path / "j.txt").write_text("Is {answer} right?")
    (tmp_path / "g.txt").write_text("Look well.")
    raters = {rater.id: rater for rater in read(path).protocol.raters}
    assert raters["j"].prompt == "Is {answer} right?"
    assert raters["h"].guideline == "Look well."
    path.write_text(path.read_text().replace('prompt_file = "j.txt"', 'prompt_file = "j.txt"\nprompt = "x"'))
    with pytest.raises(InputError, match="both `prompt` and `prompt_file`"):
        read(path)


def test_unknown_keys_of_items_are_told(tmp_path: Path) -> None:
    rows = edit(lambda row: row | {"lang": "en"} if row["id"] == "red" else row)
    error = refused(tmp_path, TOML, items=jsonl(rows))
    assert "unknown key `lang`" in error.detail


def test_the_schema_takes_the_file() -> None:
    import tomllib

    import jsonschema

    document = tomllib.loads(TOML)
    document["exercise"]["created"] = document["exercise"]["created"].isoformat()
    validator = jsonschema.Draft202012Validator(schema())
    assert list(validator.iter_errors(document)) == []
    document["exercise"]["titel"] = "x"
    assert list(validator.iter_errors(document)) != []


@given(st.text(st.sampled_from('ab=[]{}"#,.\n12e-_nif '), max_size=80))
def test_any_text_is_refused_with_its_file(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = write(tmp_path_factory.mktemp("any"), text)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(path) in str(caught.value)


@given(st.data())
def test_a_cut_file_is_refused_with_its_file(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(TOML) - 40))
    path = write(tmp_path_factory.mktemp("cut"), TOML[:cut])
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("table", ["concepts", "languages", "items", "raters"])
def test_the_number_of_tables_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    limit = {"items": "MAX_ITEM_FILES"}.get(table, f"MAX_{table.upper()}")
    path = write(tmp_path)
    assert read(path).protocol.items
    monkeypatch.setattr(protocol_rules, limit, 0)
    with pytest.raises(InputError, match=rf"`\[\[{table}\]\]`; the limit is 0"):
        read(path)


def test_a_regular_expression_has_a_limit(tmp_path: Path) -> None:
    def with_pattern(length: int) -> str:
        rater = f"program = 'regex'\noptions = {{ pattern = '{'a' * length}' }}"
        return TOML.replace('program = "contains"', rater)

    assert read(write(tmp_path, with_pattern(protocol_rules.MAX_PATTERN_CHARS))).protocol.raters
    error = refused(tmp_path, with_pattern(protocol_rules.MAX_PATTERN_CHARS + 1))
    assert "longer than 2000 characters" in error.detail


def test_a_text_in_a_file_of_its_own_has_a_limit(tmp_path: Path) -> None:
    path = write(tmp_path, TOML.replace("max_tokens", 'system_prompt_file = "s.txt"\nmax_tokens'))
    (tmp_path / "s.txt").write_bytes(b"x" * MAX_TEXT_FILE_BYTES)
    assert read(path).protocol.generation.system_prompt == "x" * MAX_TEXT_FILE_BYTES
    (tmp_path / "s.txt").write_bytes(b"x" * (MAX_TEXT_FILE_BYTES + 1))
    with pytest.raises(LimitError, match="larger than"):
        read(path)
