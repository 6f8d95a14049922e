"""A reader who does not know statistics must get the verdict right: the two sentences, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from consilience.evaluation.joint_result import Message
from consilience.reporting.messages import sentence
from consilience.reporting.verdict_limits import CAUSES

TITLES = {"arithmetic": "Everyday arithmetic", "refusal": "Refusing"}

MEASURED: dict[str, Any] = {
    "models": ["m", "m"],
    "concepts": ["arithmetic", "refusal"],
    "values": [0.571, 0.81],
    "lows": [0.48, None],
    "highs": [0.66, None],
    "n_items": [40, 1],
    "n_scores": [120, 3],
    "raters": ["exact", "judge"],
    "scales": ["binary", "continuous"],
    "higher_is_better": [True, False],
    "simulated": [False, True],
    "level": 0.95,
    "estimand": "generalized",
    "n_laboratories": 3,
    "n_languages": 4,
}
PAIR: dict[str, Any] = {
    "n_laboratories": 3,
    "n_pairs": 3,
    "margin": 0.1,
    "left": "A",
    "right": "B",
    "model": "m",
    "concept": "arithmetic",
    "difference": 0.03,
    "low": -0.02,
    "high": 0.08,
    "level": 0.95,
}
OFF: dict[str, Any] = {
    "laboratory": "C",
    "n_laboratories": 3,
    "model": "m",
    "concept": "arithmetic",
    "difference": -0.21,
    "low": -0.3,
    "high": -0.12,
    "level": 0.95,
    "n_items": 40,
    "others": ["A", "B"],
    "also": [],
    "margin": 0.1,
    "spread": 0.12,
    "spread_without": 0.02,
}


def told(code: str, params: dict[str, Any], language: str = "en") -> str:
    text = sentence(Message(code=code, params=params), language, titles=TITLES)
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_every_result_has_interval_and_n() -> None:
    assert told("measured", MEASURED) == (
        "m scored 57% on “Everyday arithmetic” (95% interval 48 to 66%; 40 items) and 0.810 on “Refusing” "
        "(no interval; 1 item) (lower is better) (simulated ratings)."
    )


def test_several_models_are_told_apart() -> None:
    assert told("measured", {**MEASURED, "models": ["m", "k"]}).count(" scored ") == 2


def test_a_corrected_number_is_said_beside_the_raw_one() -> None:
    corrected = {
        "corrected": [0.42, None],
        "corrected_lows": [0.33, None],
        "corrected_highs": [0.52, None],
        "corrected_humans": [120, None],
    }
    assert told("measured", {**MEASURED, **corrected}).startswith(
        "m scored 57% on “Everyday arithmetic” (95% interval 48 to 66%; 40 items), or 42% (33 to 52%) "
        "with the rater’s errors taken out, as human ratings of 120 answers show them"
    )
    assert (
        told("measured", {**MEASURED, **corrected, "corrected_lows": [None, None]}).count("no interval") == 2
    )


def test_many_results_are_told_by_their_ends() -> None:
    params = {
        "scales": ["binary", "binary"], "n_results": 9, "n_models": 3, "n_concepts": 3, "level": 0.95,
        "lowest_model": "m", "lowest_concept": "refusal", "lowest_value": 0.2, "lowest_low": 0.1,
        "lowest_high": 0.3, "highest_model": "k", "highest_concept": "arithmetic", "highest_value": 0.9,
        "highest_low": None, "highest_high": None, "estimand": "generalized", "n_laboratories": 3,
        "n_languages": 4,
    }  # fmt: skip
    assert told("measured_many", params) == (
        "3 models on 3 concepts give 9 results, from 20% (m on “Refusing”; 95% interval 10 to 30%) "
        "to 90% (k on “Everyday arithmetic”; no interval)."
    )


def test_agreement_names_the_margin() -> None:
    assert told("laboratories_agree", PAIR) == (
        "The 3 laboratories agree: whatever differences there are lie within the margin of 10 points "
        "that was fixed in advance (largest difference, A minus B on “Everyday arithmetic”: +3 points, "
        "95% interval −2 to +8 points)."
    )


def test_inconclusive_is_not_told_as_agreement() -> None:
    for margin in (0.1, None):
        text = told(
            "laboratories_inconclusive", {**PAIR, "margin": margin, "n_equivalent": 1, "detectable": 0.1}
        )
        assert "is not known" in text
        assert "laboratories agree:" not in text
        assert "equal" not in text


def test_a_laboratory_that_differs_is_named_with_its_deviation_and_the_rest() -> None:
    deviation = {"fields": ["sampling.temperature"], "planned": [0.2], "actual": [1.0], "n_deviations": 1}
    assert told("laboratories_differ_deviation", {**OFF, **deviation}) == (
        "The laboratories do not agree: C is 21 points lower than the others on “Everyday arithmetic” "
        "(95% interval 12 to 30 points; 40 items); there temperature was 1.0 where the protocol said 0.2; "
        "with C left out, the spread between laboratories falls from 12 points to 2 points."
    )


def test_a_higher_laboratory_is_told_as_higher() -> None:
    text = told("laboratories_differ_unknown", {**OFF, "difference": 0.21, "low": 0.12, "high": 0.3})
    assert "C is 21 points higher than the others" in text
    assert "12 to 30 points" in text


def test_a_spread_that_does_not_fall_is_not_told_to_fall() -> None:
    text = told("laboratories_differ_unexplained", {**OFF, "spread_without": 0.15})
    assert "does not fall" in text
    assert "falls" not in text


@pytest.mark.parametrize("missing", ["spread", "spread_without"])
def test_an_unknown_spread_is_left_out(missing: str) -> None:
    assert "left out" not in told("laboratories_differ_unknown", {**OFF, missing: None})


def test_of_two_laboratories_none_is_blamed() -> None:
    params = {**PAIR, "n_items": 40, "laboratories": [], "fields": [], "planned": [], "actual": []}
    assert "it cannot be said which of them is off" in told("laboratories_differ_pair", params)
    one = {**params, "laboratories": ["B"], "fields": ["system_prompt"], "planned": ["sha256:" + "a" * 64]}
    assert "at B system prompt was not set where the protocol said sha256:aaaaaaaaaaaa…" in told(
        "laboratories_differ_pair", {**one, "actual": [None]}
    )


CORRECTED: dict[str, Any] = {"basis": "corrected", "rater": "judge", "n_human": 180, "n_corrected": 3}


def test_a_corrected_difference_says_so_and_whose_ratings_it_rests_on() -> None:
    assert (
        "C is 21 points lower than the others on “Everyday arithmetic”, with the errors of judge taken out "
        in (told("laboratories_differ_unexplained", {**OFF, **CORRECTED}))
    )
    assert "by the scores as judge gave them, with C left out, the spread" in (
        told("laboratories_differ_unexplained", {**OFF, **CORRECTED})
    )
    text = told("laboratories_agree", {**PAIR, **CORRECTED})
    assert "taken out as human ratings of 180 answers show them: +3 points" in text
    assert "differences)" not in text
    mixed = told("laboratories_inconclusive", {**PAIR, **CORRECTED, "n_corrected": 2, "n_equivalent": 0})
    assert "the rater’s errors are taken out of 2 of 3 differences)" in mixed


def test_the_raw_scores_of_a_judge_are_named_as_such() -> None:
    as_given = {"basis": "as_given", "rater": "judge", "n_human": 0, "n_corrected": 0}
    assert "on “Everyday arithmetic”, as judge scored: +3 points" in (
        told("laboratories_agree", {**PAIR, **as_given})
    )


def test_what_is_missing_is_named_and_nothing_else() -> None:
    assert "; without its manifest its deviations are not known;" in (
        told("laboratories_differ_unknown", {**OFF, "missing": ["manifest"]})
    )
    assert "; without the protocol its deviations are not known;" in (
        told("laboratories_differ_unknown", {**OFF, "missing": ["protocol"]})
    )


UNCORRECTED: dict[str, Any] = {
    "cause": "human_ratings_few_in", "raters": ["judge"], "concepts": ["refusal"], "languages": ["fr"],
    "laboratories": ["B"], "n_results": 1, "needed": None, "items": None, "n_answers": 480, "wanted": 0.05,
    "scale": "binary",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"needed": 140}, "About 140 human ratings for each score would do to know it within 5 points."),
        (
            {"items": 90},
            "Human ratings of all 480 answers would not be enough to know it within 5 points; about 90 items "
            "would be.",
        ),
        ({}, "How many human ratings would do is not known."),
        ({"cause": "simulated_rater"}, "errors and all: the scores themselves are simulated."),
    ],
)
def test_scores_as_given_are_told_with_the_reason_and_what_would_do(
    changes: dict[str, Any], end: str
) -> None:
    text = told("verdict_uncorrected", UNCORRECTED | changes)
    assert text.startswith("On Refusing the verdict speaks of scores as judge gave them, errors and all: ")
    assert text.endswith(end)
    if "cause" not in changes:
        assert "in French humans rated too few items at B." in text


def test_every_cause_has_words() -> None:
    for cause in CAUSES:
        assert "not known." not in told("verdict_uncorrected", UNCORRECTED | {"cause": cause, "needed": 9})
    assert "the reason is not known" in told("verdict_uncorrected", UNCORRECTED | {"cause": "new"})


def test_what_correction_hides_is_told_with_its_deviation() -> None:
    deviation = {"fields": ["sampling.temperature"], "planned": [0.2], "actual": [1.0]}
    assert told("verdict_hidden", {**OFF, "rater": "judge", **deviation}) == (
        "As judge scored, errors and all, C would stand apart: 21 points lower than the others on “Everyday "
        "arithmetic” (95% interval 12 to 30 points; 40 items); there temperature was 1.0 where the protocol "
        "said 0.2. With the errors taken out that is not shown."
    )


def test_counts_of_the_checklist_name_what_they_are_out_of() -> None:
    assert told(
        "check_uncertainty", {"kinds": ["score", "severity"], "with_interval": [3, 1], "of": [4, 1]}
    ) == (
        "With an interval: 3 of 4 scores in the estimand of the verdict and 1 of 1 severities; every other "
        "number has its reason."
    )
    power = {
        "wanted": 0.1, "power": 0.8, "scale": "binary", "axes": ["laboratory", "language"],
        "concepts": ["arithmetic", "refusal"], "detectable": [0.07, 0.2], "scales": ["binary", "continuous"],
        "n_compared": 4, "n_unknown": 1,
    }  # fmt: skip
    assert told("check_power", power) == (
        "Wanted difference 10 points at a power of 80%; these data can show between laboratories 7 points or "
        "more (“Everyday arithmetic”) and between languages 0.200 or more (“Refusing”) (the worst of the "
        "concepts). Not known for 1 of 4 combinations of axis and concept."
    )


def test_french() -> None:
    assert told("laboratories_agree", PAIR, "fr").startswith("Les 3 laboratoires sont d’accord : ")
    assert "57 %" in told("measured", MEASURED, "fr")
