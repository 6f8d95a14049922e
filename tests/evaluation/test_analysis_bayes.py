"""The cross-check of an analysis: what enters the model, what stands beside it, what is said without it."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from tests.optional import optional
from tests.simulators.scores import Design, row, table, write, write_rows

from consilience.cli import main
from consilience.cli.exercise.analyse import command
from consilience.errors import LimitError, MissingExtraError
from consilience.evaluation import analysis_bayes
from consilience.evaluation.analysis import analyse
from consilience.evaluation.analysis_bayes import agreement, check_bayes, make_bayes, overlaps
from consilience.evaluation.analysis_cells import make_cells
from consilience.evaluation.analysis_laboratories import make_between
from consilience.evaluation.analysis_setting import make_setting
from consilience.evaluation.joint_result import BayesCell, BayesTable, Estimate, Interval, JointResult, schema
from consilience.evaluation.merge import merge
from consilience.reporting.joint_report import render
from consilience.statistics import estimate as statistics
from consilience.statistics.hierarchical import HierarchicalFit
from consilience.statistics.references import METHODS

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
WIDTH = 0.1


def scores(*, without: Collection[tuple[str, str]] = ()) -> list[dict[str, Any]]:
    """Three laboratories, three languages, 14 items, two attempts; some pairs of the first are left out."""
    rng = np.random.default_rng(4)
    found = {
        (laboratory, language, f"i{k:02d}"): [float(rng.random() < 0.3 + 0.04 * k) for _ in range(2)]
        for laboratory in ("lab-a", "lab-b", "lab-c")
        for language in ("en", "fr", "sw")
        for k in range(14)
        if (laboratory, language) not in without
    }
    return table(found)


def small() -> list[dict[str, Any]]:
    """Two laboratories, one language: few sources, so that the model compiles soon."""
    return [one for one in scores() if one["laboratory"] != "lab-c" and one["language"] == "en"]


def plain_means(
    laboratory: Any, language: Any, item: Any, successes: Any, attempts: Any, groups: Any, **options: Any
) -> HierarchicalFit:
    """What the model would say if it pooled nothing: means of items, averaged over the cells of a group."""
    masks = np.asarray(groups)
    sums, counts = np.zeros((2, *masks.shape[1:]))
    np.add.at(sums, (laboratory, language), np.asarray(successes) / attempts)
    np.add.at(counts, (laboratory, language), 1.0)
    found = []
    for mask in masks:
        used = mask & (counts > 0)
        value = float((sums[used] / counts[used]).mean())
        interval = statistics.Interval(
            low=value - WIDTH, high=value + WIDTH, level=options["level"], method="hierarchical_logistic"
        )
        found.append(
            statistics.Estimate(
                value=value,
                interval=interval,
                standard_error=0.1,
                n_items=1,
                n_scores=1,
                method="hierarchical_logistic",
            )
        )
    compared = [found[number].value for number in options["compared"]]
    return HierarchicalFit(
        benchmark=tuple(found),
        generalized=tuple(found),
        spreads=(),
        between=statistics.Estimate(
            value=float(np.std(np.array(compared, dtype=float), ddof=1)),
            interval=None,
            standard_error=None,
            n_items=1,
            n_scores=1,
            method="hierarchical_logistic",
            reason=statistics.Reason.NO_INTERVAL,
        ),
        n_items=14,
        n_items_all=14,
        n_scores=1,
        convergence=None,
    )


def bayes_of(path: Path) -> tuple[BayesTable, ...]:
    merged = merge([path])
    setting = make_setting(merged)
    cells, between = make_cells(merged, setting), make_between(merged.tables, setting)
    return make_bayes(cells, between, merged.tables, setting, lambda _: None)


@pytest.mark.parametrize(
    "without",
    [
        set(),
        {("lab-b", "sw")},
        {("lab-a", "en"), ("lab-b", "fr"), ("lab-c", "sw")},
    ],
)
def test_groups_are_the_cells_and_averages_of_the_document(
    without: set[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no pooling, the values must be those of the document, also where languages are missing."""
    monkeypatch.setattr(analysis_bayes, "fit_hierarchical", plain_means)
    (found,) = bayes_of(write_rows(scores(without=without), tmp_path / "s.parquet"))
    assert len(found.cells) == 9 - len(without) + 3 + 3 + 1
    for cell in found.cells:
        assert cell.generalized.value == pytest.approx(cell.core_generalized.value)
    means = [c.core_generalized.value for c in found.cells if c.laboratory and not c.language]
    assert found.between.value == pytest.approx(np.std(np.array(means, dtype=float), ddof=1))
    for one in found.agreement:
        assert one.n_cells == one.n_overlapping == one.n_inside == len(found.cells)
        assert one.largest_difference == pytest.approx(0.0, abs=1e-12)


