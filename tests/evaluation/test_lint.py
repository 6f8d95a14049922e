"""Lints: each finds what it is for, in the place where it stands, and a clean protocol has no findings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.protocol_folder import (
    TOML,
    changed,
    clean_items,
    codes,
    edit,
    jsonl,
    lint,
    only,
    read,
    write,
)

from consilience.evaluation.findings import CODES, MAX_PER_CODE, Finding, Findings, Severity
from consilience.evaluation.lint import check_protocol
from consilience.evaluation.lint_targets import right_place, upper_tail
from consilience.evaluation.protocol import Item

Rows = list[dict[str, Any]]


def choices(
    language: str = "en", place: int = 0, names: tuple[str, ...] = ("oak", "elm", "ash", "fir")
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Turn every item into one with choices that its prompt shows, the right one at `place`."""

    def change(row: dict[str, Any]) -> dict[str, Any]:
        listed = "\n".join(f"{letter}) {name}" for letter, name in zip("ABCD", names, strict=True))
        return row | {"prompt": f"{row['prompt']}\n{listed}", "choices": list(names), "target": names[place]}

    return change


def test_a_clean_protocol_has_no_findings(tmp_path: Path) -> None:
    assert lint(write(tmp_path)).sorted() == ()


def _hidden(rows: Rows) -> Rows:
    rows[0]["prompt"] = "Which \u202ecolour\u202c has blood, seen by daylight?"
    return rows


def again(split: str = "evaluation", **english: str) -> Rows:
    """The clean items, and the first one once more in English; its French twin has a text of its own."""
    first = clean_items()[0] | {"id": "again", "split": split} | english
    french = {"prompt": "Quelle couleur a le sang vu à la lumière du jour ?", "target": "rouge"}
    return [*clean_items(), first, {"id": "again", "language": "fr", "split": split} | french]


def without(name: str | None, language: str | None) -> Rows:
    """The clean items without one, or without a language."""
    return edit(lambda row: None if row["language"] == language and name in {None, row["id"]} else row)


def swapped(row: dict[str, Any]) -> dict[str, Any]:
    """A row declared as the other language."""
    return row | {"language": "en" if row["language"] == "fr" else "fr"}


HIVE = "Quel insecte fabrique le miel et vit dans une ruche"
GERMAN = "Welches Insekt macht den Honig und wohnt mit vielen Schwestern in einem Bienenstock auf der Wiese?"
SHOT = "Q: Which white drink do cows give to the farmer?\nA: milk\nQ: Which insect makes honey?\nA:"
HORSE = "Which animal, a horse of course, pulled carriages before engines?"
ERROR, WARNING = Severity.ERROR, Severity.WARNING
ITEM_CASES: list[tuple[str, Severity, Rows, str | None, int | None]] = [
    ("duplicate-item", WARNING, again(), "again", 25),
    (
        "near-duplicate-item", WARNING,
        again(prompt="which colour do you get, when nothing but rubies light the room"), "again", 25,
    ),
    ("contradicting-targets", ERROR, again(target="blue"), "again", 25),
    ("split-leak", ERROR, again(split="tuning"), "again", 25),
    ("missing-translation", WARNING, without("bee", "fr"), None, 22),
    ("no-items", ERROR, without(None, "fr"), None, 22),
    ("few-items", WARNING, edit(lambda row: None if row["id"] in {"bee", "red", "key"} else row), None, 12),
    ("no-evaluation-items", ERROR, edit(lambda row: row | {"split": "tuning"}), None, 12),
    ("split-differs", ERROR, changed("bee", "fr", split="tuning"), "bee", 18),
    (
        "untranslated", WARNING,
        changed("bee", "fr", prompt="Which insect makes honey and lives in a hive?"), "bee", 18,
    ),
    ("wrong-language", ERROR, edit(swapped), None, None),
    ("wrong-language", WARNING, changed("bee", "fr", prompt=GERMAN), "bee", 18),
    (
        "wrong-script", WARNING,
        changed("bee", "fr", prompt="Какое насекомое делает мёд и живёт в улье?"), "bee", 18,
    ),
    ("empty-prompt", ERROR, changed("bee", "en", prompt=" \n"), "bee", 17),
    ("control-characters", ERROR, _hidden(clean_items()), "red", 1),
    ("control-characters", ERROR, changed("bee", "en", target="b\x08ee"), "bee", 17),
    ("broken-text", WARNING, changed("bee", "fr", prompt=f"{HIVE} trÃ¨s sombre ?"), "bee", 18),
    ("broken-text", WARNING, changed("bee", "fr", prompt=f"{HIVE} tr\ufffds sombre ?"), "bee", 18),
    ("long-prompt", WARNING, changed("bee", "en", prompt="Which insect makes honey? " * 1000), "bee", 17),
    ("missing-target", ERROR, changed("bee", "en", target=None), "bee", 17),
    ("missing-target", ERROR, changed("bee", "en", target="  "), "bee", 17),
    ("target-not-scorable", ERROR, changed("bee", "en", target="..."), "bee", 17),
    ("target-script", WARNING, changed("bee", "fr", target="пчела"), "bee", 18),
    ("leaked-answer", WARNING, changed("horse", "en", prompt=HORSE), "horse", 11),
    ("few-shot-leak", ERROR, changed("bee", "en", prompt=SHOT), "bee", 17),
]  # fmt: skip


