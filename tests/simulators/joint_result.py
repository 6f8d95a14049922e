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
            )
        )
    return tables


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
    ("not met", "check_humans_simulated", {"n_shared": 240}),
    ("not met", "check_judges_one", {"rater": "judge-a"}),
    ("not met", "check_correction_simulated", {"raters": ["judge-a"]}),
    ("not met", "check_power_not_reached", {"wanted": 0.05, "power": 0.8, "detectable": 0.13}),
    ("met", "check_aggregation", {"per_item": "mean", "attempts": 3}),
    ("not met", "check_splits_one", {"split": "evaluation", "items": 80}),
    ("met", "check_logs_kept", {"runs": 2}),
    ("met", "check_modules", {"raters": 3, "models": 1}),
    ("not assessed", "check_pilot_unknown", {}),
    ("met", "check_uncertainty_some", {"n": 118, "without": 9}),
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
        variance=tuple(_variance(sim)),
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
        ),
    )
