"""What is known of a method's range of use, in plain words: from how much data on it holds, and what to mind.

Pure data. The numbers stand in `statistics.ranges`, and were found by the validity suite, whose page tells
the same words. Invariant: every method with a range has words here.
"""

from __future__ import annotations

from consilience.reporting.language_names import N_

_DRAWN_AGAIN = N_(
    "Answers or whole items are drawn again and again (bootstrap): holds from about 100 of them on; with "
    "30 it holds the truth in about 92 of 100 cases."
)
RANGE_WORDS: dict[str, str] = {
    "wilson": N_(
        "Rates with fewer than 10 successes or failures take the exact interval instead (Clopper and "
        "Pearson), which is wider than need be: all rates of 10 items, rare ones up to some hundred "
        "items."
    ),
    "effective_wilson": N_(
        "Wider than need be below about 30 items, and for rare outcomes below some hundred."
    ),
    "stratified_wilson": N_("Wider than need be: unequal items vary less than the bound that it keeps to."),
    "student_t": N_(
        "Scales without bounds: exact for normal scores. Strongly skewed scores (log-normal) need about "
        "1,000 items; with 100 it holds the truth in some 92 of 100 cases, with 10 in some 84. Give the "
        "scale’s bounds where it has any."
    ),
    "mcnemar_exact": N_(
        "Exact, and therefore cautious where few items differ between the two sides (below some 100 items)."
    ),
    "newcombe_paired": N_("Wider than need be below about 30 items."),
    "sign_flip_exact": N_(
        "Exact, and therefore cautious below about 50 items, where its p values are coarse."
    ),
    "paired_t": N_(
        "Wider than need be where nearly all differences are 0 (outcomes of 5 in 1,000 on a few hundred "
        "items)."
    ),
    "holm": N_(
        "At most 5 in 100 false alarms over the family; fewer where the comparisons depend on each other."
    ),
    "benjamini-hochberg": N_(
        "At most 5 in 100 discoveries are false, times the share of comparisons without a difference."
    ),
    "tost": N_("Cautious where the interval is hardly narrower than the margin."),
    "krippendorff_alpha_nominal": _DRAWN_AGAIN,
    "krippendorff_alpha_ordinal": _DRAWN_AGAIN,
    "krippendorff_alpha_interval": _DRAWN_AGAIN,
    "gwet_ac1": _DRAWN_AGAIN,
    "cohen_kappa": _DRAWN_AGAIN,
    "percent_agreement": _DRAWN_AGAIN,
    "clustered_share": N_(
        "Wider than need be with fewer than about 30 human positives (sensitivity) or negatives "
        "(specificity)."
    ),
    "rogan_gladen": N_(
        "Wider than need be, more so the larger the share of answers that humans rated, since it takes "
        "the judge’s rate and the human sample as independent; prediction-powered inference is closer "
        "there."
    ),
    "ppi_plus_plus": N_("Wider than need be with about 50 human ratings, and for rates near 0 or 1."),
    "ppi_stratified": N_(
        "Wider than need be with fewer than some 200 human ratings, and for rates near 0 or 1."
    ),
    "mixed_raters": N_(
        "Wider than need be with few raters (4), or where raters do not differ; there prefer the additive "
        "model."
    ),
    "additive_raters": N_(
        "Errors must be about equally large for all raters and answers, and independent of each other."
    ),
    "group_jackknife": N_(
        "Simulated from 30 items on; with fewer its groups are too few to know their spread. It is a "
        "little wide for components a few standard errors above 0."
    ),
    "williams_tukey": N_("Wider than need be only where the component is 0."),
    "variance_recovery": N_(
        "Simulated from 40 items on. Wider than need be with few laboratories, where components are "
        "estimated with errors that offset each other."
    ),
    "q_profile": N_("Wider than need be only where there is no spread at all."),
    "item_paired_laboratories": N_(
        "Calling a laboratory odd is cautious on purpose: false alarms stay below 5 in 100 over all "
        "laboratories."
    ),
    "hartung_knapp": N_(
        "The mean over laboratories on these items. Wider than need be with 3 results, and where results "
        "differ less than their errors, since agreement by chance is not allowed to narrow it."
    ),
    "prediction": N_(
        "With 3 results it is wider than need be, often the whole scale. From 5 on it holds where the spread "
        "between results is clearly larger than their errors; where the two are alike it is too narrow, and "
        "holds the truth in some 90 of 100 cases."
    ),
    "cochran": N_(
        "Rarely calls a laboratory out where attempts agree on most items and differ much on a few."
    ),
    "algorithm_a": N_(
        "The standard error that ISO 13528 gives its mean is cautious: twice it holds the truth in some 98 "
        "of 100 cases."
    ),
    "zeta_score": N_(
        "Small with few laboratories, since each is part of the mean that it is held against: of 5 equal "
        "ones hardly any goes beyond 2, of 20 some 4 in 100 do."
    ),
    "setting_regression": N_(
        "Wider than need be with 4 laboratories, and where laboratories differ less than their errors. "
        "The permutation test cannot reject where its smallest p value is above 0.05."
    ),
    "decision_study": N_(
        "The half width is that of an interval which has to estimate its variances; with few laboratories "
        "it is therefore far wider than what known variances would need."
    ),
}
"""Method → its range in words."""
