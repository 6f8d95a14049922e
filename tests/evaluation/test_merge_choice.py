"""Engines by name; Ray is imported where it is asked for, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulators.scores import Design, write

from consilience.errors import InputError
from consilience.evaluation.merge_choice import check_engine

RUN = [sys.executable, "-m", "consilience", "exercise", "analyse"]


@pytest.mark.parametrize("engine", ["duckdb", "ray", "ray://node-1.example:10001", "ray://[::1]:10001"])
def test_known_engines(engine: str) -> None:
    assert check_engine(engine) == engine


@pytest.mark.parametrize(
    "engine",
    ["", "Ray", "spark", "ray://", "ray://host", "ray://host:x", "ray://a b:1", "ray://h:1/x", "10.0.0.1:1"],
)
def test_other_names_are_refused(engine: str) -> None:
    with pytest.raises(InputError, match="no such engine"):
        check_engine(engine)


def _run(arguments: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | variables
    return subprocess.run(
        [*RUN, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=120,
        check=False,
    )


def test_the_core_never_imports_ray(tmp_path: Path) -> None:
    write(Design(laboratories=2, items=5), tmp_path / "scores")
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from consilience.cli import main\n"
        "sys.argv = ['consilience', 'exercise', 'analyse', 'scores', '--json']\n"
        "raise SystemExit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["rows"] == 2 * 4 * 5 * 2 * 2


def test_without_ray_the_engine_says_how_to_get_it(tmp_path: Path) -> None:
    write(Design(laboratories=1, items=2), tmp_path / "scores")
    absent = tmp_path / "absent" / "ray"
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ImportError('no ray')", encoding="utf-8")
    done = _run(["scores", "--engine", "ray", "--json"], tmp_path, PYTHONPATH=str(absent.parent))
    assert done.returncode == 2
    problem = json.loads(done.stdout or done.stderr)
    assert problem["type"].endswith("missing-extra")
    assert problem["next_step"] == "pip install 'consilience[ray]'"


def test_an_unknown_engine_ends_the_command_before_anything_is_read(tmp_path: Path) -> None:
    done = _run(["nothing", "--engine", "spark"], tmp_path)
    assert done.returncode == 2
    assert "no such engine" in done.stderr
