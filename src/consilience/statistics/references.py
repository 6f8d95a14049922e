"""Where each method comes from: the key that results carry, and its paper or standard.

Invariant: every `method` and `test` that a function of this package returns is a key here (a test collects
them).
"""

from __future__ import annotations

METHODS: dict[str, str] = {
    # cells
    "item_mean": "Mean of item means, no interval; estimands: NIST AI 800-3 (2026)",
    "wilson": (
        "Score interval of a rate: Wilson (1927), J. Am. Stat. Assoc. 22:209-212; Brown, Cai & DasGupta "
        "(2001), Stat. Sci. 16:101-133, sec. 3.1"
    ),
    "clopper_pearson": "Exact interval of a rate: Clopper & Pearson (1934), Biometrika 26:404-413",
    "jeffreys": (
        "Beta posterior interval under Jeffreys' prior: Brown, Cai & DasGupta (2001), Stat. Sci. "
        "16:101-133, sec. 3.1"
    ),
    "effective_wilson": (
        "Wilson's interval with the effective number of trials of a mean clustered by item: Korn & "
        "Graubard (1998), Survey Methodology 24:193-201; Miller (2024), arXiv 2411.00640; estimands: NIST "
        "AI 800-3 (2026)"
    ),
    "effective_clopper_pearson": (
        "Clopper-Pearson interval with the effective number of trials of a mean clustered by item: Korn & "
        "Graubard (1998), Survey Methodology 24:193-201; Miller (2024), arXiv 2411.00640; estimands: NIST "
        "AI 800-3 (2026)"
    ),
    "stratified_wilson": (
        "Items fixed, attempts vary: stratified variance (Cochran 1977, Sampling Techniques, ch. 5) in "
        "Wilson's interval with the effective number of trials (Korn & Graubard 1998; Hoeffding 1956); "
        "estimands: NIST AI 800-3 (2026)"
    ),
    "stratified_clopper_pearson": (
        "Items fixed, attempts vary: stratified variance (Cochran 1977, Sampling Techniques, ch. 5) in "
        "the Clopper-Pearson interval with the effective number of trials (Korn & Graubard 1998; "
        "Hoeffding 1956); estimands: NIST AI 800-3 (2026)"
    ),
    "student_t": (
        "Student's t interval of item means (scale without bounds); equal to CR2 with one mean per item"
    ),
    "stratified_t": (
        "Items fixed, attempts vary: stratified variance with Satterthwaite's degrees of freedom, t "
        "interval: Cochran (1977), Sampling Techniques, ch. 5; estimands: NIST AI 800-3 (2026)"
    ),
    # contrasts
    "newcombe_paired": (
        "Difference of paired proportions: Newcombe (1998), Stat. Med. 17:2635-2650, method 10"
    ),
    "paired_t": (
        "Paired differences of item means: Miller (2024), arXiv 2411.00640; clusters by CR2 with "
        "Satterthwaite's degrees of freedom: Bell & McCaffrey (2002), Survey Methodology 28:169-181; "
        "Pustejovsky & Tipton (2018), J. Bus. Econ. Stat. 36:672-683"
    ),
    "zero_differences": (
        "No item differs: width of the scale times the exact bound of 0 of n (Clopper & Pearson 1934) for "
        "the share of items that differ"
    ),
    "mcnemar_exact": "Exact binomial test of discordant items: McNemar (1947), Psychometrika 12:153-157",
    "sign_flip_exact": (
        "Exact sign-flip permutation test of paired differences: Fisher (1935), The Design of "
        "Experiments, sec. 21"
    ),
    "sign_flip_random": (
        "Sign-flip permutation test with random flips: Phipson & Smyth (2010), Stat. Appl. Genet. Mol. "
        "Biol. 9:39"
    ),
    "holm": "Family-wise error: Holm (1979), Scand. J. Stat. 6:65-70",
    "benjamini-hochberg": "False discovery rate: Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57:289-300",
    "tie_groups": (
        "Insert-and-absorb letters of all pairwise comparisons: Piepho (2004), J. Comput. Graph. Stat. "
        "13:456-466"
    ),
    "tost": "Two one-sided tests by intervals: Schuirmann (1987), J. Pharmacokinet. Biopharm. 15:657-680",
    # agreement
    "krippendorff_alpha_nominal": (
        "Krippendorff's alpha, nominal: Krippendorff (2011), Computing Krippendorff's alpha-reliability; "
        "bootstrap over units or items"
    ),
    "krippendorff_alpha_ordinal": (
        "Krippendorff's alpha, ordinal: Krippendorff (2011), Computing Krippendorff's alpha-reliability; "
        "bootstrap over units or items"
    ),
    "krippendorff_alpha_interval": (
        "Krippendorff's alpha, interval: Krippendorff (2011), Computing Krippendorff's alpha-reliability; "
        "bootstrap over units or items"
    ),
    "gwet_ac1": (
        "Gwet's AC1: Gwet (2008), Br. J. Math. Stat. Psychol. 61:29-48; bootstrap over units or items"
    ),
    "cohen_kappa": (
        "Cohen's kappa: Cohen (1960), Educ. Psychol. Meas. 20:37-46; bootstrap over units or items"
    ),
    "cohen_kappa_linear": "Weighted kappa, linear weights: Cohen (1968), Psychol. Bull. 70:213-220",
    "cohen_kappa_quadratic": "Weighted kappa, quadratic weights: Cohen (1968), Psychol. Bull. 70:213-220",
    "percent_agreement": "Share of equal pairs of ratings; bootstrap over units or items",
    # raters
    "additive_raters": (
        "Additive model object + rater by least squares: Searle (1971), Linear Models, ch. 7; many-facet "
        "measurement: Linacre (1989); connected designs: Weeks & Williams (1964), Technometrics 6:319-324"
    ),
    "additive_raters_clustered": (
        "Additive model object + rater by least squares, objects clustered by item: CR2 with Satterthwaite's "
        "degrees of freedom, Bell & McCaffrey (2002), Survey Methodology 28:169-181; Pustejovsky & Tipton "
        "(2018), J. Bus. Econ. Stat. 36:672-683; equality of raters: Tipton & Pustejovsky (2015), J. Educ. "
        "Behav. Stat. 40:604-634"
    ),
    "mixed_raters": (
        "Additive model with random objects and raters: REML, Patterson & Thompson (1971), Biometrika "
        "58:545-554; predictions, Henderson (1975), Biometrics 31:423-447; spread of raters averaged "
        "over its "
        "likelihood, Gelman (2006), Bayesian Anal. 1:515-534"
    ),
    # judges
    "clustered_share": "Ratio of sums clustered by item: Cochran (1977), Sampling Techniques, ch. 6",
    "rogan_gladen": (
        "Rate corrected for sensitivity and specificity: Rogan & Gladen (1978), Am. J. Epidemiol. "
        "107:71-76; interval: Lang & Reiczigel (2014), Prev. Vet. Med. 113:13-22, eqs. 2, 6, 7, 16, 17"
    ),
    "ppi_plus_plus": (
        "Prediction-powered inference with tuned weight: Angelopoulos et al. (2023), Science 382:669-674, "
        "arXiv 2301.09633; Angelopoulos, Duchi & Zrnic (2023), PPI++, arXiv 2311.01453; clustered by item"
    ),
    "ppi_stratified": (
        "Stratified prediction-powered inference: Fisch et al. (2024), StratPPI, arXiv 2406.04291, with the "
        "tuned weight of PPI++ (Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453) common to the strata of "
        "one language; clustered by item, strata scaled by their effective number of items (Kish 1965, "
        "Survey Sampling, sec. 11.7)"
    ),
    # variance components
    "henderson_1": (
        "Crossed variance components by Method I: Henderson (1953), Biometrics 9:226-252; Searle, Casella "
        "& McCulloch (1992), Variance Components, ch. 5"
    ),
    "rater_strata": (
        "Raters of the same generations: Method I of Henderson (1953), Biometrics 9:226-252, in the strata "
        "of means over raters and of contrasts between raters: Nelder (1965), Proc. R. Soc. A 283:147-162"
    ),
    "williams_tukey": "Chi-squared interval of a component: Williams (1962), Biometrika 49:278-281",
    "group_jackknife": (
        "Delete-a-group jackknife over items with Satterthwaite's chi-squared interval: Shao & Wu (1989), "
        "Ann. Stat. 17:1176-1197; Satterthwaite (1946), Biometrics Bull. 2:110-114"
    ),
    "variance_recovery": (
        "Interval of a share of variance from those of all components: Zou & Donner (2008), Stat. Med. "
        "27:1693-1702; ratios: Donner & Zou (2012), Stat. Methods Med. Res. 21:347-359"
    ),
    "decision_study": (
        "Generalizability coefficients and decision study: Brennan (2001), Generalizability Theory, ch. "
        "4 and "
        "5; a t quantile per source after Cochran & Cox (1957), Experimental Designs, sec. 4.14"
    ),
    # laboratories
    "item_paired_laboratories": (
        "Laboratory effects from differences within shared items, least squares, errors clustered by "
        "item; variance components after ISO 5725-2"
    ),
    "laboratory_deviation": (
        "Deviation from the mean of the laboratories on shared items, errors clustered by item"
    ),
    "q_profile": "Q-profile interval of a between-result variance: Viechtbauer (2007), Stat. Med. 26:37-52",
    "hotelling": "Equality of correlated means: Hotelling (1931), Ann. Math. Stat. 2:360-378",
    "hartung_knapp": (
        "Random-effects mean: Paule & Mandel (1982), J. Res. Natl. Bur. Stand. 87:377-385; interval: "
        "Hartung & Knapp (2001), Stat. Med. 20:3875-3889, factor not below 1: Röver, Knapp & Friede "
        "(2015), BMC Med. Res. Methodol. 15:99; share beyond chance: Higgins & Thompson (2002), Stat. Med. "
        "21:1539-1558"
    ),
    "prediction": (
        "Prediction interval: Higgins, Thompson & Spiegelhalter (2009), J. R. Stat. Soc. A 172:137-159"
    ),
    "setting_regression": (
        "Random-effects meta-regression of laboratory effects on a setting: Thompson & Higgins (2002), Stat. "
        "Med. 21:1559-1573; errors: Knapp & Hartung (2003), Stat. Med. 22:2693-2710; permutation: Higgins & "
        "Thompson (2004), Stat. Med. 23:1663-1682"
    ),
    "precision": "Repeatability and reproducibility: ISO 5725-2:1994, 7.4.5",
    "mandel_h": "Mandel's h: ISO 5725-2:1994, 7.3.1, tables 6 and 7",
    "mandel_k": "Mandel's k: ISO 5725-2:1994, 7.3.1, tables 6 and 7",
    "cochran": (
        "Cochran's test: ISO 5725-2:1994, 7.3.3, table 4; unequal degrees of freedom (Satterthwaite 1946): "
        "'t Lam (2010), Anal. Chim. Acta 659:68-84"
    ),
    "grubbs": "Grubbs' test: ISO 5725-2:1994, 7.3.4, table 5; Grubbs (1969), Technometrics 11:1-21",
    "algorithm_a": "Robust mean and standard deviation, Algorithm A: ISO 13528:2015, C.3",
    "z_score": "Proficiency z score: ISO 13528:2015, 9.4",
    "zeta_score": (
        "Proficiency zeta score: ISO 13528:2015, 9.6, against the robust mean with its standard error, 7.7.3"
    ),
    # cross-check
    "hierarchical_logistic": (
        "Hierarchical logistic model with crossed effects: HiBayES (2025), arXiv 2505.05602; estimands: NIST "
        "AI 800-3 (2026); priors of spreads: Gelman (2006), Bayesian Anal. 1:515-534; NUTS: Hoffman & Gelman "
        "(2014), J. Mach. Learn. Res. 15:1593-1623; convergence: Vehtari et al. (2021), Bayesian Anal. "
        "16:667-718"
    ),
    # planning
    "paired_power": (
        "Power and items of a paired contrast: Miller (2024), arXiv 2411.00640, section on power "
        "analysis; noncentral t with n - 1 degrees of freedom"
    ),
}
"""Key → what it is and where it is written."""
