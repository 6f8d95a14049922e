"""Every method that a result can name has its reference, and every constant of the sources is one."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from pathlib import Path

import numpy as np

import consilience.statistics
from consilience.statistics import cells, estimate, intervals, kappa
from consilience.statistics.agreement import krippendorff_alpha
from consilience.statistics.references import METHODS

FOLDER = Path(consilience.statistics.__file__).parent


def _constants(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return _constants(node.body) + _constants(node.orelse)
    return []


def _named_methods() -> set[str]:
    """Strings given as `method=` or `test=` in the package, or assigned to a variable of that name."""
    found: set[str] = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in {"method", "test"}:
                found.update(_constants(node.value))
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id in {"method", "test"} for target in node.targets
            ):
                found.update(_constants(node.value))
    return found


def test_named_methods_have_a_reference() -> None:
    named = _named_methods()
    assert {"newcombe_paired", "paired_t", "ppi_plus_plus", "henderson_1"} <= named
    assert named <= set(METHODS)


def test_methods_that_are_composed_have_a_reference() -> None:
    rng = np.random.default_rng(0)
    ratings = rng.integers(0, 3, (2, 30)).astype(float)
    composed = {
        krippendorff_alpha(ratings, metric=m, rng=rng).method for m in ("nominal", "ordinal", "interval")
    }
    composed |= {
        kappa.cohen_kappa(*ratings, weights=w, rng=rng).method for w in ("none", "linear", "quadratic")
    }
    composed |= {kappa.gwet_ac1(ratings, rng=rng).method, kappa.percent_agreement(ratings, rng=rng).method}
    composed |= {*cells._METHODS, *cells._STRATIFIED}
    composed |= {intervals.choose_rate_interval(x, 60).method for x in (1, 30)}
    composed |= {intervals.effective_interval(p, 0.001, 20, 10, 500).method for p in (0.01, 0.5)}
    assert composed <= set(METHODS)


def test_references_name_a_source() -> None:
    for key, reference in METHODS.items():
        assert key == key.strip().lower()
        assert len(reference) > 20
        assert "  " not in reference


def test_the_explanation_lists_every_reference_as_it_is() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "statistics.md"
    text = page.read_text(encoding="utf-8")
    for key, reference in METHODS.items():
        assert f"| `{key}` | {reference} |" in text, key


def test_reasons_are_used_and_codes_are_unique() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    for reason in estimate.Reason:
        assert text.count(f"Reason.{reason.name}") >= 1, reason


def test_public_functions_say_what_they_raise_and_take() -> None:
    for module in pkgutil.iter_modules([str(FOLDER)]):
        loaded = __import__(f"consilience.statistics.{module.name}", fromlist=["x"])
        assert loaded.__doc__
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            if function.__module__ == loaded.__name__ and not name.startswith("_"):
                assert function.__doc__, f"{module.name}.{name}"


def test_no_module_imports_the_slow_part_of_scipy() -> None:
    for path in FOLDER.glob("*.py"):
        assert "scipy.stats" not in path.read_text(encoding="utf-8").replace("`scipy.stats`", "")