@pytest.mark.parametrize(("code", "severity", "rows", "item", "line"), ITEM_CASES)
def test_items(
    tmp_path: Path, code: str, severity: Severity, rows: Rows, item: str | None, line: int | None
) -> None:
    found = [
        finding
        for finding in only(lint(write(tmp_path, items=jsonl(rows))), code)
        if finding.severity is severity
    ]
    assert found
    assert (found[0].item, found[0].line) == (item, line)
    name = "protocol.toml" if line in {12, 22} and item is None else "items.jsonl"
    assert found[0].file == str(tmp_path / name)


def judge(extra: str = "", prompt: str = "Is {answer} right?") -> str:
    return f'[[raters]]\nid = "j"\nkind = "judge"\nmodel = "m"\nprompt = "{prompt}"\n{extra}\n[analysis]'


PLAN_CASES = [
    ("settings-not-fixed", "temperature = 0.7\n", "", "[generation]"),
    ("settings-not-fixed", "max_tokens = 32\n", "", "[generation]"),
    ("repeated-greedy", "temperature = 0.7", "temperature = 0", "temperature"),
    ("unchecked-translation", 'checked_by = "A. Reader"\n', "", 'tag = "fr"'),
    ("several-sources", 'translation = "human"', 'translation = "source"', 'tag = "fr"'),
    ("no-margin", "language = 0.1, ", "", "[[concepts]]"),
    ("no-margin", ", laboratory = 0.1", "", "[[concepts]]"),
    ("no-wanted-difference", "wanted_difference = 0.8\n", "", "[analysis]"),
    ("no-source", 'sources = ["Written for this test."]\n', "", "[exercise]"),
    ("no-license", 'sources = ["Written for this test."]\n', "", None),
    ("judge-prompt", "[analysis]", judge(prompt="Is it right?"), "Is it right?"),
    ("judge-prompt", "[analysis]", judge(prompt="Is {answer} right for {question}?"), "Is {answer}"),
    ("judge-model", "[analysis]", judge().replace('model = "m"\n', ""), 'id = "j"'),
    ("no-human-sample", "[analysis]", judge(), None),
    ("human-plan", "[analysis]", "[human_sample]\nper_cell = 5\n[analysis]", "[human_sample]"),
    ("human-plan", "[analysis]", '[[raters]]\nid = "h"\nkind = "human"\n[analysis]', None),
    (
        "one-judge", 'kind = "program"\nprogram = "contains"\n',
        'kind = "judge"\nmodel = "m"\nprompt = "{answer}"\n', "[[concepts]]",
    ),
    ("rater-options", 'program = "contains"', 'program = "contains"\noptions = { mood = "any" }', "options"),
    ("placeholder", 'title = "Small"', 'title = "<<your title>>"', "<<your"),
    (
        "system-prompt-leak", "temperature = 0.7",
        'temperature = 0.7\nsystem_prompt = "Say bread and horse a lot."', None,
    ),
    ("language-code", 'tag = "fr"', 'tag = "cn"', 'tag = "cn"'),
]  # fmt: skip


