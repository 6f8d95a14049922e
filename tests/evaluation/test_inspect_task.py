"""What Inspect is told: model, grader, settings, and no key among the words."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from tests.evaluation.task_protocol import write_task_protocol

from consilience.errors import InputError
from consilience.evaluation.inspect_task import (
    Care,
    InspectModel,
    eval_words,
    generate_config,
    grader_of,
    parse_inspect_model,
    retry_words,
)
from consilience.evaluation.protocol import protocol_digest
from consilience.evaluation.protocol_file import load_protocol
from consilience.evaluation.run_plan import Overrides, RunPlan, plan_run
from consilience.evaluation.run_record import Selection

JUDGE = ('id = "says-it"\nkind = "program"', 'id = "says-it"\nkind = "judge"')


def a_plan(folder: Path, **overrides: object) -> RunPlan:
    protocol = load_protocol(write_task_protocol(folder))
    return plan_run(
        protocol, protocol_digest(protocol), laboratory="A", model="m",
        overrides=Overrides(**overrides),  # type: ignore[arg-type]
    )  # fmt: skip


def test_models() -> None:
    assert parse_inspect_model("openai/gpt-x") == InspectModel(name="openai/gpt-x", sent="openai/gpt-x")
    assert parse_inspect_model("hf/org/m", model_name="m").name == "m"
    served = parse_inspect_model("m-1@http://127.0.0.1:9/v1")
    assert (served.name, served.sent, served.url) == (
        "m-1",
        "openai-api/consilience/m-1",
        "http://127.0.0.1:9/v1",
    )
    for text in ("local:", "gpt", "--model/x", "https://user:s3cret@host/v1"):
        with pytest.raises(InputError) as refused:
            parse_inspect_model(text, model_name="m")
        assert "s3cret" not in str(refused.value)


def test_the_grader_is_one_judge_of_the_protocol(tmp_path: Path) -> None:
    protocol = load_protocol(write_task_protocol(tmp_path, JUDGE))
    assert grader_of(protocol, {}) is None
    assert grader_of(protocol, {"says-it": "openai/x"}) == "openai/x"
    for judges in ({"says-only-it": "openai/x"}, {"says-it": "x"}):
        with pytest.raises(InputError):
            grader_of(protocol, judges)


def test_what_the_plan_fixes_is_told_and_what_it_leaves_open_is_not(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, system_prompt="Be brief.")
    assert generate_config(plan) == {
        "temperature": 0.5, "max_tokens": 8, "seed": 7, "system_message": "Be brief."
    }  # fmt: skip
    plan = a_plan(tmp_path, attempts=3, selection=Selection(limit=4))
    model = InspectModel(name="m", sent="p/m", url="http://h/v1")
    words = eval_words(plan.protocol.tasks[0], plan, model, grader="g/x", care=Care(), place=tmp_path)
    told = dict(itertools.pairwise(words))
    assert words[:2] == ["eval", "capitals.py@capitals"]
    assert (told["--epochs"], told["--limit"], told["--model-role"]) == ("3", "4", "grader=g/x")
    assert told["--model-base-url"] == "http://h/v1"
    again = retry_words(tmp_path / "x.eval", care=Care(concurrency=2), place=tmp_path)
    assert again[:2] == ["eval-retry", str(tmp_path / "x.eval")]
    assert again[again.index("--max-connections") + 1] == "2"


def test_inspect_is_not_imported_by_what_starts_it() -> None:
    code = (
        "import sys, consilience.cli.exercise.run_tasks, consilience.evaluation.inspect_run as r; "
        "sys.exit('inspect_ai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
