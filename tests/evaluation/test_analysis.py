"""The whole way from files to the joint result: planted effects are found, degenerate designs have stated
answers."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.evaluation.exercises import make_protocol, planned_rows, write_run
from tests.simulators.scores import Components, Design, row, table, write, write_rows

from consilience.evaluation.analysis import analyse
from consilience.evaluation.joint_result import Estimate, Interval, JointResult, Message
from consilience.evaluation.message_codes import CODES
from consilience.reporting.messages import COMPOSERS
from consilience.reporting.sentences import CODES as SENTENCES
from consilience.statistics.references import METHODS

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


def run(paths: Sequence[Path], **options: Any) -> JointResult:
    return analyse(paths, **({"protocol": None, "now": NOW} | options))


def every(value: Any, kind: type) -> Iterator[Any]:
    """All values of a type inside a document."""
    if isinstance(value, kind):
        yield value
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from every(getattr(value, name), kind)
    elif isinstance(value, dict):
        for member in value.values():
            yield from every(member, kind)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from every(member, kind)


def check_document(result: JointResult) -> None:
    """What must hold of every joint result."""
    content = msgspec.json.encode(result)
    assert msgspec.json.decode(content, type=JointResult) == result
    assert all(math.isfinite(number) for number in every(result, float))
    for message in every(result, Message):
        assert set(message.params) == set(CODES[message.code]), message
    for estimate in every(result, Estimate):
        assert estimate.interval is not None or estimate.reason is not None, estimate
        assert estimate.standard_error is None or estimate.standard_error > 0
        if estimate.value is None:
            assert estimate.reason is not None
        elif estimate.interval is not None:
            assert estimate.interval.low < estimate.interval.high
            assert estimate.interval.low - 1e-12 <= estimate.value <= estimate.interval.high + 1e-12
    for interval in every(result, Interval):
        assert interval.method in result.methods
    assert result.methods.items() <= METHODS.items()
    assert len(result.checklist) == 12
    assert all(contrast.p_value is None or 0 <= contrast.p_value <= 1 for contrast in result.contrasts)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> JointResult:
    """Four laboratories, the third lower by 0.2; two raters; a failure now and then."""
    design = Design(
        laboratories=4, languages=2, items=80, attempts=2, raters=3, shifts={2: -0.2}, unscored=0.02,
        digests=True, components=Components(item=0.15, item_language=0.0), rater_error=(0.0, 0.1, 0.02),
    )  # fmt: skip
    return run(write(design, tmp_path_factory.mktemp("planted")))


def test_a_planted_laboratory_is_found(planted: JointResult) -> None:
    check_document(planted)
    second = planted.verdict[1]
    assert second.code == "laboratories_differ_unknown"
    assert second.params["laboratory"] == "lab-02"
    assert second.params["others"] == ["lab-00", "lab-01", "lab-03"]
    assert second.params["also"] == []
    low, high = second.params["low"], second.params["high"]
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert low < -0.2 < high < 0
    spread, without = second.params["spread"], second.params["spread_without"]
    assert isinstance(spread, float)
    assert isinstance(without, float)
    assert without < 0.5 * spread
    pooled = next(b for b in planted.between if b.language is None)
    assert [score.laboratory for score in pooled.laboratories if score.flagged] == ["lab-02"]


def test_the_first_sentence_says_what_the_pooled_cell_says(planted: JointResult) -> None:
    first = planted.verdict[0]
    cell = next(c for c in planted.cells if c.primary and c.laboratory is None and c.language is None)
    assert first.code == "measured"
    assert first.params["values"] == [cell.generalized.value]
    assert cell.generalized.interval is not None
    assert first.params["lows"] == [cell.generalized.interval.low]
    assert first.params["n_laboratories"] == 4


def test_contrasts_cover_every_pair_once(planted: JointResult) -> None:
    pairs = [(c.axis, c.left, c.right, c.language) for c in planted.contrasts]
    assert len(pairs) == len(set(pairs)) == 6 + 1 + 3 + 6 * 2
    different = {
        (c.left, c.right) for c in planted.contrasts if c.axis == "laboratory" and c.verdict == "different"
    }
    assert different == {("lab-00", "lab-02"), ("lab-01", "lab-02"), ("lab-02", "lab-03")}
    assert {c.family for c in planted.contrasts} == {
        "laboratory:concept-0",
        "laboratory:language:concept-0",
        "language:concept-0",
        "rater:concept-0",
    }


def test_raters_err_as_planted(planted: JointResult) -> None:
    row_ = next(
        j for j in planted.judges if j.rater == "rater-1" and j.language is None and j.laboratory is None
    )
    assert row_.human == "rater-2"
    assert row_.agreement.value == pytest.approx(0.9 * 0.98 + 0.1 * 0.02, abs=0.04)
    alphas = [
        a for a in planted.agreement if a.statistic == "krippendorff_alpha_nominal" and a.language is None
    ]
    assert len(alphas) == 4
    assert all(a.value is not None and 0.5 < a.value < 1.0 and a.n_shared > 500 for a in alphas)


def test_failures_are_counted_by_cause(planted: JointResult) -> None:
    assert {failure.cause for failure in planted.failures} == {"timeout"}
    assert all(failure.environment for failure in planted.failures)
    assert sum(failure.count for failure in planted.failures) == planted.counts.failed > 0
    assert planted.counts.scored + planted.counts.failed == planted.counts.rows == 4 * 2 * 80 * 2 * 3
    assert any(note.code == "note_environment" for note in planted.notes)


def test_the_same_inputs_give_the_same_document_in_any_order(tmp_path: Path) -> None:
    paths = write(Design(laboratories=3, items=30), tmp_path)
    first, second = run(paths), run(tuple(reversed(paths)))
    assert first == msgspec.structs.replace(second, inputs=first.inputs)
    assert {file.name for file in first.inputs} == {file.name for file in second.inputs}


def test_another_seed_changes_only_what_is_drawn(tmp_path: Path) -> None:
    paths = write(Design(laboratories=2, items=30), tmp_path)
    first, second = run(paths, seed=1), run(paths, seed=2)
    assert (first.seed, second.seed) == (1, 2)
    assert first.cells == second.cells
    assert first.contrasts == second.contrasts
    assert first.agreement != second.agreement


def test_permuting_laboratories_permutes_the_result(tmp_path: Path) -> None:
    scores = {
        (lab, "en", f"i{k}"): [float((k * (n + 2) + a) % 3 > 0) for a in range(2)]
        for n, lab in enumerate(("lab-a", "lab-b", "lab-c"))
        for k in range(20)
    }
    names = {"lab-a": "lab-c", "lab-b": "lab-a", "lab-c": "lab-b"}
    first = run([write_rows(table(scores), tmp_path / "a.csv")])
    renamed = {(names[lab], tag, item): s for (lab, tag, item), s in scores.items()}
    second = run([write_rows(table(renamed), tmp_path / "b.csv")])
    means = {c.laboratory: c.generalized for c in first.cells if c.language == "en"}
    others = {c.laboratory: c.generalized for c in second.cells if c.language == "en"}
    assert all(means[old] == others[new] for old, new in names.items())
    sds = [next(b.between_sd for b in r.between if b.language is None) for r in (first, second)]
    assert sds[0] == pytest.approx(sds[1])


def test_the_cells_are_those_of_plain_arithmetic(tmp_path: Path) -> None:
    scores = {
        ("lab-a", "en", "i1"): (1.0, 1.0), ("lab-a", "en", "i2"): (0.0, 1.0),
        ("lab-a", "fr", "i1"): (0.0, 0.0),
        ("lab-b", "en", "i1"): (0.0, 1.0), ("lab-b", "en", "i2"): (0.0, None),
    }  # fmt: skip
    result = run([write_rows(table(scores), tmp_path / "s.csv")])
    check_document(result)
    cells = {(c.laboratory, c.language): c for c in result.cells}
    expected = {
        ("lab-a", "en"): 0.75, ("lab-a", "fr"): 0.0, ("lab-b", "en"): 0.25, (None, "en"): 0.5,
        (None, "fr"): 0.0,
        ("lab-a", None): 0.75, ("lab-b", None): 0.25, (None, None): 0.5,
    }  # fmt: skip
    # lab-b has no French: averages over languages use English, which both have
    assert {place: cell.generalized.value for place, cell in cells.items()} == pytest.approx(expected)
    assert cells["lab-b", "en"].n_unscored == 1
    assert cells["lab-b", "en"].generalized.n_scores == 3
    assert cells[None, None].n_unscored == 1


DEGENERATE: dict[str, list[dict[str, Any]]] = {
    "one row": [row()],
    "one item": [row(attempt=a, score=float(a % 2)) for a in (1, 2, 3)],
    "all equal": [row(item=f"i{k}", laboratory=lab) for k in range(12) for lab in ("lab-a", "lab-b")],
    "all equal and "
    "continuous": [row(item=f"i{k}", laboratory=lab, score=0.3) for k in range(5) for lab in ("a", "b")],
    "all missing": [row(item=f"i{k}", score=None, status="failed", cause="timeout") for k in range(5)],
    "all withheld": [row(item=f"i{k}", score=None, status="withheld") for k in range(5)],
    "one laboratory": [row(item=f"i{k}", score=float(k % 2)) for k in range(12)],
    "disjoint items": [
        row(item=f"{lab}{k}", laboratory=lab, score=float(k % 2)) for k in range(9) for lab in ("a", "b")
    ],
    "a rater in one language": [
        row(item=f"i{k}", language=tag, rater=rater, rater_kind=kind, score=float(k % 2))
        for k in range(12)
        for tag, rater, kind in (("en", "exact", "program"), ("fr", "exact", "program"), ("fr", "h", "human"))
    ],
    "raters on different scales": [
        row(item=f"i{k}", rater=rater, rater_kind=kind, score=score)
        for k in range(12)
        for rater, kind, score in (
            ("j", "judge", float(k % 5)), ("h", "human", float(k % 2)), ("c", "judge", k / 7),
        )
    ],
    "ordinal raters": [
        row(item=f"i{k}", rater=rater, rater_kind=kind, score=float(score))
        for k in range(15)
        for rater, kind, score in (("j", "judge", k % 5), ("h", "human", (k + k // 5) % 5))
    ],
    "two models, one laboratory each": [
        row(item=f"i{k}", laboratory=lab, model=model, score=float(k % 3 > 0))
        for k in range(9)
        for lab, model in (("a", "m1"), ("b", "m2"))
    ],
    "negative scores": [
        row(item=f"i{k}", laboratory=lab, score=-1.5 * k) for k in range(9) for lab in ("a", "b")
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", DEGENERATE, ids=str)
def test_degenerate_designs_have_a_stated_answer(tmp_path: Path, case: str) -> None:
    result = run([write_rows(DEGENERATE[case], tmp_path / "s.jsonl")])
    check_document(result)
    codes = {
        "one row": ("measured", "laboratories_one"),
        "all equal": ("measured", "laboratories_inconclusive"),
        "all missing": ("measured_nothing", "laboratories_one"),
        "all withheld": ("measured_nothing", "laboratories_one"),
        "disjoint items": ("measured", "laboratories_not_comparable"),
        "two models, one laboratory each": ("measured", "laboratories_not_comparable"),
    }
    if case in codes:
        assert tuple(message.code for message in result.verdict) == codes[case]


def test_one_row_has_a_mean_and_no_interval(tmp_path: Path) -> None:
    result = run([write_rows([row()], tmp_path / "s.csv")])
    cell = result.cells[0]
    assert (cell.generalized.value, cell.generalized.interval) == (1.0, None)
    assert cell.generalized.reason == Message(code="one_item")
    notes = {note.code for note in result.notes}
    assert {
        "note_one_rater",
        "note_one_laboratory",
        "note_one_language",
        "note_one_attempt",
        "note_no_protocol",
    } <= notes


def test_many_results_are_told_by_lowest_and_highest(tmp_path: Path) -> None:
    rows = [row(item=f"i{k}", model=f"m{m}", score=float(k < m + 2)) for k in range(10) for m in range(7)]
    first = run([write_rows(rows, tmp_path / "s.csv")]).verdict[0]
    assert first.code == "measured_many"
    assert (first.params["lowest_model"], first.params["lowest_value"]) == ("m0", pytest.approx(0.2))
    assert (first.params["highest_model"], first.params["highest_value"]) == ("m6", pytest.approx(0.8))


def test_a_followed_protocol_within_its_margin_is_agreement(tmp_path: Path) -> None:
    plan = make_protocol(items=[f"i{k}" for k in range(30)])
    for name in ("lab-a", "lab-b", "lab-c"):
        write_run(tmp_path / name, plan, name)
    result = run([tmp_path])
    check_document(result)
    assert result.verdict[1].code == "laboratories_agree"
    assert result.verdict[1].params["margin"] == 0.1
    assert result.deviations == ()
    assert result.exercise.construct == "Adding numbers"
    assert result.languages == ("en", "fr")
    assert all(summary.has_manifest for summary in result.runs)
    assert not {"note_no_protocol", "note_no_manifest"} & {note.code for note in result.notes}


def _one_off(tmp_path: Path, laboratories: Sequence[str]) -> JointResult:
    """The last laboratory answers worse and at another temperature."""
    plan = make_protocol(items=[f"i{k}" for k in range(40)])
    for name in laboratories:
        rows = planned_rows(plan, name)
        if name == laboratories[-1]:
            rows = [one | {"score": one["score"] * (int(str(one["item"])[1:]) % 2)} for one in rows]
            write_run(tmp_path / name, plan, name, rows, sampling={"temperature": 1.0, "max_tokens": 8})
        else:
            write_run(tmp_path / name, plan, name, rows)
    return run([tmp_path])


def test_a_laboratory_that_deviates_is_named_with_its_deviation(tmp_path: Path) -> None:
    result = _one_off(tmp_path, ("lab-a", "lab-b", "lab-c"))
    check_document(result)
    second = result.verdict[1]
    assert second.code == "laboratories_differ_deviation"
    assert second.params["laboratory"] == "lab-c"
    assert second.params["fields"] == ["sampling.temperature"]
    assert (second.params["planned"], second.params["actual"]) == ([0.0], [1.0])
    assert [d.laboratory for d in result.deviations] == ["lab-c"]


def test_of_two_laboratories_none_is_called_odd(tmp_path: Path) -> None:
    second = _one_off(tmp_path, ("lab-a", "lab-b")).verdict[1]
    assert second.code == "laboratories_differ_pair"
    assert (second.params["laboratories"], second.params["fields"]) == (["lab-b"], ["sampling.temperature"])


def test_simulated_ratings_are_marked_everywhere(tmp_path: Path) -> None:
    rows = [
        row(
            item=f"i{k}",
            rater=rater,
            rater_kind=kind,
            score=float((k + n) % 3 > 0),
            simulated=rater == "human",
        )
        for k in range(20)
        for n, (rater, kind) in enumerate((("judge", "judge"), ("human", "human")))
    ]
    result = run([write_rows(rows, tmp_path / "s.jsonl")])
    check_document(result)
    assert all(one.simulated for one in (*result.agreement, *result.judges))
    assert [r.simulated for r in result.raters] == [True, False]
    assert any(n.code == "note_simulated" and n.params["n_scores"] == 20 for n in result.notes)
    assert result.checklist[1].state == "not met"


def test_every_code_has_a_sentence_in_the_report() -> None:
    assert set(CODES) == set(SENTENCES) | set(COMPOSERS)


def test_the_document_is_valid_json_without_nan(planted: JointResult) -> None:
    text = msgspec.json.encode(planted).decode()
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in the document"))


def test_the_date_is_the_given_one(tmp_path: Path) -> None:
    assert run([write_rows([row()], tmp_path / "s.csv")]).generated_at == "2026-03-01T12:00:00+00:00"


def test_averages_over_languages_use_the_languages_that_every_laboratory_has(tmp_path: Path) -> None:
    """A laboratory that leaves out a hard language does not lift the average."""
    protocol = make_protocol(items=tuple(f"i{number}" for number in range(6)))

    def rows(laboratory: str, languages: tuple[str, ...]) -> list[dict[str, Any]]:
        return [
            one | {"score": 1.0 if one["language"] == "en" and one["item"] != "i0" else 0.0}
            for one in planned_rows(protocol, laboratory)
            if one["language"] in languages
        ]

    write_run(tmp_path / "a", protocol, "A", rows("A", ("en", "fr")))
    write_run(tmp_path / "b", protocol, "B", rows("B", ("en",)))
    result = analyse([tmp_path / "a", tmp_path / "b"], protocol=protocol, now=NOW, seed=1)
    values = {(cell.laboratory, cell.language): cell.generalized.value for cell in result.cells}
    assert values[None, None] == values["A", None] == values["B", None] == pytest.approx(5 / 6)
    assert values[None, "fr"] == 0.0
    assert "note_missing_cells" in {note.code for note in result.notes}