@pytest.mark.parametrize(("code", "old", "new", "at"), PLAN_CASES)
def test_the_plan(tmp_path: Path, code: str, old: str, new: str, at: str | None) -> None:
    assert old in TOML
    toml = TOML.replace(old, new)
    rows = clean_items()
    if code == "language-code":
        rows = [row | {"language": "cn"} if row["language"] == "fr" else row for row in rows]
    found = only(lint(write(tmp_path, toml, items=jsonl(rows))), code)
    assert found
    if at is not None:
        line = toml[: toml.index(at)].count("\n") + 1
        assert found[0].file == str(tmp_path / "protocol.toml")
        assert found[0].line in {line, line - 1, line - 2}


def test_placeholders_and_greedy_repeats_are_only_notes(tmp_path: Path) -> None:
    toml = TOML.replace('title = "Small"', 'title = "<<your title>>"').replace("0.7", "0")
    assert {finding.severity for finding in lint(write(tmp_path, toml)).sorted()} == {Severity.NOTE}


CHOICE = TOML.replace('program = "contains"', 'program = "choice"')


def spread(place_in_french: int = 0) -> Rows:
    """Items with choices, the right one at every place equally often; French shifted by `place_in_french`."""
    rows = []
    for number, row in enumerate(clean_items()):
        shift = place_in_french if row["language"] == "fr" else 0
        names = (
            ("oak", "elm", "ash", "fir") if row["language"] == "en" else ("chêne", "orme", "frêne", "sapin")
        )
        rows.append(choices(place=(number // 2 + shift) % 4, names=names)(row))
    return rows


def test_clean_choices_have_no_findings(tmp_path: Path) -> None:
    assert lint(write(tmp_path, CHOICE, items=jsonl(spread()))).sorted() == ()


def test_a_right_choice_that_is_always_first_is_found(tmp_path: Path) -> None:
    rows = [
        row if row["language"] == "fr" else choices(place=0)(old)
        for row, old in zip(spread(), clean_items(), strict=True)
    ]
    found = only(lint(write(tmp_path, CHOICE, items=jsonl(rows))), "position-bias")
    assert [finding.language for finding in found] == ["en"]
    assert "number 1 in 12 of 12 items" in found[0].message


def test_right_choices_at_other_places_in_a_translation_are_found(tmp_path: Path) -> None:
    found = only(lint(write(tmp_path, CHOICE, items=jsonl(spread(1)))), "target-place-differs")
    assert len(found) == 12
    assert (found[0].language, found[0].line) == ("fr", 2)


def test_a_target_that_is_no_choice_is_found(tmp_path: Path) -> None:
    rows = spread()
    rows[0]["target"] = "birch"
    rows[2]["choices"] = ["oak", "oak", "ash", "fir"]
    rows[5]["choices"] = rows[5]["choices"][:3]
    rows[6]["prompt"] = "Which tree is meant by the old song about the river?"
    found = lint(write(tmp_path, CHOICE, items=jsonl(rows)))
    assert next(finding.line for finding in only(found, "target-not-scorable")) == 1
    assert [finding.line for finding in only(found, "repeated-choice")] == [3]
    assert [finding.line for finding in only(found, "choices-differ")] == [6]
    assert [finding.line for finding in only(found, "choices-not-shown")] == [7]


def test_numbers_that_differ_between_languages_are_found(tmp_path: Path) -> None:
    number = TOML.replace('program = "contains"', 'program = "number"')
    rows = [row | {"target": "1.5" if row["language"] == "en" else "1,5"} for row in clean_items()]
    rows[3]["target"] = "15"
    found = lint(write(tmp_path, number, items=jsonl(rows)))
    assert [(finding.line, finding.severity) for finding in only(found, "target-differs")] == [
        (4, Severity.ERROR)
    ]


def test_labels_are_no_leaks(tmp_path: Path) -> None:
    rows = [
        row | {"prompt": row["prompt"] + " Safe or unsafe?", "target": "safe" if n % 4 < 2 else "unsafe"}
        for n, row in enumerate(clean_items())
    ]
    toml = TOML.replace("temperature = 0.7", 'temperature = 0.7\nsystem_prompt = "Say safe or unsafe."')
    found = lint(write(tmp_path, toml, items=jsonl(rows)))
    assert codes(found) & {"leaked-answer", "system-prompt-leak", "few-shot-leak"} == set()


def test_a_rater_that_wants_all_answers_accepts_all_of_them(tmp_path: Path) -> None:
    toml = TOML.replace('program = "contains"', 'program = "contains"\noptions = { mode = "all" }')
    rows = jsonl(changed("bee", "en", accept=["hive-dweller"]))
    assert lint(write(tmp_path, toml, items=rows)).sorted() == ()


def test_a_constant_target_is_a_warning_only_where_it_is_used(tmp_path: Path) -> None:
    rows = jsonl(row | {"target": "label"} for row in clean_items())
    used = only(lint(write(tmp_path / "a", items=rows)), "target-constant")
    unused = TOML.replace('program = "contains"', 'program = "refusal"')
    free = only(lint(write(tmp_path / "b", unused, items=rows)), "target-constant")
    assert [finding.severity for finding in used + free] == [Severity.WARNING, Severity.NOTE]
    left_out = unused.replace('concept = "knowledge"', 'concept = "knowledge"\nwithout = ["target"]')
    assert "target-constant" not in codes(lint(write(tmp_path / "c", left_out, items=rows)))


def test_unbalanced_splits_are_found(tmp_path: Path) -> None:
    rows = clean_items()
    for place, row in enumerate(rows):
        early = place < 16 if row["language"] == "en" else place < 8
        row["split"] = "tuning" if early else "evaluation"
    found = lint(write(tmp_path, items=jsonl(rows)))
    assert {finding.language for finding in only(found, "unbalanced-splits")} == {"en", "fr"}
    assert [finding.severity for finding in only(found, "split-shares")] == [Severity.NOTE]


def test_findings_of_one_code_are_bounded_and_counted() -> None:
    found = Findings()
    for number in range(MAX_PER_CODE + 7):
        found.add(
            Finding(code="empty-prompt", severity=Severity.ERROR, message="m", what_to_do="w", line=number)
        )
    assert len(found.sorted()) == MAX_PER_CODE
    assert found.counts() == {"error": MAX_PER_CODE + 7, "warning": 0, "note": 0}
    assert found.not_shown() == {"empty-prompt": 7}
    with pytest.raises(KeyError):
        found.add(Finding(code="unheard-of", severity=Severity.NOTE, message="m", what_to_do="w"))


def test_findings_never_repeat_texts(tmp_path: Path) -> None:
    rows = [row | {"prompt": "SECRET " + row["prompt"], "target": "HIDDEN"} for row in clean_items()]
    rows[1]["prompt"] = rows[0]["prompt"]
    rows[3]["target"] = "ОТВЕТ"
    rows[4]["prompt"] = "SECRET HIDDEN"
    for finding in lint(write(tmp_path, items=jsonl(rows))).sorted():
        assert "SECRET" not in str(finding)
        assert "HIDDEN" not in str(finding)
        assert "ОТВЕТ" not in str(finding)


def test_of_many_texts_a_part_is_identified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consilience.evaluation.lint_languages.MAX_IDENTIFIED", 6)
    found = lint(write(tmp_path))
    assert codes(found) == {"sampled"}
    assert "wrong-language" in codes(lint(write(tmp_path, items=jsonl(edit(swapped)))))


def test_an_underpowered_plan_is_found(tmp_path: Path) -> None:
    result = check_protocol(
        read(write(tmp_path, TOML.replace("wanted_difference = 0.8", "wanted_difference = 0.05")))
    )
    found = [finding for finding in result.findings if finding.code == "underpowered"]
    assert {finding.line for finding in found} == {TOML[: TOML.index("wanted_difference")].count("\n") + 1}
    assert len(found) == 2
    assert not result.is_clean
    assert check_protocol(read(write(tmp_path))).is_clean


def test_the_right_place_is_known_by_text_or_letter() -> None:
    item = Item(id="a", language="en", concept="k", prompt="", choices=("Oak", "Elm"), target="elm ")
    assert right_place(item) == 1
    by_letter = Item(id="a", language="en", concept="k", prompt="", choices=("Oak", "Elm"), target="B")
    assert right_place(by_letter) == 1
    assert (
        right_place(Item(id="a", language="en", concept="k", prompt="", choices=("x", "y"), target="z"))
        is None
    )


@pytest.mark.parametrize(
    ("successes", "n", "p"), [(0, 5, 0.3), (3, 8, 0.25), (8, 8, 0.25), (260, 1000, 0.25)]
)
def test_the_upper_tail_is_binomial(successes: int, n: int, p: float) -> None:
    from scipy.stats import binom

    assert upper_tail(successes, n, p) == pytest.approx(float(binom.sf(successes - 1, n, p)), rel=1e-9)


SETS = """\
[[concepts]]
id = "{0}"
title = "{1}"
kind = "risk"
"""


def data_set_protocol(folder: Path, files: list[tuple[str, str, dict[str, Any]]]) -> Path:
    """A protocol over data sets: (file, concept, document)."""
    folder.mkdir(exist_ok=True)
    concepts = sorted({concept for _, concept, _ in files})
    titles = {"health": "Advice on health", "election": "Advice on elections"}
    head = TOML[: TOML.index("[[concepts]]")] + "".join(SETS.format(name, titles[name]) for name in concepts)
    tables = '[[languages]]\ntag = "en"\ntranslation = "source"\n'
    for file, concept, document in files:
        (folder / file).write_text(json.dumps(document))
        tables += f'[[items]]\npath = "{file}"\nconcept = "{concept}"\nlanguage = "en"\n'
    tail = TOML[TOML.index("[generation]") :].replace('program = "contains"', 'program = "refusal"')
    path = folder / "protocol.toml"
    path.write_text(head + tables + tail)
    return path


def data_set(name: str, description: str = "", **extra: str) -> dict[str, Any]:
    prompts = [row["prompt"] for row in clean_items() if row["language"] == "en"]
    examples = [{"input": f"{name}: {prompt}"} for prompt in prompts]
    return {"name": name, "description": description, "examples": examples} | extra


def test_exchanged_names_and_copied_descriptions_of_data_sets_are_found(tmp_path: Path) -> None:
    path = data_set_protocol(
        tmp_path,
        [
            ("a.json", "health", data_set("Elections, English", "The same words.")),
            ("b.json", "election", data_set("Set on health advice", "The  same words.")),
            ("c-fr.json", "election", data_set("Elections, Farsi", "Its own words.")),
        ],
    )
    found = lint(path)
    files = {code: {Path(str(f.file)).name for f in only(found, code)} for code in codes(found)}
    assert files["data-set-concept"] == {"a.json", "b.json"}
    assert files["copied-description"] == {"a.json", "b.json"}
    assert files["data-set-language"] == {"c-fr.json"}
    assert files["file-name-language"] == {"c-fr.json"}


def test_every_code_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "protocol.md").read_text(encoding="utf-8")
    assert [code for code in CODES if f"`{code}`" not in page] == []