def test_each_table_has_a_seed_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[int, list[float]] = {}

    def watching(*args: Any, **options: Any) -> HierarchicalFit:
        drawn.setdefault(len(drawn), []).append(options["rng"].random())
        return plain_means(*args, **options)

    monkeypatch.setattr(analysis_bayes, "fit_hierarchical", watching)
    write(Design(laboratories=2, languages=1, concepts=2, items=12, raters=1), tmp_path)
    bayes_of(tmp_path)
    bayes_of(tmp_path)
    first, second, again, _ = (values[0] for values in drawn.values())
    assert first == again != second


def test_only_the_primary_rater_enters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_bayes, "fit_hierarchical", plain_means)
    write(Design(laboratories=2, languages=1, items=12, raters=2), tmp_path)
    (found,) = bayes_of(tmp_path)
    assert found.rater == "rater-0"
    assert len(found.cells) == 2 * 2 + 2


@pytest.mark.parametrize("kind", ["continuous", "majority of two"])
def test_scores_that_are_not_yes_or_no_have_a_reason(kind: str, tmp_path: Path) -> None:
    values = (0.25, 0.75, 0.5) if kind == "continuous" else (0.0, 0.5, 1.0)
    rows = [row(item=f"i{k}", score=values[k % 3]) for k in range(12)]
    (found,) = bayes_of(write_rows(rows, tmp_path / "s.csv"))
    assert found.reason is not None
    assert found.reason.code == "not_binary"
    assert found.chains is None
    assert all(c.generalized.value is None and c.generalized.reason for c in found.cells)
    assert [one.n_cells for one in found.agreement] == [0, 0]
    assert {one.largest_difference for one in found.agreement} == {None}


def test_more_tables_than_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_bayes, "MAX_FITS", 1)
    monkeypatch.setattr(analysis_bayes, "fit_hierarchical", plain_means)
    write(Design(laboratories=2, languages=1, concepts=2, items=4, raters=1), tmp_path)
    with pytest.raises(LimitError, match="limit of 1"):
        bayes_of(tmp_path)


def estimate(value: float | None, low: float = 0.0, high: float = 0.0) -> Estimate:
    interval = None if value is None else Interval(low=low, high=high, level=0.95, method="wilson")
    return Estimate(value=value, interval=interval, n_items=9, n_scores=9, estimand="generalized")


def test_intervals_overlap_where_they_have_a_point_in_common() -> None:
    left = estimate(0.3, 0.2, 0.4)
    assert overlaps(left, estimate(0.5, 0.4, 0.6)) is True
    assert overlaps(left, estimate(0.3, 0.25, 0.35)) is True
    assert overlaps(left, estimate(0.5, 0.41, 0.6)) is False
    assert overlaps(estimate(0.1, 0.0, 0.19), left) is False
    assert overlaps(left, estimate(None)) is None


def test_agreement_counts_cells_with_both_intervals() -> None:
    def cell(name: str, ours: Estimate, core: Estimate) -> BayesCell:
        return BayesCell(
            laboratory=name, language=None, benchmark=estimate(None), generalized=ours,
            core_benchmark=core, core_generalized=core, benchmark_overlaps=None, generalized_overlaps=None,
        )  # fmt: skip

    cells = [
        cell("a", estimate(0.3, 0.2, 0.4), estimate(0.35, 0.1, 0.5)),
        cell("b", estimate(0.3, 0.2, 0.4), estimate(0.7, 0.6, 0.8)),
        cell("c", estimate(0.3, 0.2, 0.4), estimate(0.45, 0.3, 0.6)),
        cell("d", estimate(None), estimate(0.45, 0.3, 0.6)),
    ]
    found = agreement(cells, "generalized")
    assert (found.n_cells, found.n_overlapping, found.n_inside) == (3, 2, 1)
    assert found.largest_difference == pytest.approx(-0.4)
    assert found.laboratory == "b"
    nothing = agreement(cells, "benchmark")
    assert (nothing.n_cells, nothing.largest_difference, nothing.laboratory) == (0, None, None)


