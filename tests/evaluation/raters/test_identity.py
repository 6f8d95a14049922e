"""The version of a rater changes with everything that can change a score, and with nothing else."""

from __future__ import annotations

import msgspec
import pytest

from consilience.evaluation.protocol import Rater, RaterKind, Scale
from consilience.evaluation.raters import identity
from consilience.evaluation.raters.identity import prompt_digest, rater_version

JUDGE = Rater(id="j", kind=RaterKind.JUDGE, prompt="{answer}", model="m")
PROGRAM = Rater(id="p", kind=RaterKind.PROGRAM, program="exact")
HUMAN = Rater(id="h", kind=RaterKind.HUMAN, guideline="Say yes.")


@pytest.mark.parametrize(
    ("rater", "changes"),
    [
        (JUDGE, {"prompt": "{answer}?"}), (JUDGE, {"system_prompt": "x"}), (JUDGE, {"model": "n"}),
        (JUDGE, {"temperature": 0.5}), (JUDGE, {"max_tokens": 17}), (JUDGE, {"parser": "a"}),
        (JUDGE, {"scale": Scale(labels={"a": 1.0})}), (PROGRAM, {"program": "contains"}),
        (PROGRAM, {"options": {"case": "keep"}}), (PROGRAM, {"scale": Scale(kind="ordinal", maximum=2.0)}),
        (HUMAN, {"guideline": "Say no."}),
    ],
)  # fmt: skip
def test_what_changes_a_score_changes_the_version(rater: Rater, changes: dict[str, object]) -> None:
    assert rater_version(msgspec.structs.replace(rater, **changes)) != rater_version(rater)


@pytest.mark.parametrize("changes", [{"id": "other"}, {"concepts": ("c",)}, {"attempts": "first"}])
def test_what_changes_no_score_does_not(changes: dict[str, object]) -> None:
    assert rater_version(msgspec.structs.replace(JUDGE, **changes)) == rater_version(JUDGE)


def test_the_order_of_options_does_not_matter() -> None:
    one = msgspec.structs.replace(PROGRAM, options={"case": "keep", "part": "all"})
    other = msgspec.structs.replace(PROGRAM, options={"part": "all", "case": "keep"})
    assert rater_version(one) == rater_version(other)


def test_the_served_model_counts_before_the_planned_one() -> None:
    assert rater_version(JUDGE, model="m") == rater_version(JUDGE)
    assert rater_version(JUDGE, model="n") != rater_version(JUDGE)
    assert rater_version(JUDGE, weights="local:sha256:00") != rater_version(JUDGE)


def test_a_new_implementation_is_a_new_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {
        name: rater_version(msgspec.structs.replace(PROGRAM, program=name)) for name in ("exact", "refusal")
    }
    monkeypatch.setitem(identity._PROGRAM_VERSIONS, "exact", "99")
    monkeypatch.setattr(identity, "lexicon_version", lambda: "99")
    for name, version in before.items():
        assert rater_version(msgspec.structs.replace(PROGRAM, program=name)) != version


def test_a_version_is_a_digest() -> None:
    version = rater_version(HUMAN)
    assert version.startswith("sha256:")
    assert len(version) == 71
    assert rater_version(HUMAN, revision=2) != version


def test_prompt_digests() -> None:
    assert prompt_digest(PROGRAM) is None
    assert prompt_digest(JUDGE) != prompt_digest(msgspec.structs.replace(JUDGE, system_prompt="x"))
    assert prompt_digest(HUMAN) != prompt_digest(msgspec.structs.replace(HUMAN, guideline="x"))
