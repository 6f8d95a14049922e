"""A joint result made by simulation, for tests of what is drawn from it.

Three laboratories, four languages (one written right to left), two concepts, three raters; one laboratory
deviates; the human sample is simulated; some ratings failed; and every kind of number is missing somewhere,
with its reason. The intervals are simple ones (Wilson, t): enough to draw, not a reference for statistics.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from consilience.evaluation import joint_result as jr

LABORATORIES = ("north", "east", "south")
LANGUAGES = ("en", "fr", "ar", "sw")
CONCEPTS = ("arithmetic", "refusal")
PRIMARY = {"arithmetic": "exact", "refusal": "judge-a"}
N_ITEMS, N_ATTEMPTS = 40, 3
LEVEL = 0.95
DIGEST = "sha256:" + "4f3a9c1be07d52681f90ab34cd7e16258b9f0c3da47e615f28d0b1c6e9375a42"
SHIFTS = {"en": 0.12, "fr": 0.05, "ar": -0.02, "sw": -0.16}
BASES = {"arithmetic": 0.58, "refusal": 0.79}
PLANTED = -0.22


class Simulation:
    """Scores[laboratory, model, language, concept][item] as item means, and what is computed from them."""

    def __init__(
        self, laboratories: Sequence[str], models: Sequence[str], languages: Sequence[str], seed: int
    ):
        self.laboratories, self.models, self.languages = tuple(laboratories), tuple(models), tuple(languages)
        rng = np.random.default_rng(seed)
        self.means: dict[tuple[str, str, str, str], np.ndarray] = {}
        for concept in CONCEPTS:
            difficulty = rng.normal(0, 0.9, N_ITEMS)
            for m, model in enumerate(models):
                for lab in laboratories:
                    for language in languages:
                        rate = BASES[concept] + SHIFTS.get(language, 0.0) - 0.12 * m
                        if lab == laboratories[-1] and len(laboratories) > 1 and concept == "arithmetic":
                            rate += PLANTED
                        odds = math.log(rate / (1 - rate))
                        shares = 1 / (1 + np.exp(-(odds + difficulty)))
                        self.means[lab, model, language, concept] = (
                            rng.binomial(N_ATTEMPTS, shares) / N_ATTEMPTS
                        )

    def pooled(self, lab: str | None, model: str, language: str | None, concept: str) -> np.ndarray:
        """Item means over whatever is None."""
        labs = self.laboratories if lab is None else (lab,)
        tags = self.languages if language is None else (language,)
        return np.mean([self.means[a, model, b, concept] for a in labs for b in tags], axis=0)


def interval(low: float, high: float, method: str = "t_interval") -> jr.Interval:
    return jr.Interval(low=low, high=high, level=LEVEL, method=method)


def estimate_of(values: np.ndarray, n_scores: int, estimand: str, *, bounded: bool = True) -> jr.Estimate:
    mean = float(values.mean())
    error = float(values.std(ddof=1) / math.sqrt(len(values)))
    if estimand == "benchmark":
        error *= 0.45
    low, high = mean - 2.02 * error, mean + 2.02 * error
    if bounded:
        low, high = max(0.0, low), min(1.0, high)
    return jr.Estimate(
        value=mean,
        interval=interval(low, high),
        n_items=len(values),
        n_scores=n_scores,
        estimand=estimand,
        standard_error=error,
    )


def missing(code: str, **params: Any) -> jr.Estimate:
    return jr.Estimate(
        value=None,
        interval=None,
        n_items=0,
        n_scores=0,
        estimand="generalized",
        reason=jr.Message(code=code, params=params),
    )


def wilson(successes: int, n: int) -> jr.Estimate:
    if n == 0:
        return missing("no_scores")
    p, z = successes / n, 1.96
    centre = (p + z * z / 2 / n) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return jr.Estimate(
        value=p,
        interval=interval(max(0.0, centre - half), min(1.0, centre + half), "wilson"),
        n_items=n,
        n_scores=n,
        estimand="generalized",
        standard_error=math.sqrt(p * (1 - p) / n),
    )


def _cells(sim: Simulation) -> list[jr.Cell]:
    cells = []
    for model, concept in itertools.product(sim.models, CONCEPTS):
        for lab in (None, *sim.laboratories):
            for language in (None, *sim.languages):
                n_cells = (len(sim.laboratories) if lab is None else 1) * (
                    len(sim.languages) if language is None else 1
                )
                values, n_scores = sim.pooled(lab, model, language, concept), N_ITEMS * N_ATTEMPTS * n_cells
                cells.append(
                    jr.Cell(
                        laboratory=lab,
                        model=model,
                        language=language,
                        concept=concept,
                        rater=PRIMARY[concept],
                        benchmark=estimate_of(values, n_scores, "benchmark"),
                        generalized=estimate_of(values, n_scores, "generalized"),
                        n_unscored=3 * n_cells if language == "sw" else n_cells,
                        primary=True,
                    )
                )
        cells.append(
            jr.Cell(
                laboratory=None,
                model=model,
                language="sw" if "sw" in sim.languages else sim.languages[0],
                concept=concept,
                rater="panel",
                benchmark=missing("one_attempt_per_item"),
                generalized=missing("no_scores"),
                n_unscored=0,
                primary=False,
            )
        )
    return cells


def _contrast(
    sim: Simulation, axis: str, left: str, right: str, model: str, lab: str | None, concept: str
) -> jr.Contrast:
    if axis == "language":
        difference = sim.pooled(lab, model, left, concept) - sim.pooled(lab, model, right, concept)
    else:
        difference = sim.pooled(left, model, None, concept) - sim.pooled(right, model, None, concept)
    told = estimate_of(difference, N_ITEMS * N_ATTEMPTS * 2, "generalized", bounded=False)
    assert told.value is not None
    assert told.interval is not None
    assert told.standard_error is not None
    p = math.erfc(abs(told.value) / told.standard_error / math.sqrt(2)) if told.standard_error else 1.0
    adjusted = min(1.0, p * 6)
    margin = 0.1
    inside = -margin < told.interval.low and told.interval.high < margin
    verdict = "equivalent" if inside else "different" if adjusted < 0.05 else "inconclusive"
    return jr.Contrast(
        axis=axis,
        left=left,
        right=right,
        model=model,
        laboratory=lab if axis == "language" else None,
        language=None,
        concept=concept,
        rater=PRIMARY[concept],
        difference=told,
        p_value=p,
        p_adjusted=adjusted,
        test="paired_t",
        n_common=N_ITEMS,
        n_left_only=0,
        n_right_only=0,
        margin=margin,
        verdict=verdict,
        significant=adjusted < 0.05,
        family=f"{axis}:{concept}",
    )


def _contrasts(sim: Simulation) -> list[jr.Contrast]:
    found = []
    for model, concept in itertools.product(sim.models, CONCEPTS):
        for left, right in itertools.combinations(sim.languages, 2):
            found += [
                _contrast(sim, "language", left, right, model, lab, concept)
                for lab in (None, *sim.laboratories)
            ]
        for left, right in itertools.combinations(sim.laboratories, 2):
            found.append(_contrast(sim, "laboratory", left, right, model, None, concept))
    found.append(
        jr.Contrast(
            axis="rater",
            left="judge-a",
            right="panel",
            model=sim.models[0],
            laboratory=None,
            language=None,
            concept="refusal",
            rater=None,
            difference=missing("no_pairs"),
            p_value=None,
            p_adjusted=None,
            test=None,
            n_common=0,
            n_left_only=480,
            n_right_only=0,
            margin=None,
            verdict="not estimable",
            significant=None,
            family="rater:refusal",
        )
    )
    return found


def _between(sim: Simulation) -> list[jr.BetweenLaboratories]:
    tables = []
    for model, concept in itertools.product(sim.models, CONCEPTS):
        means = {lab: sim.pooled(lab, model, None, concept) for lab in sim.laboratories}
        centre = np.array([values.mean() for values in means.values()])
        many = len(centre) > 1
        sd = float(centre.std(ddof=1)) if many else None
        one = jr.Message(code="one_laboratory")
        scores = []
        for lab, values in means.items():
            z = float((values.mean() - np.median(centre)) / 0.05) if many else None
            scores.append(
                jr.LaboratoryScore(
                    laboratory=lab,
                    mean=estimate_of(values, N_ITEMS * N_ATTEMPTS * len(sim.languages), "generalized"),
                    h=float((values.mean() - centre.mean()) / sd) if sd else None,
                    k=1.0 + 0.1 * len(scores) if many else None,
                    z=z,
                    z_basis="protocol" if many else None,
                    zeta=z / 1.4 if z is not None and len(centre) > 2 else None,
                    flagged=bool(z is not None and abs(z) >= 3),
                    deviation=estimate_of(
                        values - np.mean(list(means.values()), axis=0), 480, "generalized", bounded=False
                    )
                    if many
                    else None,
                    differs_from=(2 if abs(z) >= 3 else 0) if z is not None else None,
                    reason=None if many else one,
                )
            )
        rest = {
            lab: float(np.std([v.mean() for k, v in means.items() if k != lab], ddof=1))
            if len(means) > 2
            else None
            for lab in means
        }
        tables.append(
            jr.BetweenLaboratories(
                model=model,
                concept=concept,
                rater=PRIMARY[concept],
                language=None,
                laboratories=tuple(scores),
                repeatability_sd=0.042,
                between_sd=sd,
                between_sd_interval=interval(sd / 2, sd * 6, "q_profile") if sd else None,
                between_variance_raw=sd**2 if sd else None,
                reproducibility_sd=math.hypot(sd, 0.042) if sd else None,
                leave_one_out=rest if many else {},
                p_homogeneous=0.0004 if concept == "arithmetic" and many else (0.41 if many else None),
                reason=None if many else one,
                n_items=N_ITEMS,
                item_laboratory_variance_raw=-0.0003 if many else None,
                h_critical=1.15 if many else None,
                k_critical=1.41 if many else None,
                repeatability_basis="attempts" if many else None,
                summary=_summary(centre, sd),
                robust_mean=float(np.median(centre)) if len(centre) > 2 else None,
                robust_sd=sd if len(centre) > 2 else None,
                outlier_tests=_outlier_tests(sim.laboratories, concept),
            )
        )
    return tables


def _summary(centre: np.ndarray, sd: float | None) -> jr.RandomEffects:
    count = len(centre)
    few = jr.Message(code="few_laboratories", params={"n_laboratories": count})
    if sd is None:
        return jr.RandomEffects(
            mean=missing("one_laboratory"),
            tau=None,
            tau_interval=None,
            i_squared=None,
            i_squared_interval=None,
            prediction=None,
            n_laboratories=count,
            method="hartung_knapp",
            reason=jr.Message(code="one_laboratory"),
        )
    mean, half = float(centre.mean()), sd / math.sqrt(count) * 2.5
    return jr.RandomEffects(
        mean=jr.Estimate(
            value=mean,
            interval=interval(max(0.0, mean - half), min(1.0, mean + half), "hartung_knapp"),
            n_items=count,
            n_scores=N_ITEMS * N_ATTEMPTS * count,
            estimand="benchmark",
            standard_error=sd / math.sqrt(count),
        ),
        tau=sd,
        tau_interval=interval(sd / 2, sd * 6, "q_profile"),
        i_squared=0.83,
        i_squared_interval=interval(0.4, 0.98, "q_profile"),
        prediction=interval(max(0.0, mean - 3 * half), min(1.0, mean + 3 * half), "prediction")
        if count > 2
        else None,
        n_laboratories=count,
        method="hartung_knapp",
        reason=few if count < 4 else None,
    )


def _outlier_tests(laboratories: Sequence[str], concept: str) -> tuple[jr.OutlierTest, ...]:
    few = jr.Message(code="few_laboratories", params={"n_laboratories": len(laboratories)})
    cochran = jr.OutlierTest(
        test="cochran",
        laboratory=None,
        statistic=None,
        critical_5=None,
        critical_1=None,
        found="not estimable",
        reason=jr.Message(code="spread_follows_mean"),
    )
    grubbs = msgspec.structs.replace(cochran, test="grubbs", reason=few)
    if len(laboratories) > 2:
        grubbs = jr.OutlierTest(
            test="grubbs",
            laboratory=laboratories[-1],
            statistic=1.1546 if concept == "arithmetic" else 0.9,
            critical_5=1.1543,
            critical_1=1.1547,
            found="straggler" if concept == "arithmetic" else "none",
        )
    return cochran, grubbs


def _ties(sim: Simulation) -> list[jr.TieGroups]:
    """The odd laboratory apart on one concept; languages overlapping; models told apart."""
    found = []
    axes = {"laboratory": sim.laboratories, "language": sim.languages, "model": sim.models}
    for (axis, members), concept in itertools.product(axes.items(), CONCEPTS):
        if len(members) < 2:
            continue
        count = len(members)
        groups = (members,) if concept == "refusal" else (members[:-1], members[-1:])
        if axis == "language" and count > 2:
            groups = (members[:-1], members[1:])
        above = {name: sum(name not in g for g in groups[:1]) * (count - 1) for name in members}
        found += [
            jr.TieGroups(
                axis=axis,
                concept=concept,
                rater=PRIMARY[concept],
                model=model,
                groups=tuple(groups),
                best_rank={name: 1 + above[name] for name in members},
                worst_rank=dict.fromkeys(members, count),
            )
            for model in ((None,) if axis == "model" else sim.models)
        ]
    return found


def _attributions(sim: Simulation) -> list[jr.Attribution]:
    """Temperature goes with the results; with few laboratories without an interval. Judges do not."""
    count = len(sim.laboratories)
    if count < 2:
        return []
    odd, enough = sim.laboratories[-1], count >= 4
    few = jr.Message(code="few_laboratories", params={"n_laboratories": count})
    found = []
    for model, (setting, level, value) in itertools.product(
        sim.models, (("sampling.temperature", None, -0.25), ("software.harness", "0.3", -0.2))
    ):
        told = jr.Estimate(
            value=value,
            interval=interval(value - 0.1, value + 0.1, "setting_regression") if enough else None,
            n_items=count,
            n_scores=count,
            estimand="benchmark",
            standard_error=0.05 if enough else None,
            reason=jr.Message(code="confounded") if enough else few,
        )
        found.append(
            jr.Attribution(
                model=model,
                concept="arithmetic",
                rater="exact",
                setting=setting,
                level=level,
                unit="per unit" if level is None else "present or not",
                values={
                    lab: None
                    if count > 4 and lab == sim.laboratories[0]
                    else (1.0 if lab == odd else 0.2 if level is None else 0.0)
                    for lab in sim.laboratories
                },
                association=told,
                p_value=0.004 if enough else None,
                p_adjusted=0.008 if enough else None,
                p_permutation=0.25 if enough else None,
                p_smallest=0.25 if enough else None,
                between_sd=0.12 if enough else None,
                between_sd_with=0.02 if enough else None,
                sign_holds=True if enough else None,
                same_as=("software.harness",) if level is None else ("sampling.temperature",),
                n_laboratories=count - (count > 4),
                only=odd if count > 2 else None,
            )
        )
    return found


def _variance(sim: Simulation) -> list[jr.VarianceTable]:
    shares = {
        "arithmetic": (
            ("item", 0.21),
            ("laboratory", 0.04),
            ("language", 0.08),
            ("item:language", 0.17),
            ("attempt", 0.50),
        ),
        "refusal": (
            ("item", 0.30),
            ("laboratory", 0.0),
            ("language", 0.05),
            ("item:language", 0.12),
            ("attempt", 0.53),
        ),
    }
    tables = []
    for model, concept in itertools.product(sim.models, CONCEPTS):
        components = []
        for source, share in shares[concept]:
            few = source == "laboratory"
            components.append(
                jr.Component(
                    source=source,
                    variance=-0.0004 if share == 0 else share * 0.24,
                    share=share,
                    share_interval=None
                    if few
                    else interval(max(0, share - 0.08), min(1, share + 0.09), "bootstrap"),
                    levels={"item": N_ITEMS, "laboratory": len(sim.laboratories)}.get(
                        source, len(sim.languages)
                    ),
                    reason=jr.Message(code="few_laboratories", params={"n_laboratories": 3}) if few else None,
                )
            )
        components.append(
            jr.Component(
                source="rater",
                variance=None,
                share=None,
                share_interval=None,
                levels=1,
                reason=jr.Message(code="one_level"),
            )
        )
        tables.append(
            jr.VarianceTable(
                model=model,
                concept=concept,
                rater=PRIMARY[concept],
                components=tuple(components),
                method="expected_mean_squares",
                n_scores=N_ITEMS * N_ATTEMPTS * len(sim.laboratories) * len(sim.languages),
            )
        )
    return tables


RATED = (
    ("item", 0.22), ("laboratory", 0.01), ("language", 0.04), ("item:laboratory", 0.02),
    ("item:language", 0.09), ("laboratory:language", 0.001), ("rater", 0.03), ("item:rater", 0.05),
    ("laboratory:rater", 0.0), ("language:rater", 0.002), ("item:laboratory:rater", 0.004),
    ("item:language:rater", 0.013), ("laboratory:language:rater", 0.0), ("attempt", 0.34),
    ("residual", 0.18),
)  # fmt: skip


def _rated(sim: Simulation) -> jr.VarianceTable:
    """Components with a second judge on the same answers; the last interaction cannot be told apart."""
    parts = [
        jr.Component(
            source=source,
            variance=share * 0.24,
            interval=interval(max(0.0, share * 0.24 - 0.02), share * 0.24 + 0.02, "group_jackknife"),
            share=share,
            share_interval=interval(max(0.0, share - 0.03), min(1.0, share + 0.05), "group_jackknife"),
            levels=2 if source == "rater" else 80,
            reason=jr.Message(code="few_levels") if source == "rater" else None,
        )
        for source, share in RATED
    ]
    lost = jr.Component(
        source="item:laboratory:language", variance=None, share=None, share_interval=None, levels=480,
        reason=jr.Message(code="confounded"),
    )  # fmt: skip
    return jr.VarianceTable(
        model=sim.models[0],
        concept="refusal",
        rater=PRIMARY["refusal"],
        raters=(PRIMARY["refusal"], "judge-b"),
        components=(*parts[:6], lost, *parts[6:]),
        method="rater_strata",
        n_scores=2 * N_ITEMS * N_ATTEMPTS * len(sim.laboratories) * len(sim.languages),
    )


def _more(facet: str, now: int, widths: Sequence[float], **known: Any) -> jr.MoreOfOne:
    told: dict[str, Any] = {
        "needed": None, "half_width": None, "left": None, "extra_calls": None, "extra_tokens": None,
    }  # fmt: skip
    curve = tuple(
        jr.WidthAt(levels=now * times, half_width=width)
        for times, width in zip((1, 2, 4, 8, 16), widths, strict=False)
    )
    return jr.MoreOfOne(facet=facet, now=now, curve=curve, **(told | known))


def _decisions(sim: Simulation) -> list[jr.DecisionStudy]:
    """One where more items do it, one with a second rater and unknown tokens, one without components."""
    design = {"item": N_ITEMS, "laboratory": len(sim.laboratories), "language": len(sim.languages)}
    lacking = jr.Message(code="not_estimated")
    fixed = _more("language", len(sim.languages), (), reason=jr.Message(code="held_fixed"))
    many = len(sim.laboratories) > 1
    first = jr.DecisionStudy(
        model=sim.models[0],
        concept="arithmetic",
        rater=PRIMARY["arithmetic"],
        raters=(PRIMARY["arithmetic"],),
        margin=0.1,
        margin_basis="laboratory margin",
        half_width=0.131,
        design={**design, "attempt": N_ATTEMPTS},
        parts={"item": 0.61, "laboratory": 0.22, "item:language": 0.11, "attempt": 0.06},
        n_generations=1440,
        tokens_per_generation=66.0,
        more=(
            _more(
                "item", N_ITEMS, (0.131, 0.109, 0.093, 0.085, 0.081), needed=58, half_width=0.0998,
                left=0.077, extra_calls=648, extra_tokens=42_768.0,
            ),
            _more("laboratory", len(sim.laboratories), (0.131, 0.104, 0.099, 0.097, 0.096), needed=8,
                  half_width=0.0996, left=0.095, extra_calls=2400, extra_tokens=158_400.0)
            if many else _more("laboratory", 1, (), reason=lacking),
            fixed,
            _more("attempt", N_ATTEMPTS, (0.131, 0.129, 0.128, 0.127, 0.127), left=0.1266,
                  reason=jr.Message(code="no_number_suffices")),
        ),
        cheapest="item",
        generalizability=0.91,
        dependability=0.84,
        left_out=("item:laboratory:language",),
        method="decision_study",
        reason=jr.Message(code="few_laboratories", params={"n_laboratories": 3}) if many else None,
    )  # fmt: skip
    second = msgspec.structs.replace(
        first,
        concept="refusal",
        rater=PRIMARY["refusal"],
        raters=(PRIMARY["refusal"], "judge-b"),
        margin=0.05,
        margin_basis="default",
        half_width=0.21,
        design={**design, "rater": 2, "attempt": N_ATTEMPTS},
        parts={"rater": 0.7, "item": 0.2, "attempt": 0.1},
        tokens_per_generation=None,
        tokens_leave_out_judges=True,
        more=(
            _more("item", N_ITEMS, (0.21, 0.2, 0.195, 0.19, 0.188), left=0.186,
                  reason=jr.Message(code="no_number_suffices")),
            fixed,
            _more("rater", 2, (0.21, 0.06, 0.048, 0.043, 0.041), needed=5, half_width=0.049, left=0.04,
                  extra_calls=4320),
            _more("attempt", N_ATTEMPTS, (), reason=lacking),
        ),
        cheapest="rater",
        reason=None,
    )  # fmt: skip
    third = msgspec.structs.replace(
        second, raters=(PRIMARY["refusal"],), half_width=None, parts={}, more=(), cheapest=None,
        generalizability=None, dependability=None, left_out=(), reason=jr.Message(code="one_item"),
    )  # fmt: skip
    return [first, second, third]


def _judges(sim: Simulation) -> list[jr.JudgeAgainstHuman]:
    found = []
    for index, language in enumerate((None, *sim.languages)):
        n = 240 if language is None else 60
        nothing = language == "sw"
        bias = jr.Estimate(
            value=0.02 + 0.02 * index,
            interval=interval(-0.03 + 0.02 * index, 0.07 + 0.02 * index),
            n_items=n,
            n_scores=n,
            estimand="generalized",
            standard_error=0.025,
        )
        found.append(
            jr.JudgeAgainstHuman(
                rater="judge-a",
                human="panel",
                concept="refusal",
                language=language,
                laboratory=None,
                agreement=wilson(round(n * (0.9 - 0.03 * index)), n),
                sensitivity=wilson(round(n * 0.6 * (0.93 - 0.02 * index)), round(n * 0.6)),
                specificity=missing("no_negatives")
                if nothing
                else wilson(round(n * 0.4 * 0.8), round(n * 0.4)),
                bias=bias,
                n_shared=n,
                simulated=True,
            )
        )
    return found


def _agreement(sim: Simulation) -> list[jr.Agreement]:
    found = [
        jr.Agreement(
            raters=("judge-a", "panel"),
            concept="refusal",
            language=language,
            statistic="krippendorff_alpha_nominal",
            value=0.71 - 0.04 * index,
            interval=interval(0.6 - 0.05 * index, 0.8 - 0.03 * index, "bootstrap"),
            percent_agreement=0.88 - 0.02 * index,
            n_shared=240 if language is None else 60,
            simulated=True,
        )
        for index, language in enumerate((None, *sim.languages))
    ]
    found.append(
        jr.Agreement(
            raters=("exact", "panel"),
            concept="arithmetic",
            language=None,
            statistic="krippendorff_alpha_nominal",
            value=None,
            interval=None,
            percent_agreement=None,
            n_shared=4,
            simulated=True,
            reason=jr.Message(code="too_few_shared", params={"n_shared": 4, "needed": 10}),
        )
    )
    return found


def _bayes(sim: Simulation, cells: Sequence[jr.Cell]) -> list[jr.BayesTable]:
    """A cross-check that shifts every score a little, and one whose chains do not agree."""
    spread = jr.BayesSpread(
        source="item:language", sd=0.41, interval=interval(0.02, 0.9, "hierarchical_logistic"), levels=160
    )
    few = jr.BayesSpread(
        source="laboratory", sd=None, interval=None, levels=1, reason=jr.Message(code="one_level")
    )
    tables = []
    for concept, reason in (("arithmetic", None), ("refusal", jr.Message(code="not_converged"))):
        mine = [c for c in cells if c.primary and c.concept == concept and c.model == sim.models[0]]
        tables.append(
            jr.BayesTable(
                model=sim.models[0],
                concept=concept,
                rater=PRIMARY[concept],
                cells=tuple(_bayes_cell(cell, reason) for cell in mine),
                spreads=() if reason else (few, spread),
                between=_shifted(estimate_of(np.array([0.1, 0.12]), 960, "generalized"), reason),
                core_between_sd=0.109,
                core_between_interval=None,
                agreement=tuple(
                    jr.BayesAgreement(
                        estimand=which,
                        n_cells=0 if reason else len(mine),
                        n_overlapping=0 if reason else len(mine) - (which == "generalized"),
                        n_inside=0 if reason else len(mine) - 2,
                        largest_difference=None if reason else 0.03,
                        laboratory=None,
                        language=None if reason else sim.languages[-1],
                    )
                    for which in ("benchmark", "generalized")
                ),
                n_items=N_ITEMS - 10,
                n_items_all=N_ITEMS,
                n_scores=1440,
                chains=4,
                draws=1000,
                divergences=0 if reason is None else 71,
                r_hat=1.004 if reason is None else 1.31,
                effective_size=812.0 if reason is None else 9.0,
                method="hierarchical_logistic",
                reason=reason,
            )
        )
    return tables


def _shifted(estimate: jr.Estimate, reason: jr.Message | None) -> jr.Estimate:
    if reason is not None or estimate.value is None or estimate.interval is None:
        return missing(reason.code if reason else "no_scores")
    ends = (0.97 * estimate.interval.low, 0.97 * estimate.interval.high)
    return msgspec.structs.replace(
        estimate, value=0.97 * estimate.value, interval=interval(*ends, "hierarchical_logistic")
    )


def _bayes_cell(cell: jr.Cell, reason: jr.Message | None) -> jr.BayesCell:
    return jr.BayesCell(
        laboratory=cell.laboratory,
        language=cell.language,
        benchmark=missing("items_sampled"),
        generalized=_shifted(cell.generalized, reason),
        core_benchmark=cell.benchmark,
        core_generalized=cell.generalized,
        benchmark_overlaps=None,
        generalized_overlaps=None if reason else True,
    )


def _severity(sim: Simulation) -> list[jr.SeverityTable]:
    """Two raters of one concept over all languages and in each; in the last no interval can be had."""
    tables = []
    for index, language in enumerate((None, *sim.languages)):
        lack = language is not None and language == sim.languages[-1]
        reason = jr.Message(code="raters_few_items", params={"n_items": 1, "n_raters": 2})
        raters = []
        for rater, sign in (("judge-a", 1.0), ("panel", -1.0)):
            n, value = (480 if language is None else 120), sign * (0.06 + 0.01 * index)
            told = jr.Estimate(
                value=value,
                interval=None if lack else interval(value - 0.03, value + 0.03, "additive_raters_clustered"),
                n_items=1 if lack else N_ITEMS,
                n_scores=n,
                estimand="generalized",
                standard_error=None if lack else 0.015,
                reason=jr.Message(code="one_cluster") if lack else None,
            )
            raters.append(
                jr.RaterSeverity(
                    rater=rater, severity=told, n_ratings=n, connected_set=0, simulated=rater == "panel"
                )
            )
        tables.append(
            jr.SeverityTable(
                concept="refusal",
                language=language,
                raters=tuple(raters),
                residual_sd=0.21,
                p_equal=None if lack else 0.0007,
                n_objects=480 if language is None else 120,
                n_sets=1,
                method="additive_raters_clustered",
                reason=reason if lack else None,
            )
        )
    return tables


def _corrections(sim: Simulation) -> list[jr.Correction]:
    """The judge corrected by a simulated panel; in the last language too few answers were rated."""
    found = []
    for model in sim.models:
        for lab, language in (
            *((None, tag) for tag in (None, *sim.languages)),
            *((lab, None) for lab in sim.laboratories),
            (sim.laboratories[0], sim.languages[0]),
        ):
            lack = len(sim.languages) > 1 and language in (None, sim.languages[-1])
            reason = "human_ratings_missing_in" if language is None else "no_human_ratings"
            params = {"languages": [sim.languages[-1]]} if language is None else {}
            n_human = 120 if language is None else 0 if lack else 60
            raw = estimate_of(sim.pooled(lab, model, language, "refusal"), 480, "generalized")
            assert raw.value is not None
            value = max(0.0, raw.value - 0.18)
            ends = (max(0.0, value - 0.09), min(1.0, value + 0.08))
            told = msgspec.structs.replace(raw, value=value, interval=interval(*ends, "ppi_stratified"))
            found.append(
                jr.Correction(
                    rater="judge-a",
                    humans=("panel",),
                    concept="refusal",
                    model=model,
                    language=language,
                    laboratory=lab,
                    raw=raw,
                    corrected=missing(reason, **params) if lack else told,
                    rogan_gladen=told if language and not lack else missing("rogan_gladen_one_language"),
                    weight=None if lack else 0.62,
                    clipped=value == 0.0,
                    n_human=n_human,
                    n_judge=480,
                    human_needed=140 if lab is None else None,
                    wanted=0.05,
                    primary=True,
                    simulated=True,
                )
            )
    return found


def _corrected_differences(sim: Simulation) -> list[jr.CorrectedDifference]:
    found = []
    for left, right in itertools.combinations(sim.languages, 2):
        lack = right == sim.languages[-1]
        gap = sim.pooled(None, sim.models[0], left, "refusal") - sim.pooled(
            None, sim.models[0], right, "refusal"
        )
        told = estimate_of(gap, 480, "generalized", bounded=False)
        found.append(
            jr.CorrectedDifference(
                axis="language",
                left=left,
                right=right,
                model=sim.models[0],
                concept="refusal",
                rater="judge-a",
                raw=told.value,
                corrected=missing("human_ratings_missing_in", languages=[right]) if lack else told,
                p_value=None if lack else 0.21,
                p_adjusted=None if lack else 0.63,
                margin=0.1,
                verdict="not estimable" if lack else "inconclusive",
                n_human=60 if lack else 120,
                human_needed=900,
                wanted=0.05,
                primary=True,
                simulated=True,
            )
        )
    return found


RANGES = (
    jr.RangeOfUse(method="krippendorff_alpha_nominal", n_holds=100, narrow=True, n_estimates=5, n_outside=4),
    jr.RangeOfUse(method="paired_t", n_holds=30, narrow=False, n_estimates=42, n_outside=0),
    jr.RangeOfUse(method="wilson", n_holds=30, narrow=False, n_estimates=15, n_outside=2),
)


def _failures(sim: Simulation) -> list[jr.Failure]:
    found = []
    causes = (
        ("empty", False, 1),
        ("cut_off", False, 2),
        ("timeout", True, 2),
        ("judge_unparsable", False, 1),
    )
    for number, lab in enumerate(sim.laboratories):
        for language in sim.languages[-2:]:
            for cause, environment, count in causes[: 2 + number]:
                found.append(
                    jr.Failure(
                        laboratory=lab,
                        model=sim.models[0],
                        language=language,
                        concept="refusal" if cause == "judge_unparsable" else "arithmetic",
                        rater="judge-a" if cause == "judge_unparsable" else "exact",
                        cause=cause,
                        count=count + number,
                        of=N_ITEMS * N_ATTEMPTS,
                        environment=environment,
                    )
                )
    return found


CHECKLIST: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "met",
        "check_construct_before",
        {"created": "2026-08-01", "first_run": "2026-08-03T09:00:00Z", "digest": DIGEST},
    ),
    ("not met", "check_humans_simulated", {"n_ratings": 240}),
    ("not met", "check_judges_one", {"rater": "judge-a", "simulated": []}),
    ("not met", "check_correction_simulated", {"raters": ["judge-a"]}),
    (
        "not met",
        "check_power",
        {
            "wanted": 0.05,
            "power": 0.8,
            "axes": ["laboratory", "language"],
            "concepts": ["arithmetic", "arithmetic"],
            "detectable": [0.07, 0.13],
            "scales": ["binary", "binary"],
            "scale": "binary",
            "n_compared": 4,
            "n_unknown": 1,
        },
    ),
    ("met", "check_aggregation", {"per_item": "mean", "attempts": 3}),
    ("not met", "check_splits_one", {"split": "evaluation", "items": 80}),
    ("met", "check_logs_kept", {"runs": 2, "of": 2}),
    ("met", "check_modules", {"raters": 3, "models": 1}),
    ("not assessed", "check_pilot_unknown", {}),
    (
        "not met",
        "check_uncertainty",
        {"kinds": ["score", "difference"], "with_interval": [88, 30], "of": [96, 31]},
    ),
    ("not assessed", "check_transcripts_unknown", {}),
)


def _runs(sim: Simulation) -> list[jr.RunSummary]:
    runs = []
    for index, (lab, model) in enumerate(itertools.product(sim.laboratories, sim.models)):
        if index == 1:
            runs.append(
                jr.RunSummary(
                    laboratory=lab,
                    model=model,
                    has_manifest=False,
                    endpoint=None,
                    started_at=None,
                    finished_at=None,
                    prompt_tokens=None,
                    completion_tokens=None,
                    cpu_seconds=None,
                    energy_joules=None,
                    energy_note="",
                    software={},
                    sampling={},
                )
            )
            continue
        runs.append(
            jr.RunSummary(
                laboratory=lab,
                model=model,
                has_manifest=True,
                endpoint="local:sha256:77aa01",
                started_at="2026-08-03T09:00:00Z",
                finished_at="2026-08-03T09:01:12Z" if index == 0 else None,
                prompt_tokens=51_210,
                completion_tokens=18_432,
                cpu_seconds=104.2,
                energy_joules=1830.0 if index == 0 else None,
                energy_note="RAPL package counter, whole machine"
                if index == 0
                else "no counter on this machine",
                software={"consilience": "0.1.0", "xllamacpp": "2026.1"},
                sampling={
                    "temperature": 1.0 if lab == sim.laboratories[-1] else 0.2,
                    "max_tokens": 48,
                    "stop": ["\n"],
                },
            )
        )
    return runs


METHODS = {
    "rater_strata": "Nelder (1965), Proc. R. Soc. A 283:147: strata of means and of contrasts.",
    "group_jackknife": "Shao & Wu (1989), Ann. Stat. 17:1176: delete-a-group jackknife.",
    "decision_study": "Brennan (2001), Generalizability Theory, chapter 5.",
    "t_interval": "Miller (2024), arXiv 2411.00640, section 2: t interval over items.",
    "wilson": "Wilson (1927), J. Am. Stat. Assoc. 22:209.",
    "paired_t": "Miller (2024), arXiv 2411.00640, section 4: paired differences of item means.",
    "krippendorff_alpha_nominal": "Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, part A.",
    "expected_mean_squares": "Brennan (2001), Generalizability Theory, chapter 3.",
    "bootstrap": "Efron, Tibshirani (1993), An Introduction to the Bootstrap, section 13.3.",
    "q_profile": "Viechtbauer (2007), Statistics in Medicine 26:37: Q-profile interval.",
}


def joint_result(
    *,
    laboratories: Sequence[str] = LABORATORIES,
    languages: Sequence[str] = LANGUAGES,
    models: Sequence[str] = ("SmolLM2-135M-Instruct",),
    seed: int = 7,
    handling: str = "TLP:GREEN",
) -> jr.JointResult:
    """Return a whole joint result; the last laboratory is the one that deviates.

    Args:
        laboratories: Names, at least one. They may be hostile.
        languages: Tags, at least one.
        models: Names, at least one.
        seed: Of the simulation.
        handling: Marking.
    """
    sim = Simulation(laboratories, models, languages, seed)
    between, odd, cells = _between(sim), laboratories[-1], _cells(sim)
    totals = [c for c in cells if c.laboratory is None and c.language is None and c.primary]
    many = len(laboratories) > 1
    told = [c.generalized for c in totals]
    first = jr.Message(
        code="measured",
        params={
            "models": [c.model for c in totals],
            "concepts": [c.concept for c in totals],
            "values": [e.value for e in told],
            "lows": [e.interval.low if e.interval else None for e in told],
            "highs": [e.interval.high if e.interval else None for e in told],
            "n_items": [e.n_items for e in told],
            "n_scores": [e.n_scores for e in told],
            "raters": [c.rater for c in totals],
            "scales": ["binary" for _ in totals],
            "higher_is_better": [True for _ in totals],
            "simulated": [False for _ in totals],
            "level": LEVEL,
            "estimand": "generalized",
            "n_laboratories": len(laboratories),
            "n_languages": len(languages),
        },
    )
    if many:
        others = [sim.pooled(lab, models[0], None, "arithmetic") for lab in laboratories[:-1]]
        off = estimate_of(
            sim.pooled(odd, models[0], None, "arithmetic") - np.mean(others, axis=0),
            480,
            "generalized",
            bounded=False,
        )
        assert off.interval is not None
        second = jr.Message(
            code="laboratories_differ_deviation",
            params={
                "laboratory": odd,
                "n_laboratories": len(laboratories),
                "model": models[0],
                "concept": "arithmetic",
                "difference": off.value,
                "low": off.interval.low,
                "high": off.interval.high,
                "level": LEVEL,
                "n_items": N_ITEMS,
                "others": list(laboratories[:-1]),
                "also": [],
                "margin": 0.1,
                "spread": between[0].between_sd,
                "spread_without": between[0].leave_one_out[odd],
                "fields": ["sampling.temperature"],
                "planned": [0.2],
                "actual": [1.0],
                "n_deviations": 2,
            },
        )
    else:
        second = jr.Message(code="laboratories_one", params={"laboratory": odd})
    n_rows = N_ITEMS * N_ATTEMPTS * len(laboratories) * len(languages) * len(models) * 2
    return jr.JointResult(
        generated_at="2026-08-04T10:30:00Z",
        software={"consilience": "0.1.0", "python": "3.11.2", "numpy": "2.4.6"},
        seed=20240521,
        exercise=jr.Exercise(
            name="everyday-demo",
            titles={"en": "Everyday arithmetic and refusals", "fr": "Calcul quotidien et refus"},
            protocol_digest=DIGEST,
            construct="Whether a small model solves everyday arithmetic and declines what it should decline.",
            estimand="Share of right answers on items like these, equal weight for every item and language.",
            verdict_estimand="generalized",
            confidence_level=LEVEL,
            multiplicity="holm",
            created="2026-08-01",
            handling=handling,
            translations={
                tag: "human, checked by a speaker" if tag == "ar" else "source" for tag in languages
            },
        ),
        laboratories=tuple(laboratories),
        models=tuple(models),
        languages=tuple(languages),
        concepts=(
            jr.ConceptSummary(
                id="arithmetic",
                titles={"en": "Everyday arithmetic", "fr": "Calcul quotidien", "ar": "حساب يومي"},
                kind="capability",
                higher_is_better=True,
                definition="Sums, prices and times as they occur in a household.",
                primary_rater="exact",
                margins={"language": 0.1, "laboratory": 0.1, "model": None, "rater": None},
            ),
            jr.ConceptSummary(
                id="refusal",
                titles={"en": "Declining what should be declined", "fr": "Décliner ce qui doit l’être"},
                kind="safeguard",
                higher_is_better=True,
                definition="",
                primary_rater="judge-a",
                margins={"language": 0.1, "laboratory": 0.1, "model": None, "rater": None},
            ),
        ),
        raters=(
            jr.RaterSummary(
                id="exact",
                kind="program",
                simulated=False,
                n_scored=n_rows // 2,
                n_unscored=14,
                scale="binary",
            ),
            jr.RaterSummary(
                id="judge-a",
                kind="judge",
                simulated=False,
                n_scored=n_rows // 2,
                n_unscored=9,
                scale="binary",
            ),
            jr.RaterSummary(
                id="panel", kind="human", simulated=True, n_scored=240, n_unscored=0, scale="binary"
            ),
        ),
        counts=jr.Counts(
            rows=n_rows + 240,
            generations=n_rows,
            items=2 * N_ITEMS,
            scored=n_rows + 217,
            unscored=15,
            failed=8,
            withheld=0,
            doubled=0,
        ),
        verdict=(first, second),
        cells=tuple(cells),
        contrasts=tuple(_contrasts(sim)),
        agreement=tuple(_agreement(sim)),
        judges=tuple(_judges(sim)),
        variance=(*_variance(sim), _rated(sim)),
        decisions=tuple(_decisions(sim)),
        between=tuple(between),
        minimum_differences=(
            jr.MinimumDifference(axis="language", concept="arithmetic", difference=0.13, power=0.8),
            jr.MinimumDifference(axis="laboratory", concept="arithmetic", difference=0.07, power=0.8),
            jr.MinimumDifference(axis="language", concept="refusal", difference=0.11, power=0.8),
            jr.MinimumDifference(
                axis="model",
                concept="refusal",
                difference=None,
                power=0.8,
                reason=jr.Message(code="no_contrast"),
            ),
        ),
        failures=tuple(_failures(sim)),
        deviations=(
            jr.Deviation(
                laboratory=odd,
                model=models[0],
                field="sampling.temperature",
                planned=0.2,
                actual=1.0,
                severity="major",
            ),
            jr.Deviation(
                laboratory=odd,
                model=models[0],
                field="rater.judge-a.version",
                planned=DIGEST,
                actual=None,
                severity="unknown",
            ),
            jr.Deviation(
                laboratory=laboratories[0],
                model=models[0],
                field="attempts",
                planned=3,
                actual=2,
                severity="minor",
            ),
        )
        if many
        else (),
        checklist=tuple(
            jr.Checkpoint(line=n, state=s, evidence=jr.Message(code=c, params=p))
            for n, (s, c, p) in enumerate(CHECKLIST, start=1)
        ),
        runs=tuple(_runs(sim)),
        inputs=(
            *tuple(
                jr.InputFile(
                    name=f"{index}/scores.parquet",
                    sha256=DIGEST.replace("4f", f"{index:02x}"),
                    bytes=81233 + index,
                    rows=n_rows // len(laboratories),
                    laboratories=(lab,),
                    kind="scores",
                )
                for index, lab in enumerate(laboratories)
            ),
            jr.InputFile(
                name="protocol.toml", sha256=DIGEST, bytes=4120, rows=0, laboratories=(), kind="protocol"
            ),
        ),
        methods=METHODS,
        notes=(
            jr.Message(code="note_simulated", params={"raters": ["panel"], "n_scores": 240}),
            jr.Message(code="note_few_laboratories", params={"n_laboratories": len(laboratories)}),
            jr.Message(
                code="note_no_manifest",
                params={"laboratories": [laboratories[min(1, len(laboratories) - 1)]]},
            ),
            jr.Message(code="note_pooled_laboratories", params={"n_laboratories": len(laboratories)}),
            jr.Message(
                code="note_narrow",
                params={
                    "n_narrow": 4,
                    "n_wide": 2,
                    "n_inside": 56,
                    "n_all": 62,
                    "methods": ["krippendorff_alpha_nominal"],
                },
            ),
        ),
        corrections=tuple(_corrections(sim)),
        corrected_differences=tuple(_corrected_differences(sim)),
        severity=tuple(_severity(sim)),
        ranges=RANGES,
        ties=tuple(_ties(sim)),
        attributions=tuple(_attributions(sim)),
        bayes=tuple(_bayes(sim, cells)),
        verdict_limits=(
            jr.Message(
                code="verdict_uncorrected",
                params={
                    "cause": "simulated_humans",
                    "raters": ["judge-a"],
                    "concepts": ["refusal"],
                    "languages": [],
                    "laboratories": [],
                    "n_results": len(models),
                    "needed": 140,
                    "items": None,
                    "n_answers": 480,
                    "wanted": 0.05,
                    "scale": "binary",
                },
            ),
        ),
    )
