"""Entries and model cards: every number with its n and its interval, or why there is none."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.joint_result import joint_result

from consilience.evaluation.exports import hugging_face as hf
from consilience.evaluation.exports.estimates import Estimates

MODEL = "SmolLM2-135M-Instruct"


def test_entries_have_the_keys_that_the_hub_reads() -> None:
    found, losses = hf.entries(joint_result(), MODEL, hf.Setting(dataset="org/set", url="https://x.org/r"))
    assert found
    for entry in yaml.safe_load(hf.yaml_text(found)):
        assert set(entry) == {"dataset", "value", "date", "source", "notes"}
        assert entry["dataset"]["id"] == "org/set"
        assert entry["source"]["url"] == "https://x.org/r"
        assert isinstance(entry["value"], float)
        assert re.search(r"interval [\d.]+ to [\d.]+ \(\w+\); \d+ items, \d+ scores", entry["notes"])
    assert {loss.code: loss.count for loss in losses} == {"in_notes": len(found)}


def test_without_an_address_there_is_no_source() -> None:
    found, _ = hf.entries(joint_result(), MODEL, hf.Setting())
    assert all("source" not in entry for entry in found)


def test_the_values_are_those_of_the_joint_result() -> None:
    result = joint_result()
    found, _ = hf.entries(result, MODEL, hf.Setting())
    estimates = Estimates(result)
    expected = {hf.task_id(cell): estimates.verdict(cell).value for cell in estimates.primary(MODEL)}
    assert {entry["dataset"]["task_id"]: entry["value"] for entry in found} == expected
    assert len(expected) == len(found)


def test_one_laboratory_is_not_shown_as_all() -> None:
    found, _ = hf.entries(joint_result(laboratories=("north",)), MODEL, hf.Setting())
    assert {entry["dataset"]["task_id"].rpartition("/")[2] for entry in found} == {"north"}


def test_a_cell_without_a_number_is_no_entry_and_is_listed() -> None:
    import msgspec

    result = joint_result()
    bare = msgspec.structs.replace(
        result.cells[0].generalized, value=None, interval=None, reason=msgspec.convert(
            {"code": "no_scores"}, type=type(result.verdict[0])
        ),
    )  # fmt: skip
    cells = tuple(
        msgspec.structs.replace(cell, generalized=bare, benchmark=bare) if n == 0 else cell
        for n, cell in enumerate(result.cells)
    )
    changed = msgspec.structs.replace(result, cells=cells)
    before, _ = hf.entries(result, MODEL, hf.Setting())
    found, losses = hf.entries(changed, MODEL, hf.Setting())
    assert len(found) == len(before) - 1
    assert [loss.text for loss in losses if loss.code == "no_value"] == [
        "a cell without a number is no entry: no scores"
    ]
    assert "| — | no scores |" in hf.model_card(changed, MODEL, hf.Setting())


def test_the_card_shows_interval_and_n_of_every_cell() -> None:
    card = hf.model_card(joint_result(), MODEL, hf.Setting(url="https://x.org/r"))
    assert card.startswith(hf.BEGIN)
    assert card.rstrip().endswith(hf.END)
    rows = [line for line in card.splitlines() if line.startswith("|")][2:]
    assert rows
    for line in rows:
        assert len(line.split(" | ")) == 9
        assert re.search(r"\| [\d.]+ \| [\d.]+ to [\d.]+ \| \d+ \| \d+ \| \d+ \|$", line)
    assert "TLP:GREEN" in card
    assert "---\n" not in card.split("|---")[0]


@given(st.text(max_size=30))
def test_no_name_is_markup(text: str) -> None:
    shown = hf.shown(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[|<>`\[\]*_]", shown)
    assert "\n" not in shown


@pytest.mark.parametrize("name", ["| a | b", "[x](http://y)", "<script>", "a\nb"])
def test_hostile_names_do_not_break_the_table(name: str) -> None:
    card = hf.model_card(joint_result(laboratories=(name, "north")), MODEL, hf.Setting())
    rows = [line for line in card.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {10}
    assert "<script>" not in card