def test_without_the_extra_the_next_step_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "numpyro", None)
    monkeypatch.setitem(sys.modules, "jax", sys)
    with pytest.raises(MissingExtraError):
        check_bayes()
    path = write_rows(scores(), tmp_path / "s.csv")
    with pytest.raises(SystemExit) as ended:
        main(["exercise", "analyse", str(path), "--bayes", "--json"])
    problem = json.loads(capsys.readouterr().out)
    assert ended.value.code == 2
    assert problem["exit_code"] == 2
    assert "numpyro" in problem["detail"]
    assert "pip install 'consilience[bayes]'" in problem["next_step"]


def test_an_analysis_without_it_imports_neither_jax_nor_numpyro(tmp_path: Path) -> None:
    path = write_rows(scores(), tmp_path / "s.csv")
    script = (
        "import sys\n"
        "from consilience.cli import main\n"
        f"try: main(['exercise', 'analyse', {str(path)!r}, '--json'])\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
        "sys.stderr.write(repr(sorted({n.split('.')[0] for n in sys.modules} & {'jax', 'numpyro'})))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "[]"
    document = json.loads(done.stdout)
    assert document["bayes"] == []
    assert "jax" not in document["software"]


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> tuple[JointResult, str]:
    """The document of `--bayes` on a small table, and what was said on the way."""
    optional("numpyro")
    folder = tmp_path_factory.mktemp("bayes")
    path = write_rows(small(), folder / "s.parquet")
    told = CliRunner().invoke(command, [str(path), "--bayes"], standalone_mode=False)
    assert told.exception is None
    document = msgspec.json.decode((folder / "joint-result.json").read_bytes(), type=JointResult)
    return document, told.stderr


def test_the_document_holds_the_cross_check(analysed: tuple[JointResult, str]) -> None:
    document, said = analysed
    assert "hierarchical model 1 of 1" in said
    (found,) = document.bayes
    assert found.reason is None
    assert found.n_items == found.n_items_all == 14
    assert found.n_scores == 14 * 2 * 2
    primary = [c for c in document.cells if c.primary]
    assert [(c.laboratory, c.language) for c in found.cells] == [(c.laboratory, c.language) for c in primary]
    assert [c.core_generalized for c in found.cells] == [c.generalized for c in primary]
    assert all(c.generalized.interval and c.benchmark.interval for c in found.cells)
    told = {one.estimand: one for one in found.agreement}
    assert told["generalized"].n_overlapping == told["generalized"].n_cells == len(primary)
    assert document.methods[found.method] == METHODS["hierarchical_logistic"]
    assert document.software["jax device"]
    assert {"jax", "numpyro"} <= set(document.software)
    jsonschema.Draft202012Validator(schema()).validate(json.loads(msgspec.json.encode(document)))


def test_the_report_shows_it(analysed: tuple[JointResult, str]) -> None:
    document, _ = analysed
    page = render(document)
    assert 'id="bayes"' in page
    assert "hierarchical_logistic" in page
    assert 'id="data-bayes_fits"' in page
    assert 'id="bayes"' not in render(msgspec.structs.replace(document, bayes=()))


def test_the_rest_of_the_document_is_the_same_without_it(
    analysed: tuple[JointResult, str], tmp_path: Path
) -> None:
    document, _ = analysed
    without = analyse([write_rows(small(), tmp_path / "s.parquet")], protocol=None, now=NOW)
    for name in ("cells", "contrasts", "agreement", "variance", "between", "verdict", "notes"):
        assert getattr(document, name) == getattr(without, name)
